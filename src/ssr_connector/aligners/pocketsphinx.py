"""Forced alignment of English by pocketsphinx (extra ``align``), whose package brings its acoustic model.

Its default beams lose words of real speech, and `bestpath` drops some; hence the wide beams, wider again where an
utterance fails. The words are known, so that they need no insertion penalty and no weight against the sound.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ssr_connector.aligners.base import Unalignable
from ssr_connector.aligners.placement import core_of, text_words
from ssr_connector.data.audio import resample
from ssr_connector.errors import UserError
from ssr_connector.types import TimedWord, Waveform

if TYPE_CHECKING:
    from pocketsphinx import Decoder

SAMPLING_RATE_HZ = 16_000
BEAMS = (1e-100, 1e-200, 1e-300)
PADDING_S = 0.25  # silence on both sides: the model expects to start and to end in it
LOUDNESS = 0.03  # root mean square; the model's own recordings were not loud
FRAME_S = 0.01


class PocketSphinxAligner:
    """Times of the words of English transcripts. Not to be shared between threads: a decoder has one utterance."""

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise UserError(
                "aligning without a trained aligner takes pocketsphinx: pip install 'ssr-connector[align]'"
            ) from error
        self._decoders = [
            Decoder(loglevel="FATAL", lm=None, bestpath=False, lw=1.0, wip=1.0, beam=beam, wbeam=beam, pbeam=beam)
            for beam in BEAMS
        ]

    def align_words(self, key: str, recording: Waveform, transcript: str) -> list[TimedWord] | Unalignable:  # noqa: ARG002
        """One time for each written word with a letter or digit. The score is relative to the best sounding phones."""
        from ssr_connector.aligners.pronunciation import spoken_words

        written = [transcript[a:b] for a, b in text_words(transcript) if core_of(transcript, a, b)]
        spoken = [spoken_words(word) for word in written]
        if not written:
            return Unalignable("the transcript has no word")
        mute = [word for word, said in zip(written, spoken, strict=True) if not self._can_say(said)]
        if mute:
            return Unalignable(f"{mute[0]!r} has no letter that an English voice could say")
        pcm = _pcm(resample(recording.samples, recording.sampling_rate_hz, SAMPLING_RATE_HZ))
        words = [word for said in spoken for word in said]
        for decoder in self._decoders:
            found = _decode(decoder, pcm, words)
            if found is not None:
                return _merged(written, spoken, found, recording.duration_s)
        return Unalignable("no path through the words was found, even with the widest beam")

    def _can_say(self, words: list[str]) -> bool:
        """Whether all words are in the dictionary, or could be added to it."""
        from ssr_connector.aligners.pronunciation import letter_to_sound

        for word in words:
            if self._decoders[0].lookup_word(word) is None:
                phones = letter_to_sound(word)
                if not phones:
                    return False
                for decoder in self._decoders:
                    decoder.add_word(word, phones, True)
        return bool(words)


def _pcm(samples: npt.NDArray[np.float32]) -> bytes:
    """What a decoder reads: centred, of one loudness, between two silences."""
    centred = samples - samples.mean() if len(samples) else samples
    loudness = float(np.sqrt(np.square(centred).mean())) if len(samples) else 0.0
    padding = np.zeros(round(PADDING_S * SAMPLING_RATE_HZ), np.float32)
    sound = np.concatenate([padding, centred * (LOUDNESS / max(loudness, 1e-6)), padding])
    pcm: bytes = (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
    return pcm


def _decode(decoder: "Decoder", pcm: bytes, words: list[str]) -> list[tuple[float, float, float]] | None:
    """(start_s, end_s, score) of each word, from the start of the padded sound; None where one is missing."""
    decoder.set_align_text(" ".join(words))
    decoder.start_utt()
    decoder.process_raw(pcm, no_search=False, full_utt=True)
    decoder.end_utt()
    if decoder.hyp() is None:
        return None
    segments = [s for s in decoder.seg() if not s.word.startswith(("<", "[", "("))]
    if [s.word.split("(")[0] for s in segments] != words:
        return None
    return [
        (s.start_frame * FRAME_S, (s.end_frame + 1) * FRAME_S, math.log(s.ascore) / (s.end_frame + 1 - s.start_frame))
        for s in segments
    ]


def _merged(
    written: list[str], spoken: list[list[str]], found: list[tuple[float, float, float]], duration_s: float
) -> list[TimedWord]:
    """Times of the written words, without the padding."""
    words, i = [], 0
    for text, said in zip(written, spoken, strict=True):
        parts = found[i : i + len(said)]
        i += len(said)
        start_s, end_s = (min(max(0.0, time - PADDING_S), duration_s) for time in (parts[0][0], parts[-1][1]))
        words.append(TimedWord(text, start_s, end_s, sum(p[2] for p in parts) / len(parts)))
    return words
