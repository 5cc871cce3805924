"""MAS and CTC for CUDA tensors, in Triton. One program an item goes through its frames; nothing leaves the device.

Both are the best path through a chain of states from which one stays, goes one further or, where that is allowed, two.
Scores are float32 sums from which the best one is taken off now and then, as in the compiled kernels, and ties fall the
same way: stay before step before skip. The way back takes a byte for every frame and state, some 15 GB for an hour of
speech: what has no room goes to the processor (`inputs.on_gpu`).
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from ssr_connector.kernels.inputs import refuse_not_a_number
from ssr_connector.kernels.native import Status

BLOCK = 1024  # states at once
REBASE_FRAMES = 256  # over an hour of frames scores would else grow until float32 tells them apart no longer
_PAD = 2  # scores of minus infinity in front of the first state


@triton.jit  # type: ignore[untyped-decorator]
def _viterbi(  # type: ignore[no-untyped-def]
    log_probs, item_stride, frame_stride, label_stride,
    labels, skips, n_frames, n_states, row, n_starts, n_ends,
    scores, steps, frames, path, status,
    BLOCK: tl.constexpr, PAD: tl.constexpr, REBASE_FRAMES: tl.constexpr,
):  # fmt: skip
    """Fill path [B, T] with states and status [B], from labels and skips [B, row] of the states."""
    item = tl.program_id(0).to(tl.int64)
    T = tl.load(n_frames + item)
    S = tl.load(n_states + item)
    emissions = log_probs + item * item_stride
    width = row + PAD
    lanes = tl.arange(0, BLOCK)
    odd = tl.zeros([BLOCK], tl.int32)
    best_of_all = tl.full([BLOCK], float("-inf"), tl.float32)  # of the frame before
    t = T * 0
    while t < T:
        base = tl.max(best_of_all, 0)
        base = tl.where((t % REBASE_FRAMES == 0) & (base > float("-inf")), base, 0.0)
        best_of_all = tl.full([BLOCK], float("-inf"), tl.float32)
        before = scores + (item * 2 + (t + 1) % 2) * width
        after = scores + (item * 2 + t % 2) * width
        first = S * 0
        while first < S:
            s = first + lanes
            real = s < S
            label = tl.load(labels + item * row + s, mask=real, other=0)
            emission = tl.load(emissions + t * frame_stride + label * label_stride, mask=real, other=0.0)
            odd |= tl.where(emission < float("inf"), 0, 1)
            stay = tl.load(before + PAD + s, mask=real, other=float("-inf")) - base
            one = tl.load(before + PAD + s - 1, mask=real, other=float("-inf")) - base
            skip = tl.load(skips + item * row + s, mask=real, other=0)
            two = tl.load(before + PAD + s - 2, mask=real & (skip != 0), other=float("-inf")) - base
            step = (one > stay).to(tl.int8)
            best = tl.maximum(stay, one)
            step = tl.where(two > best, 2, step).to(tl.int8)
            best = tl.maximum(best, two)
            best = tl.where(t == 0, tl.where(s < n_starts, 0.0, float("-inf")), best)
            best += emission
            best_of_all = tl.maximum(best_of_all, tl.where(real, best, float("-inf")))
            tl.store(after + PAD + s, best, mask=real)
            tl.store(steps + (item * frames + t) * row + s, step, mask=real)
            first += BLOCK
        tl.debug_barrier()
        t += 1
    last = scores + (item * 2 + (T + 1) % 2) * width + PAD
    state = S - 1
    final = tl.load(last + state, mask=(T > 0) & (S > 0), other=float("-inf"))
    earlier = tl.load(last + state - 1, mask=(T > 0) & (S > 1) & (n_ends > 1), other=float("-inf"))
    state = tl.where((final > earlier) | (S < 2) | (n_ends < 2), state, state - 1)
    found = tl.maximum(final, earlier) > float("-inf")
    t = T - 1
    while t >= 0:
        tl.store(path + item * frames + t, tl.where(found, state, -1))
        came = tl.load(steps + (item * frames + t) * row + state, mask=found & (t > 0), other=0)
        state -= came.to(tl.int64)
        t -= 1
    tl.store(status + item, tl.where(tl.max(odd, 0) > 0, 2, tl.where(found, 0, 1)).to(tl.int8))


def best_states(
    log_probs: Tensor, labels: Tensor, skips: Tensor, n_frames: Tensor, n_states: Tensor, n_starts: int, n_ends: int
) -> tuple[Tensor, Tensor]:
    """The best path through chains of states, and whether there is one.

    Args:
        log_probs: [B, T, V] float32 on the device.
        labels: [B, S] int64, the label that each state emits.
        skips: [B, S] bool, states that may be reached from two before.
        n_frames: [B] int64.
        n_states: [B] int64.
        n_starts: how many of the first states a path may begin in.
        n_ends: 1, or 2 where a path may end in the state before the last, too.

    Returns:
        States [B, T], -1 where there is none, and feasible [B] bool.

    Raises:
        ValueError: a score that matters is NaN or +inf.

    """
    B, T, _ = log_probs.shape
    S, device = labels.shape[1], log_probs.device
    path = torch.full((B, T), -1, dtype=torch.long, device=device)
    status = torch.zeros(B, dtype=torch.int8, device=device)
    if B == 0 or T == 0:
        return path, (n_frames > 0).to(device)
    scores = torch.full((B, 2, S + _PAD), float("-inf"), device=device)
    steps = torch.zeros(B, T, S, dtype=torch.int8, device=device)
    _viterbi[(B,)](
        *(log_probs, *log_probs.stride(), labels.contiguous(), skips.to(torch.int8).contiguous()),
        *(n_frames.to(device), n_states.to(device), S, n_starts, n_ends, scores, steps, T, path, status),
        BLOCK=BLOCK,
        PAD=_PAD,
        REBASE_FRAMES=REBASE_FRAMES,
    )
    refuse_not_a_number(status)
    return path, status == Status.ALIGNED


def monotonic_alignment_search(log_probs: Tensor, speech_lengths: Tensor, text_lengths: Tensor) -> Tensor:
    """Durations [B, N] on the device of `log_probs` [B, T, N]; lengths are checked."""
    B, _, N = log_probs.shape
    labels = torch.arange(N, device=log_probs.device).expand(B, N)
    path, _ = best_states(
        log_probs, labels, torch.zeros_like(labels, dtype=torch.bool), speech_lengths, text_lengths, 1, 1
    )
    durations = torch.zeros(B, N + 1, dtype=torch.long, device=path.device)  # one more: frames without a label
    durations.scatter_add_(1, torch.where(path < 0, N, path), torch.ones_like(path))
    return durations[:, :N]


def ctc_forced_align(
    log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Starts, ends and scores [B, L] and feasible [B] on the device of `log_probs` [B, T, V]; all are checked."""
    B, T, _ = log_probs.shape
    L, device = targets.shape[1], log_probs.device
    targets = targets.to(device)
    real = torch.arange(L, device=device) < target_lengths[:, None].to(device)
    states = torch.full((B, 2 * L + 1), blank, device=device)
    states[:, 1::2] = torch.where(real, targets, blank)
    skips = torch.zeros_like(states, dtype=torch.bool)
    skips[:, 3::2] = states[:, 3::2] != states[:, 1:-2:2]
    path, feasible = best_states(log_probs, states, skips, input_lengths, 2 * target_lengths + 1, 2, 2)
    feasible = torch.where((input_lengths == 0).to(device), (target_lengths == 0).to(device), feasible)

    spoken = (path >= 0) & (path % 2 == 1)
    label = torch.where(spoken, path // 2, L)  # the last column takes what belongs to no label
    frame = torch.arange(T, device=device).expand(B, T)
    starts = torch.full((B, L + 1), T, dtype=torch.long, device=device).scatter_reduce_(1, label, frame, "amin")
    ends = torch.zeros(B, L + 1, dtype=torch.long, device=device).scatter_reduce_(1, label, frame + 1, "amax")
    column = states.gather(1, path.clamp(min=0))
    emitted = log_probs.gather(2, column[..., None]).squeeze(2).double()
    sums = torch.zeros(B, L + 1, dtype=torch.double, device=device).scatter_add_(1, label, emitted)
    given = real & feasible[:, None]
    starts, ends = starts[:, :L] * given, ends[:, :L] * given
    scores = torch.where(given, sums[:, :L] / (ends - starts).clamp(min=1), 0).float()
    return starts, ends, scores, feasible
