"""Where models run."""

import torch


def best_device() -> torch.device:
    """The accelerator that torch sees, else the CPU. CUDA_VISIBLE_DEVICES chooses among several, and may hide all."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
