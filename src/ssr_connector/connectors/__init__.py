"""Connectors: encoder frames in, vectors in the LLM's input space out."""

from typing import Any

from ssr_connector.connectors.base import Connector, ConnectorConfig
from ssr_connector.connectors.ssr import SSRConnector
from ssr_connector.connectors.stack import StackConnector
from ssr_connector.errors import UserError

CONNECTORS: dict[str, type[Connector]] = {"ssr": SSRConnector, "stack": StackConnector}

__all__ = ["CONNECTORS", "Connector", "ConnectorConfig", "SSRConnector", "StackConnector", "build_connector"]


def build_connector(config: ConnectorConfig, encoder_width: int, llm_config: Any) -> Connector:
    """The connector that a configuration names. Raises UserError for a name that is none."""
    if config.type not in CONNECTORS:
        raise UserError(f"connector.type is {config.type!r}, not one of {', '.join(CONNECTORS)}")
    return CONNECTORS[config.type](config, encoder_width, llm_config)
