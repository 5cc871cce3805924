"""Which parameters learn."""

import re
from collections.abc import Mapping

from torch import nn

from ssr_connector.config import TrainingSection
from ssr_connector.errors import UserError
from ssr_connector.model.lora import KEY


def let_learn(parts: Mapping[str, nn.Module], config: TrainingSection) -> list[str]:
    """Let the parts of `train` learn, of an LLM with low-rank additions these alone, but for what `freeze` names.

    Returns the patterns that named nothing. Raises UserError at one that is no regular expression.
    """
    try:
        patterns = [re.compile(pattern) for pattern in config.freeze]
    except re.error as error:
        raise UserError(f"training.freeze: {error.pattern!r} is no regular expression ({error})") from error
    used: set[str] = set()
    for name, part in parts.items():
        added = name == "llm" and bool(config.lora_rank)
        for key, parameter in part.named_parameters():
            learns = name in config.train and (not added or KEY in key)
            found = {p.pattern for p in patterns if p.search(f"{name}.{key}")} if learns else set()
            parameter.requires_grad_(learns and not found)
            used |= found
    return [pattern for pattern in config.freeze if pattern not in used]
