"""Continuous integrate-and-fire (Dong & Xu 2020): frames summed by their weights; each full unit is a segment."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

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
    real = torch.arange(T, device=frames.device) < lengths[:, None].to(frames.device)
    weights = torch.where(real, weights, 0)
    if T and not bool((torch.isfinite(weights) & (weights >= 0)).all()):
        raise ValueError("weights must be finite and not negative")

    # Which segments a frame reaches is counted in float64: float32 loses whole numbers among thousands of frames.
    reached = weights.detach().double().cumsum(1)  # [B, T]
    total = reached[:, -1] if T else reached.new_zeros(B)
    whole = (total + _ROUNDING).floor()
    segments = (whole + (total - whole >= tail_threshold)).long()  # [B]
    S = int(segments.max()) if B else 0
    if S == 0:
        empty = torch.zeros(B, 0, dtype=torch.long, device=frames.device)
        return Fired(frames.new_zeros(B, 0, D), segments, empty)
    borders = (reached + _ROUNDING).floor().long()  # whole units up to and with the frame
    first = F.pad(borders[:, :-1], (1, 0))
    crossed = borders - first  # [B, T] borders in the frame

    # One entry for each segment that a frame has a share of: the last shares follow from the weight, so that the
    # gradient of the weight flows through the segment that the frame ends in, and borders are constants to it.
    shares_of = (crossed + 1) * real
    item, frame = real.nonzero(as_tuple=True)
    counts = shares_of[item, frame]
    entry_item, entry_frame = item.repeat_interleave(counts), frame.repeat_interleave(counts)
    rank = torch.arange(len(entry_item), device=frames.device)
    rank = rank - (counts.cumsum(0) - counts).repeat_interleave(counts)  # 0 for the first segment of a frame
    segment = first[entry_item, entry_frame] + rank
    exact = weights.double().cumsum(1)
    before = F.pad(exact, (1, 0))[entry_item, entry_frame]
    after = exact[entry_item, entry_frame]
    last = crossed[entry_item, entry_frame]
    low = torch.where(rank == 0, before, segment.to(exact.dtype))
    high = torch.where(rank == last, after, (segment + 1).to(exact.dtype))
    share = (high - low).to(frames.dtype)

    kept = segment < segments[entry_item]
    entry_item, entry_frame, segment, share = (x[kept] for x in (entry_item, entry_frame, segment, share))
    bag = entry_item * S + segment
    bag_sizes = torch.bincount(bag, minlength=B * S)
    offsets = bag_sizes.cumsum(0) - bag_sizes
    values = F.embedding_bag(
        entry_item * T + entry_frame, frames.reshape(B * T, D), offsets, mode="sum", per_sample_weights=share
    ).view(B, S, D)
    ends = torch.zeros(B * S, dtype=torch.long, device=frames.device)
    ends.scatter_reduce_(0, bag, entry_frame + 1, "amax")
    return Fired(values, segments, ends.view(B, S))
