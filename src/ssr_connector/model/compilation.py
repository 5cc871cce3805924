"""`torch.compile`, layer by layer: less time a step, for a first step that takes longer. Never required.

As accelerate compiles regions, but in place (names of weights stay what they are), and Transformer layers alone: one
compilation serves all layers of a shape, where each of the parts around them would need its own.
"""

from collections.abc import Iterable

import torch
from torch import nn

from ssr_connector.connectors.blockwise import BLOCKWISE, blockwise_attention
from ssr_connector.errors import UserError


def compile_layers(modules: Iterable[nn.Module], device: torch.device) -> None:
    """Compile every Transformer layer in them at its first call, for batches of any shape.

    Raises UserError where nothing can be compiled for the device.
    """
    from transformers import AttentionInterface
    from transformers.modeling_layers import GradientCheckpointingLayer

    check_compiler(device)
    # In every batch there are other numbers of rows: the compiler is to call it as it is.
    AttentionInterface.register(BLOCKWISE, torch.compiler.disable(blockwise_attention))  # type: ignore[no-untyped-call]
    for module in modules:
        for part in module.modules():
            if isinstance(part, GradientCheckpointingLayer):
                part.compile(dynamic=True)


def check_compiler(device: torch.device) -> None:
    """Raise UserError where nothing can be compiled for a device, after trying it on a line of arithmetic."""
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.ones(8, device=device))
    except (RuntimeError, OSError) as error:
        needed = "Triton and a C compiler" if device.type == "cuda" else "a C++ compiler (g++, or what CXX names)"
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"training.compile needs {needed}, and could compile nothing here ({reason}); leave it at false"
        ) from error
