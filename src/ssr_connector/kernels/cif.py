"""Continuous integrate-and-fire (Dong & Xu 2020): frames summed by their weights; each full unit is a segment."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ssr_connector.kernels.inputs import check_lengths

TAIL_THRESHOLD = 0.5
_ROUNDING = 1e-4  # a sum of scaled weights may fall short of its whole number by this much


@dataclass(frozen=True)
class Fired:
    """Segments of a batch. A segment ends in the frame in which it fired; the tail ends with its item's frames."""

    values: Tensor  # [B, S, D], zeros beyond the lengths
    lengths: Tensor  # [B] int64, segments
    ends: Tensor  # [B, S] int64, half-open frames


def integrate_and_fire(
    frames: Tensor, weights: Tensor, lengths: Tensor | None = None, tail_threshold: float = TAIL_THRESHOLD
) -> Fired:
    """Integrate `weights` [B, T] over frames [B, T, D]; fire a segment each time that the sum passes a whole number.

    A frame across a border is shared by the segments on both sides, and one of great weight may fill several. What is
    left at the end is a segment of its own if its weight is at least `tail_threshold`, and is else left out; its
    frames are summed as they are, not scaled up. Differentiable in frames and weights, as torch_cif is.

    Args:
        frames: [B, T, D].
        weights: [B, T], not negative.
        lengths: [B] frames of each item; None: all of them.
        tail_threshold: weight from which the rest is a segment; in (0, 1].

    Raises:
        ValueError: shapes do not fit, or a weight within the lengths is negative or not finite.

    """
    B, T, D = frames.shape
    if weights.shape != (B, T):
        raise ValueError(f"weights have the shape {tuple(weights.shape)}, frames {tuple(frames.shape)}")
    if not 0 < tail_threshold <= 1:
        raise ValueError(f"tail_threshold is {tail_threshold}, not in (0, 1]")
    if lengths is None:
        lengths = torch.full((B,), T, device=frames.device)
    check_lengths("input", lengths, B, T)
    real = torch.arange(T, device=frames.device) < lengths[:, None].to(frames.device)
    weights = torch.where(real, weights, 0)
    if weights.numel():
        low, high = weights.detach().aminmax()  # of NaN: NaN, with which every comparison fails
        if not (low >= 0 and high < math.inf):
            raise ValueError("weights must be finite and not negative")

    # Which segments a frame reaches is counted in float64: float32 loses whole numbers among thousands of frames.
    after = weights.double().cumsum(1)  # [B, T]
    reached = after.detach()
    total = reached[:, -1] if T else reached.new_zeros(B)
    whole = (total + _ROUNDING).floor()
    segments = (whole + (total - whole >= tail_threshold)).long()  # [B]
    S = int(segments.max()) if B else 0
    if S == 0:
        empty = torch.zeros(B, 0, dtype=torch.long, device=frames.device)
        return Fired(frames.new_zeros(B, 0, D), segments, empty)
    borders = (reached + _ROUNDING).floor().long()  # whole units up to and with the frame
    first = F.pad(borders[:, :-1], (1, 0))  # segment that the frame begins in
    crossed = borders - first  # [B, T] borders in the frame
    before = F.pad(after[:, :-1], (1, 0))

    # One share for each segment that a frame reaches, but for a rest that is left out. Its ends are counted from the
    # frame's first segment. Borders are constants: the gradient of the weight flows through what lies before the first
    # and after the last.
    counts = (torch.minimum(crossed + 1, segments[:, None] - first) * real).flatten()
    frame = torch.repeat_interleave(counts)  # of each share, among all B x T

    def of_frame(values: Tensor) -> Tensor:
        return values.flatten().index_select(0, frame)

    rank = torch.arange(len(frame), device=frames.device) - of_frame(counts.cumsum(0) - counts)
    bag = of_frame(first + S * torch.arange(B, device=frames.device)[:, None]) + rank
    start = torch.where(rank == 0, of_frame(before - first), rank)
    end = torch.where(rank == of_frame(crossed), of_frame(after - first), rank + 1)

    bag_sizes = torch.bincount(bag, minlength=B * S)
    bag_ends = bag_sizes.cumsum(0)
    values = F.embedding_bag(
        *(frame, frames.reshape(B * T, D), bag_ends - bag_sizes),
        mode="sum",
        per_sample_weights=(end - start).to(frames.dtype),
    ).view(B, S, D)
    ends = torch.where(bag_sizes > 0, frame[bag_ends - 1] % T + 1, 0)
    return Fired(values, segments, ends.view(B, S))
