"""From characters with frames to tokens with frames (docs/method.md §3, "Characters → tokens").

The rules, in order:

1. A word is a run of characters without white space; its core reaches from its first letter or digit to its last.
   A word spans the frames of its core's characters. A token that reaches over several words makes them one.
2. The pieces of a word divide its frames where their last letters end. Each gets a frame as long as there are
   enough, else neighbours share one. A piece without a letter that has frames (the "-" of "well-known") takes the first
   frame of the piece after it, or shares the last one of the piece before where that has none to spare: no letter's
   piece ends elsewhere because of it.
3. A token without a character of any core (punctuation, white space, characters that the aligner cannot spell) takes
   the pause after the word before it; where there is no pause it shares that word's last frame. Before the first word
   it takes the silence there, or shares the word's first frame.

No token is dropped, and no token moves another word's boundary.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from ssr_connector.types import Alignment, TimedWord
from ssr_connector.units import FrameClock

Span = tuple[int, int]


@dataclass(frozen=True)
class Word:
    """A word's place in the text and, half-open, in frames."""

    text: str
    char_span: Span
    core: Span
    start: int
    end: int


def core_of(text: str, start: int, end: int) -> Span | None:
    """From the first letter or digit of `text[start:end]` to its last; None where it has none."""
    inside = [i for i in range(start, end) if text[i].isalnum()]
    return (inside[0], inside[-1] + 1) if inside else None


def text_words(text: str) -> list[Span]:
    """Half-open characters of each run without white space."""
    spans: list[Span] = []
    start: int | None = None
    for i, char in enumerate(text + " "):
        if char.isspace():
            if start is not None:
                spans.append((start, i))
            start = None
        elif start is None:
            start = i
    return spans


def place_words(text: str, char_frames: Sequence[Span | None]) -> list[Word]:
    """Words that have a core with frames, in order (rule 1). `char_frames` holds a span or None per character."""
    words = []
    for start, end in text_words(text):
        core = core_of(text, start, end)
        if core is None:
            continue
        frames = [f for f in char_frames[core[0] : core[1]] if f is not None]
        if frames:
            words.append(Word(text[start:end], (start, end), core, frames[0][0], frames[-1][1]))
    return words


def place_tokens(
    text: str,
    char_frames: Sequence[Span | None],
    token_ids: Sequence[int],
    token_spans: Sequence[Span],
    n_frames: int,
    char_scores: Sequence[float] | None = None,
) -> Alignment:
    """Frames for every token of `text`.

    Args:
        text: the utterance, n characters.
        char_frames: for each character its half-open frames, in order and disjoint, or None where it has none.
        token_ids: the LLM's tokens of the text, S of them.
        token_spans: half-open characters of each token, in order; bytes of one character may share its span.
        n_frames: frames of the utterance.
        char_scores: log-probability of each character; a token's score is their mean.

    Raises:
        ValueError: no character has a frame.

    """
    words = place_words(text, char_frames)
    if not words:
        raise ValueError("no character of the text has a frame")
    members = _members(words, token_spans)
    starts, ends = [0] * len(token_ids), [0] * len(token_ids)
    previous_end = 0
    i = 0
    while i < len(token_ids):
        group = i
        while i < len(token_ids) and members[i] == members[group]:
            i += 1
        tokens = range(group, i)
        first, last, is_core = members[group]
        if is_core:
            lo, hi = words[first].start, words[last].end
            pieces = divide_word(lo, hi, [_last_frame(char_frames, text, token_spans[t]) for t in tokens])
        else:
            lo = previous_end
            hi = words[first + 1].start if first + 1 < len(words) else n_frames
            if lo < hi:
                pieces = divide_evenly(lo, hi, len(tokens))
            else:
                share = (lo - 1, lo) if first >= 0 else (lo, lo + 1)
                pieces = [share] * len(tokens)
        for t, (a, b) in zip(tokens, pieces, strict=True):
            starts[t], ends[t] = a, b
        if is_core:
            previous_end = hi
    scores = None if char_scores is None else [_mean_score(char_frames, char_scores, s) for s in token_spans]
    return Alignment(
        text=text,
        token_ids=tuple(token_ids),
        starts=tuple(starts),
        ends=tuple(ends),
        char_spans=tuple(token_spans),
        n_frames=n_frames,
        scores=None if scores is None else tuple(scores),
    )


def place_timed_words(
    text: str,
    words: Sequence[TimedWord],
    token_ids: Sequence[int],
    token_spans: Sequence[Span],
    clock: FrameClock,
    n_frames: int,
) -> Alignment:
    """Frames for every token, from the times of the words of `text` that have a letter or digit, in order.

    The letters of a word divide its time evenly. Raises ValueError where the words are others than the text's, or more
    than there are frames.
    """
    cores = [core for start, end in text_words(text) if (core := core_of(text, start, end))]
    if len(cores) != len(words):
        raise ValueError(f"{len(words)} timed words for the {len(cores)} of the text")
    if len(words) > n_frames:
        raise ValueError(f"{len(words)} words do not fit into {n_frames} frames")
    char_frames: list[Span | None] = [None] * len(text)
    scores = [float("nan")] * len(text)
    edges = [(clock.boundary_at(word.start_s), clock.boundary_at(word.end_s)) for word in words]
    for (a, b), (start, end), word in zip(cores, in_order(edges, n_frames), words, strict=True):
        letters = [i for i in range(a, b) if text[i].isalnum()]
        for i, frames in zip(letters, divide_evenly(start, end, len(letters)), strict=True):
            char_frames[i], scores[i] = frames, float("nan") if word.score is None else word.score
    known = scores if any(word.score is not None for word in words) else None
    return place_tokens(text, char_frames, token_ids, token_spans, n_frames, known)


def divide(start: int, end: int, cuts: Sequence[int]) -> list[Span]:
    """Divide `[start, end)` into `len(cuts)` pieces that end near the cuts, the last one at `end`.

    Every piece has a frame of its own where there are enough; otherwise neighbours share frames evenly.
    """
    n, width = len(cuts), end - start
    if n > width:
        shared = [start + k * width // n for k in range(n)]
        return [(s, s + 1) for s in shared]
    ends = [min(max(cut, start + k + 1), end - (n - 1 - k)) for k, cut in enumerate(cuts)]
    ends[-1] = end
    for k in range(1, n):
        ends[k] = max(ends[k], ends[k - 1] + 1)
    return list(zip([start, *ends[:-1]], ends, strict=True))


def divide_evenly(start: int, end: int, n: int) -> list[Span]:
    """Divide `[start, end)` into `n` pieces as equal as whole frames allow."""
    return divide(start, end, [start + (k + 1) * (end - start) // n for k in range(n)])


def divide_word(start: int, end: int, cuts: Sequence[int | None]) -> list[Span]:
    """Divide a word among its pieces (rule 2); a piece without a letter that has frames has no cut."""
    spoken = [cut for cut in cuts if cut is not None]
    if not spoken:
        return divide_evenly(start, end, len(cuts))
    rest = iter(divide(start, end, spoken))
    pieces: list[Span] = []
    waiting = 0  # pieces without a letter since the last one with
    for cut in cuts:
        if cut is None:
            waiting += 1
            continue
        first, last = next(rest)
        spare = min(waiting, last - first - 1)
        before = pieces[-1][1] if pieces else first + 1
        pieces += divide_evenly(first, first + spare, waiting) if spare else [(before - 1, before)] * waiting
        pieces.append((first + spare, last))
        waiting = 0
    return pieces + [(end - 1, end)] * waiting


def in_order(spans: Sequence[Span], n_frames: int) -> list[Span]:
    """The spans nearest to these that lie one after the other within `n_frames`, each of a frame at least."""
    placed: list[Span] = []
    low, n = 0, len(spans)
    for k, (start, end) in enumerate(spans):
        start = min(max(start, low), n_frames - (n - k))
        low = min(max(end, start + 1), n_frames - (n - k - 1))
        placed.append((start, low))
    return placed


def touched(span: Span, cores: Sequence[Span]) -> range:
    """Which cores, disjoint and in order, a span has a character of."""
    return range(bisect_right(cores, span[0], key=itemgetter(1)), bisect_left(cores, span[1], key=itemgetter(0)))


def _members(words: list[Word], token_spans: Sequence[Span]) -> list[tuple[int, int, bool]]:
    """For each token: (first word, last word, True), or (word before it, same, False) for one outside every core.

    Words that a token joins share one entry, and so do all their tokens.
    """
    cores = [word.core for word in words]
    inside = [touched(span, cores) for span in token_spans]
    lead = list(range(len(words)))  # the first word of each one's group
    for joined in inside:
        for k in joined[1:]:
            lead[k] = lead[joined[0]]
    last = {first: k for k, first in enumerate(lead)}
    return [
        (lead[own[0]], last[lead[own[0]]], True) if own else (own.start - 1, own.start - 1, False) for own in inside
    ]


def _last_frame(char_frames: Sequence[Span | None], text: str, span: Span) -> int | None:
    for i in range(span[1] - 1, span[0] - 1, -1):
        frames = char_frames[i]
        if frames is not None and text[i].isalnum():
            return frames[1]
    return None


def _mean_score(char_frames: Sequence[Span | None], char_scores: Sequence[float], span: Span) -> float:
    spelled = [char_scores[i] for i in range(*span) if char_frames[i] is not None]
    return sum(spelled) / len(spelled) if spelled else float("nan")
