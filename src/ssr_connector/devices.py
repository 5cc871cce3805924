"""Where models run, and whether there is room."""

import torch

SAID_BY = ("can't allocate memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")  # as plain RuntimeErrors


def best_device() -> torch.device:
    """The accelerator that torch sees, else the CPU. CUDA_VISIBLE_DEVICES chooses among several, and may hide all."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine had no room."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in SAID_BY)
