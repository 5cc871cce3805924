"""Times of words that are parted otherwise than in the transcript: "well", "known" for "well-known"."""

from collections.abc import Sequence

from ssr_connector.aligners.base import Unalignable
from ssr_connector.data.words import word_key
from ssr_connector.types import TimedWord


def respell(written: Sequence[str], timed: Sequence[TimedWord]) -> list[TimedWord] | Unalignable:
    """The written words with the times of others that have the same letters and digits in the same order.

    Within a timed word each letter has an even share; a written word reaches from its first letter to its last.
    """
    spelled = [word for word in timed if word_key(word.text)]
    sources = [(word, k, len(word_key(word.text))) for word in spelled for k in range(len(word_key(word.text)))]
    differs = difference("".join(map(word_key, written)), "".join(word_key(word.text) for word in spelled))
    if differs:
        return Unalignable(f"other words than in the transcript: {differs}")
    words, at = [], 0
    for text in written:
        own = sources[at : at + len(word_key(text))]
        at += len(own)
        (first, k, n), (last, j, m) = own[0], own[-1]
        start_s = first.start_s + (first.end_s - first.start_s) * k / n
        end_s = last.end_s if j + 1 == m else last.start_s + (last.end_s - last.start_s) * (j + 1) / m
        scores = [word.score for word, _, _ in own if word.score is not None]
        words.append(TimedWord(text, start_s, end_s, sum(scores) / len(scores) if scores else None))
    return words


def difference(wanted: str, found: str) -> str:
    """Where two spellings part; empty where they are equal."""
    if wanted == found:
        return ""
    at = next((i for i, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b), min(len(wanted), len(found)))
    return f"{found[at : at + 12]!r} instead of {wanted[at : at + 12]!r}"
