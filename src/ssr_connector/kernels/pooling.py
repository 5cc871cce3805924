"""Means of runs of frames."""

import torch
from torch import Tensor
from torch.nn import functional as F


def segment_pool(frames: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """The mean frame of each segment: frames [B, T, D], half-open starts and ends [B, S] → [B, S, D].

    Segments may overlap, share frames or leave some out; an empty one (`starts == ends`, padding) is zeros.

    Raises:
        ValueError: shapes do not fit, or a segment does not lie within the frames.

    """
    B, T, D = frames.shape
    if starts.shape != ends.shape or starts.ndim != 2 or len(starts) != B:
        raise ValueError(f"starts {tuple(starts.shape)} and ends {tuple(ends.shape)} are not both [{B}, segments]")
    if bool(((starts < 0) | (ends < starts) | (ends > T)).any()):
        raise ValueError(f"segments must lie within 0 … {T} and end where they start or after")
    sizes = (ends - starts).flatten()
    offsets = sizes.cumsum(0) - sizes
    first = (starts + T * torch.arange(B, device=starts.device)[:, None]).flatten()
    index = torch.arange(int(sizes.sum()), device=starts.device) + (first - offsets).repeat_interleave(sizes)
    pooled = F.embedding_bag(index, frames.reshape(B * T, D), offsets, mode="mean")
    return pooled.view(*starts.shape, D)
