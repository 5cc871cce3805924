"""Labels of aligners: where they come from, and how a hypothesis is written from them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ssr_connector.aligners.placement import Span
from ssr_connector.base_models import Tokenize


@dataclass(frozen=True)
class TokenLabels:
    """Tokens as labels: their ids, and how each is written with the white space in front of it."""

    token_ids: tuple[int, ...] = ()
    token_texts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.token_ids) != len(self.token_texts):
            raise ValueError(f"{len(self.token_ids)} token ids and {len(self.token_texts)} texts")


def alphabet_of(transcripts: Iterable[str]) -> str:
    """All characters, sorted."""
    return "".join(sorted({char for text in transcripts for char in text}))


def tokens_of(transcripts: Iterable[str], tokenize: Tokenize) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """All token ids, sorted, and how each is mostly written, with the white space in front of it."""
    texts: dict[int, Counter[str]] = {}
    for token, text in _as_written(transcripts, tokenize):
        texts.setdefault(token, Counter())[text] += 1
    ids = tuple(sorted(texts))
    return ids, tuple(min(texts[i], key=lambda t: (-texts[i][t], t)) for i in ids)


def token_counts(transcripts: Iterable[str], tokenize: Tokenize) -> Counter[str]:
    """How often a token is written so, with the white space in front of it."""
    counts = Counter(text for _, text in _as_written(transcripts, tokenize))
    del counts[""]  # the further bytes of one character
    return counts


def _as_written(transcripts: Iterable[str], tokenize: Tokenize) -> Iterator[tuple[int, str]]:
    """Every token, and how it is written there."""
    for text in transcripts:
        at = 0
        for token, (_, end) in zip(*tokenize(text), strict=True):
            yield token, text[at:end]
            at = max(at, end)


def written(pieces: Sequence[str]) -> tuple[str, list[Span]]:
    """A hypothesis without white space at its ends or twice in a row, and the characters of each piece in it.

    A piece of which nothing is left has no characters: its span is empty.
    """
    kept: list[str] = []
    spans: list[Span] = []
    for piece in pieces:
        start = len(kept)
        for char in piece:
            if not char.isspace() or (kept and not kept[-1].isspace()):
                kept.append(char)
        spans.append((start, len(kept)))
    text = "".join(kept).rstrip()
    return text, [(min(a, len(text)), min(b, len(text))) for a, b in spans]
