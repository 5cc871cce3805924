"""What every aligner offers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ssr_connector.types import Alignment, Frames, TimedWord, Waveform


@dataclass(frozen=True)
class Unalignable:
    """Why an utterance has no alignment; stands in its place, so that nothing is lost without a word."""

    reason: str


class Tokenize(Protocol):
    """The LLM's own tokenizer, reduced to what alignment needs."""

    def __call__(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids of a text, and the half-open characters of each."""


class Aligner(Protocol):
    """Frames and transcripts in, one alignment per utterance out."""

    needs_transcript: bool

    def align(
        self, frames: Frames, transcripts: Sequence[str | None], tokenize: Tokenize
    ) -> list[Alignment | Unalignable]:
        """Align a batch. Without a transcript the aligner's own hypothesis is aligned."""


class WordAligner(Protocol):
    """A recording and its transcript in, the times of its words out: no frames and nothing to train."""

    def align_words(self, key: str, recording: Waveform, transcript: str) -> list[TimedWord] | Unalignable:
        """One entry for each word of the transcript with a letter or digit, in order. `key` is the utterance's id."""
