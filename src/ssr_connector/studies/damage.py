"""Alignments made worse by known amounts: how much error of an aligner can a connector bear?"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ssr_connector.types import Alignment


@dataclass(frozen=True)
class Damage:
    """What is done to the end of every token; its start follows the end before it."""

    shift_frames: int = 0  # later; negative: earlier
    jitter_frames: float = 0.0  # standard deviation of a normal distribution, rounded to frames
    drop: float = 0.0  # share of boundaries that are lost: the token ends where the next one does
    merge: float = 0.0  # share of tokens that are lost: one vector stands for two of them

    def __call__(self, key: str, alignment: Alignment) -> Alignment:
        """The same utterance is damaged in the same way, whatever else is."""
        n = len(alignment)
        rng = np.random.default_rng(list(key.encode()))
        noise, lost, gone = rng.standard_normal(n), rng.random(n), rng.random(n)
        ends = np.array(alignment.ends) + self.shift_frames + np.rint(self.jitter_frames * noise).astype(int)
        ends = np.maximum.accumulate(ends.clip(1, alignment.n_frames))
        for k in range(n - 2, -1, -1):  # from the end, as boundaries that follow each other may all be lost
            if lost[k] < self.drop:
                ends[k] = ends[k + 1]
        starts = np.concatenate([[alignment.starts[0]], ends[:-1]]) if n else ends
        starts = np.minimum(starts, ends - 1)  # tokens that share a frame
        damaged = replace(alignment, starts=tuple(starts.tolist()), ends=tuple(ends.tolist()))
        return without(damaged, [k for k in range(n - 1) if gone[k] < self.merge])


def without(alignment: Alignment, tokens: Iterable[int]) -> Alignment:
    """The alignment of the other tokens, the next of which takes the frames of each that is left out."""
    left_out = set(tokens)
    kept = [k for k in range(len(alignment)) if k not in left_out]
    ends = [alignment.ends[k] for k in kept]
    starts = [min(alignment.starts[0], ends[0] - 1), *(min(a, b - 1) for a, b in pairwise(ends))] if kept else []
    return replace(
        alignment,
        token_ids=tuple(alignment.token_ids[k] for k in kept),
        starts=tuple(starts),
        ends=tuple(ends),
        char_spans=tuple(alignment.char_spans[k] for k in kept),
        scores=None if alignment.scores is None else tuple(alignment.scores[k] for k in kept),
    )
