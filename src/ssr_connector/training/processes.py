"""The processes of a training run: one, or as many as `torchrun` started."""

import os
from typing import Any

import torch


def on_cpu() -> bool:
    """Whether several processes share CPUs: accelerate takes them for strangers unless it is told."""
    return "LOCAL_RANK" in os.environ and not torch.accelerator.is_available()


def processes() -> Any:
    """accelerate's view of them: `process_index`, `num_processes`, `device`."""
    from accelerate import PartialState

    return PartialState(cpu=on_cpu())
