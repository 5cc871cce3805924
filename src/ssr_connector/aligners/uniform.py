"""The baseline that hears nothing: words take their share of the utterance by their letters."""

from ssr_connector.aligners.base import Unalignable
from ssr_connector.aligners.placement import core_of, text_words
from ssr_connector.types import TimedWord, Waveform


class UniformAligner:
    """Divides an utterance among its words."""

    def align_words(self, key: str, recording: Waveform, transcript: str) -> list[TimedWord] | Unalignable:  # noqa: ARG002
        """Each word as long as its share of all letters and digits."""
        written = [transcript[a:b] for a, b in text_words(transcript) if core_of(transcript, a, b)]
        if not written:
            return Unalignable("the transcript has no word")
        sizes = [sum(c.isalnum() for c in word) for word in written]
        per_letter_s = recording.duration_s / sum(sizes)
        words, done = [], 0
        for word, size in zip(written, sizes, strict=True):
            words.append(TimedWord(word, done * per_letter_s, (done + size) * per_letter_s))
            done += size
        return words
