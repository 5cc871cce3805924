"""The kernels as one would write them on paper: what the compiled ones are tested against, and what replaces them
where they could not be built. One item at a time, in float64, all back-pointers kept.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def monotonic_alignment_search(log_probs: Floats) -> list[int] | None:
    """Frames of each label on the best monotonic path of `log_probs` [T, N]; None where there is no path."""
    T, N = log_probs.shape
    if T < N or (T > 0) != (N > 0):
        return None
    moved = np.zeros((T, N), dtype=bool)
    scores = np.full(N, -np.inf)
    for t in range(T):
        if t == 0:
            scores[:1] = log_probs[0, :1]
            continue
        before = np.concatenate([[-np.inf], scores[:-1]])
        moved[t] = before > scores
        scores = np.maximum(before, scores) + log_probs[t]
    if N and scores[-1] == -np.inf:
        return None
    durations, label = [0] * N, N - 1
    for t in range(T - 1, -1, -1):
        durations[label] += 1
        label -= int(moved[t, label])
    return durations


def ctc_forced_align(log_probs: Floats, targets: list[int], blank: int) -> tuple[list[int], list[int]] | None:
    """First frame of each label and the one after its last, of `log_probs` [T, V]; None where there is no path."""
    T = len(log_probs)
    states = np.full(2 * len(targets) + 1, blank)  # a blank around every label
    states[1::2] = targets
    S = len(states)
    skips = np.zeros(S, dtype=bool)  # a label may follow another one without a blank between
    skips[3::2] = states[3::2] != states[1:-2:2]
    if T == 0:
        return ([], []) if not targets else None
    scores = np.full(S, -np.inf)
    scores[:2] = log_probs[0, states[:2]]
    steps = np.zeros((T, S), dtype=np.int8)  # how many states further than in the frame before
    for t in range(1, T):
        one = np.concatenate([[-np.inf], scores])[:S]
        two = np.where(skips, np.concatenate([[-np.inf, -np.inf], scores])[:S], -np.inf)
        came = np.stack([scores, one, two])
        steps[t] = came.argmax(0)
        scores = came.max(0) + log_probs[t, states]
    state = S - 1 if S == 1 or scores[S - 1] > scores[S - 2] else S - 2
    if scores[state] == -np.inf:
        return None
    starts, ends = [0] * len(targets), [0] * len(targets)
    for t in range(T - 1, -1, -1):
        if state % 2:
            starts[state // 2] = t
            ends[state // 2] = ends[state // 2] or t + 1
        state -= int(steps[t, state])
    return starts, ends
