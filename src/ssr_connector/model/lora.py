"""Low-rank additions to the LLM (peft): stage 2 without touching its own weights."""

from typing import Any

from torch import nn

KEY = "lora_"  # in the names of all tensors that are added


def add_lora(llm: nn.Module, rank: int, alpha: float) -> Any:
    """The LLM with trainable low-rank additions to all its linear layers but the output, everything else frozen."""
    from peft import LoraConfig, TaskType, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", task_type=TaskType.CAUSAL_LM)
    return get_peft_model(llm, config)


def merge_lora(llm: Any) -> nn.Module:
    """The LLM with its additions added in."""
    merged: nn.Module = llm.merge_and_unload()
    return merged
