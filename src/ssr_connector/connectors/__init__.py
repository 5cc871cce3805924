"""Connectors: encoder frames in, vectors in the LLM's input space out."""

import dataclasses
from typing import Any

from ssr_connector.connectors.base import Connector, ConnectorConfig
from ssr_connector.connectors.cif import CIFConnector
from ssr_connector.connectors.conv import ConvConnector
from ssr_connector.connectors.ctc_compress import CTCCompressConnector
from ssr_connector.connectors.linear import LinearConnector
from ssr_connector.connectors.mean_pool import MeanPoolConnector
from ssr_connector.connectors.qformer import QFormerConnector
from ssr_connector.connectors.ssr import SSRConnector
from ssr_connector.connectors.stack import StackConnector
from ssr_connector.encoders.layer_mix import layer_mix
from ssr_connector.errors import UserError

CONNECTORS: dict[str, type[Connector]] = {
    "ssr": SSRConnector,
    "mean_pool": MeanPoolConnector,
    "linear": LinearConnector,
    "stack": StackConnector,
    "conv": ConvConnector,
    "qformer": QFormerConnector,
    "ctc_compress": CTCCompressConnector,
    "cif": CIFConnector,
}
READ_BY_ALL = ("type", "layers", "positions", "dropout")
MAY_BE_ZERO = ("layers", "slack_frames")

__all__ = [
    "CONNECTORS",
    "CIFConnector",
    "CTCCompressConnector",
    "Connector",
    "ConnectorConfig",
    "ConvConnector",
    "LinearConnector",
    "MeanPoolConnector",
    "QFormerConnector",
    "SSRConnector",
    "StackConnector",
    "build_connector",
]


def build_connector(config: ConnectorConfig, encoder_width: int, llm_config: Any, mixed_layers: int = 1) -> Connector:
    """The connector that a configuration names, for frames with `mixed_layers` of the encoder side by side.

    Raises UserError for a name that is none, and for unfit options.
    """
    if config.type not in CONNECTORS:
        raise UserError(f"connector.type is {config.type!r}, not one of {', '.join(CONNECTORS)}")
    check_options(config)
    connector = CONNECTORS[config.type](config, encoder_width // mixed_layers, llm_config)
    connector.mix = layer_mix(mixed_layers)
    return connector


def check_options(config: ConnectorConfig) -> None:
    """Raise UserError at an option that this type of connector does not read, and at a count that is too small."""
    for field in dataclasses.fields(config):
        key, value = field.name, getattr(config, field.name)
        readers = [name for name, cls in CONNECTORS.items() if key in cls.options]
        if key not in READ_BY_ALL and config.type not in readers and value != field.default:
            raise UserError(
                f"connector.{key} is {value}, but connector.type {config.type!r} does not read it "
                f"(only {', '.join(readers)}); leave it at {field.default}"
            )
        least = 0 if key in MAY_BE_ZERO else 1
        if isinstance(value, int) and value < least:
            raise UserError(f"connector.{key} is {value}; it must be at least {least}")
