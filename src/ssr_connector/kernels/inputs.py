"""Checks that all kernels share: bad input is an error here, and never a wrong path or a crash in compiled code."""

import logging
from functools import cache

import torch
from torch import Tensor

from ssr_connector.kernels.native import Status

MOST_STEPS = 2**32  # bytes of the way back on a device: 4 GiB, for MAS 44 minutes of speech, for CTC 31


def on_gpu(log_probs: Tensor, states: int) -> bool:
    """Whether the Triton kernels take it: CUDA tensors [B, T, N] for whose way back through the states there is room.

    The others go to the processor, whose kernels keep less, and that is logged.
    """
    items, frames, _ = log_probs.shape
    if not log_probs.is_cuda:
        return False
    device = log_probs.device
    free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return has_room(items, frames, states, min(MOST_STEPS, free // 2)) and runs_on(log_probs.device)


@cache
def runs_on(device: torch.device) -> bool:
    """Whether Triton's kernels run on a device: beside it they need a C compiler there; logged where they do not."""
    try:
        from ssr_connector.kernels import gpu

        two = torch.tensor([2])
        gpu.monotonic_alignment_search(torch.zeros(1, 2, 2, device=device), two, two)
    except torch.OutOfMemoryError:  # which says nothing of Triton
        raise
    except Exception as error:
        logging.getLogger(__name__).warning("aligning on the processor: Triton does not run here (%s)", error)
        return False
    return True


def has_room(items: int, frames: int, states: int, most: int = MOST_STEPS) -> bool:
    """Whether a device keeps the way back of so many padded items in `most` bytes; logs where not."""
    size = items * frames * states
    if size > most:
        logging.getLogger(__name__).warning(
            "aligning %d × %d frames with %d states on the processor: on the GPU it would take %.1f GiB",
            *(items, frames, states, size / 2**30),
        )
    return size <= most


def checked_scores(log_probs: Tensor) -> Tensor:
    """`log_probs` [B, T, N] as float32 where they are, rows contiguous; no copy where they are so already."""
    if log_probs.ndim != 3:
        raise ValueError(f"log_probs has {log_probs.ndim} dimensions, not 3: [items, frames, labels]")
    scores = log_probs.detach()
    if scores.dtype != torch.float32:  # a call that changes nothing takes its time, too
        if not scores.is_floating_point():
            raise ValueError(f"log_probs are {scores.dtype}, not floating point")
        scores = scores.to(torch.float32)
    return scores if scores.stride(2) == 1 and min(scores.stride()) >= 0 else scores.contiguous()


def check_lengths(what: str, lengths: Tensor, items: int, longest: int) -> Tensor:
    """Lengths [B] as int64, each from 0 to `longest`."""
    if lengths.shape != (items,):
        raise ValueError(f"{what} lengths have the shape {tuple(lengths.shape)}, not ({items},)")
    if lengths.is_floating_point() or lengths.is_complex():
        raise ValueError(f"{what} lengths are of {lengths.dtype}: give whole numbers")
    checked = lengths.to("cpu", torch.long).contiguous()
    values = checked.tolist()
    if values and not (min(values) >= 0 and max(values) <= longest):
        raise ValueError(f"{what} lengths run from {min(values)} to {max(values)}, not within 0 … {longest}")
    return checked


def refuse_not_a_number(status: Tensor) -> None:
    """Raise ValueError at the first item [B] whose scores a kernel found to be none."""
    outcomes = status.tolist()
    if Status.NOT_A_NUMBER in outcomes:
        raise not_a_number(outcomes.index(Status.NOT_A_NUMBER))


def not_a_number(item: int) -> ValueError:
    """The error for an item with NaN or plus infinity among its scores."""
    return ValueError(f"the log_probs of item {item} hold values that are no scores (NaN or +inf)")
