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


def ctc_lexicon_path(
    log_probs: Floats, labels: npt.NDArray[np.int32], children: npt.NDArray[np.int32], weights: Floats, blank: int
) -> list[int]:
    """Nodes of a `lexicon.Lexicon` where the pieces of the best path of `log_probs` [T, V] end."""
    N = len(labels)
    parents = np.concatenate([np.full(children[0], -1), np.repeat(np.arange(N), np.diff(children))])
    inner, doubled = parents >= 0, labels == labels[parents]
    heard, silent = np.full(N, -np.inf), np.full(N, -np.inf)  # in a node's label, and in the blank after it
    heard_from, silent_from = np.full(N, -1), np.full(N, -1)  # the record of the piece before
    records: list[tuple[int, int]] = []  # the node where a piece ended, the record before
    silence = 0.0  # nothing has been said
    quiet, spoken, other = ((score, -1) for score in (0.0, -np.inf, -np.inf))  # the best ends and their records
    last_label = -1  # of `spoken`; that of `other` is another

    def end(scores: Floats, froms: npt.NDArray[np.int64]) -> tuple[float, int]:
        if scores.max(initial=-np.inf) == -np.inf:
            return -np.inf, -1
        node = int(scores.argmax())
        records.append((node, int(froms[node])))
        return float(scores[node]), len(records) - 1

    for row in log_probs:
        better = silent > heard
        any_part, any_from = np.where(better, silent, heard), np.where(better, silent_from, heard_from)
        same = labels == last_label
        outside, outside_from = np.where(same, other[0], spoken[0]), np.where(same, other[1], spoken[1])
        outside_from = np.where(quiet[0] > outside, quiet[1], outside_from)
        outside = np.maximum(outside, quiet[0])
        above = np.where(inner, np.where(doubled, silent[parents], any_part[parents]), outside)
        above_from = np.where(inner, np.where(doubled, silent_from[parents], any_from[parents]), outside_from)
        heard, heard_from = np.maximum(heard, above) + row[labels], np.where(above > heard, above_from, heard_from)
        silent, silent_from = any_part + row[blank], any_from
        silence += row[blank]
        spoken = end(heard + weights, heard_from)
        last_label = int(labels[records[spoken[1]][0]]) if spoken[1] >= 0 else -1
        other = end(np.where(labels == last_label, -np.inf, heard + weights), heard_from)
        quiet = max((silence, -1), end(silent + weights, silent_from), key=lambda found: found[0])
    nodes: list[int] = []
    record = max(quiet, spoken, key=lambda found: found[0])[1]
    while record >= 0:
        node, record = records[record]
        nodes.append(node)
    return nodes[::-1]
