"""Which parameters learn."""

import re
from collections.abc import Mapping

from torch import nn

from ssr_connector.config import TrainingSection
from ssr_connector.errors import UserError
from ssr_connector.model.adapter import ADAPTERS


def let_learn(parts: Mapping[str, nn.Module], config: TrainingSection) -> list[str]:
    """Let the parts of `train` learn, of an LLM with additions these alone, but for what `freeze` names.

    Returns the patterns that named nothing. Raises UserError at one that is no regular expression.
    """
    try:
        patterns = [re.compile(pattern) for pattern in config.freeze]
    except re.error as error:
        raise UserError(f"training.freeze: {error.pattern!r} is no regular expression ({error})") from error
    used: set[str] = set()
    for name, part in parts.items():
        added = ADAPTERS[config.adapter].key if name == "llm" and config.adapter != "none" else ""
        for key, parameter in part.named_parameters():
            learns = name in config.train and added in key
            found = {p.pattern for p in patterns if p.search(f"{name}.{key}")} if learns else set()
            parameter.requires_grad_(learns and not found)
            used |= found
    return [pattern for pattern in config.freeze if pattern not in used]
