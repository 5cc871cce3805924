"""Additions to the LLM that learn in its place: stage 2 without touching its own weights.

lora: low-rank additions to its linear layers (Hu et al. 2022); dora: the same, with the length of each weight vector
learnt apart (Liu et al. 2024); ia3: a factor for every output of its linear layers (Liu et al. 2022); bottleneck: a
small network behind every layer (Houlsby et al. 2019, one a layer as in Pfeiffer et al. 2021). All begin by changing
nothing. The first three are peft's, which has no bottleneck.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

WHERE = {"target_modules": "all-linear", "task_type": "CAUSAL_LM"}  # all linear layers but the output


@dataclass(frozen=True)
class Adapter:
    """A kind of additions."""

    add: Callable[[Any, int, float], Any]  # to an LLM, of a rank and alpha; freezes all else
    key: str  # in the names of all tensors that are added
    merges: bool  # whether they can be added into the LLM's own weights


def add_low_rank(llm: Any, rank: int, alpha: float, **more: Any) -> Any:
    """LoRA and its kin."""
    from peft import LoraConfig, get_peft_model

    return get_peft_model(llm, LoraConfig(r=rank, lora_alpha=alpha, **WHERE, **more))


def add_factors(llm: Any, *_: Any) -> Any:
    """IA3, at all linear layers alike: which of them are keys, values or feed-forward differs between LLMs."""
    from peft import IA3Config, get_peft_model

    return get_peft_model(llm, IA3Config(feedforward_modules=[], **WHERE))


def add_bottlenecks(llm: Any, rank: int, *_: Any) -> Any:
    """A network of `rank` units behind every layer."""
    llm.requires_grad_(False)
    layers = max((m for m in llm.get_decoder().children() if isinstance(m, nn.ModuleList)), key=len)
    for layer in layers:
        weight = next(layer.parameters())
        layer.bottleneck = Bottleneck(llm.config.get_text_config().hidden_size, rank).to(weight.device)
        layer.register_forward_hook(pass_bottleneck)
    return llm


class Bottleneck(nn.Module):
    """x + up(gelu(down(x))), in single precision."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, rank), nn.Linear(rank, width)
        self.off = False
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[…, D] → […, D]; the same while it is off."""
        if self.off:
            return x
        added: Tensor = self.up(nn.functional.gelu(self.down(x.to(self.down.weight.dtype))))
        return x + added.to(x.dtype)


def pass_bottleneck(layer: Any, _: Any, out: Any) -> Any:
    """A forward hook: some layers return their states alone, others first of several."""
    return (layer.bottleneck(out[0]), *out[1:]) if isinstance(out, tuple) else layer.bottleneck(out)


ADAPTERS = {
    "lora": Adapter(add_low_rank, "lora_", merges=True),
    "dora": Adapter(partial(add_low_rank, use_dora=True), "lora_", merges=True),
    "ia3": Adapter(add_factors, "ia3_", merges=True),
    "bottleneck": Adapter(add_bottlenecks, ".bottleneck.", merges=False),
}


def add_adapter(llm: Any, type: str, rank: int, alpha: float) -> Any:
    """The LLM with trainable additions and everything else frozen."""
    return ADAPTERS[type].add(llm, rank, alpha)


@contextlib.contextmanager
def without_adapter(llm: Any) -> Iterator[Any]:
    """The LLM as it was before anything was added, in evaluation mode; afterwards all is as it was.

    peft's own `disable_adapter` also says which parameters learn, at both ends: that is decided elsewhere, and FSDP
    remembers it from the first time.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    training = {module: module.training for module in llm.modules()}
    switches = [(m, "off") for m in training if isinstance(m, Bottleneck)]
    switches += [(m, "_disable_adapters") for m in training if isinstance(m, BaseTunerLayer)]
    llm.eval()
    try:
        for module, switch in switches:
            setattr(module, switch, True)
        yield llm
    finally:
        for module, switch in switches:
            setattr(module, switch, False)
        for module, mode in training.items():
            module.training = mode


def merge_adapter(llm: Any) -> nn.Module:
    """The LLM with additions of peft's in its own weights."""
    merged: nn.Module = llm.merge_and_unload()
    return merged
