"""Where models run, in which arithmetic, and whether there is room."""

import torch

SAID_BY = ("can't allocate memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")  # as plain RuntimeErrors


def best_device() -> torch.device:
    """The accelerator that torch sees, else the CPU. CUDA_VISIBLE_DEVICES chooses among several, and may hide all."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def in_precision(precision: str, device: torch.device) -> torch.autocast:
    """Where products are computed as `training.precision` says: in bfloat16 for `bf16`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine had no room."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in SAID_BY)
