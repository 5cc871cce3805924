"""Less memory for more time."""

from typing import Any

from torch import nn
from transformers import PreTrainedModel


def checkpoint_gradients(module: nn.Module) -> None:
    """Compute the activations of all Transformers in it that learn twice, instead of keeping them."""
    part: Any
    for part in module.modules():
        able = isinstance(part, PreTrainedModel) and part.supports_gradient_checkpointing
        if able and any(p.requires_grad for p in part.parameters()):
            part.activation_checkpointing_enable({"use_reentrant": False})
