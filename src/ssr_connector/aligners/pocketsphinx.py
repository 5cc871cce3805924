"""Forced alignment of English by pocketsphinx (extra ``align``), whose package brings its acoustic model.

Its default beams lose words of real speech, and `bestpath` drops some; hence the wide beams, wider again where an
utterance fails. The words are known, so that they need no insertion penalty and no weight against the sound. A written
word is one entry of the dictionary for each of its parts, with every reading of them (`pronunciation`).
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ssr_connector.aligners.base import Unalignable
from ssr_connector.aligners.placement import core_of, text_words
from ssr_connector.aligners.pronunciation import guess_phones, has_spelling, spoken_parts
from ssr_connector.data.audio import resample
from ssr_connector.errors import UserError
from ssr_connector.types import TimedWord, Waveform
from ssr_connector.units import FrameClock, seconds_to_samples

if TYPE_CHECKING:
    from pocketsphinx import Decoder

CLOCK = FrameClock(16_000, 160, 205.0)  # windows of 410 samples, the first one starting with the sound
BEAMS = (1e-100, 1e-200, 1e-300)
PADDING_S = 0.25  # silence on both sides: the model expects to start and to end in it
LOUDNESS = 0.03  # root mean square; the model's own recordings were not loud
SCORE_SCALE = 1024.0  # the decoder gives its log scores divided by this
LOW_SCORE = -3.0  # of 40 LJSpeech sentences all are above -1.7, with each other's texts all below -3.8


class PocketSphinxAligner:
    """Times of the words of English transcripts. Not to be shared between threads: a decoder has one utterance.

    A word's score is the mean over its frames of log p(sound | its phones) − log p(sound | the best ones), ≤ 0.
    """

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise UserError(
                "aligning without a trained aligner takes pocketsphinx: pip install -e '.[align]'"
            ) from error
        self._decoder_class = Decoder
        self._decoders: dict[float, Decoder] = {}

    def align_words(self, key: str, recording: Waveform, transcript: str) -> list[TimedWord] | Unalignable:  # noqa: ARG002
        """One time for each written word with a letter or digit; symbols that are spoken ("&") are sought, too."""
        runs = [(a, b) for a, b in text_words(transcript) if spoken_parts(transcript[a:b])]
        if not any(core_of(transcript, a, b) for a, b in runs):
            return Unalignable("the transcript has no word")
        if not has_spelling(transcript):
            return Unalignable("the transcript has no letter that an English voice could say")
        parts = [spoken_parts(transcript[a:b]) for a, b in runs]
        pcm = _pcm(resample(recording.samples, recording.sampling_rate_hz, CLOCK.sampling_rate_hz))
        for beam in BEAMS:
            segments = _segments(self._decoder(beam), pcm, [readings for word in parts for readings in word])
            if segments is not None:
                timed = _merged([transcript[a:b] for a, b in runs], [len(p) for p in parts], segments)
                inside = [_within(word, recording.duration_s) for word in timed]
                outside = next((word.text for word in inside if word.start_s >= word.end_s), None)
                if outside is not None:
                    return Unalignable(f"{outside!r} falls outside of the recording")
                return [word for word in inside if core_of(word.text, 0, len(word.text))]
        return Unalignable("no path through the words was found, even with the widest beam")

    def _decoder(self, beam: float) -> "Decoder":
        if beam not in self._decoders:
            beams = {"beam": beam, "wbeam": beam, "pbeam": beam}
            self._decoders[beam] = self._decoder_class(
                loglevel="FATAL", lm=None, bestpath=False, lw=1.0, wip=1.0, **beams
            )
        return self._decoders[beam]


def _pcm(samples: npt.NDArray[np.float32]) -> bytes:
    """What a decoder reads: centred, of one loudness, between two silences."""
    centred = samples - samples.mean() if len(samples) else samples
    loudness = float(np.sqrt(np.square(centred).mean())) if len(samples) else 0.0
    sound = np.pad(centred * (LOUDNESS / max(loudness, 1e-6)), seconds_to_samples(PADDING_S, CLOCK.sampling_rate_hz))
    pcm: bytes = (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
    return pcm


def _segments(decoder: "Decoder", pcm: bytes, parts: list[list[list[str]]]) -> list[Any] | None:
    """A segment of each part in the padded sound; None where the search reached no end."""
    entries = [_entry(decoder, readings) for readings in parts]
    decoder.set_align_text(" ".join(entries))
    decoder.reinit_feat()  # or the noise of the recordings before would change this one's result
    decoder.start_utt()
    decoder.process_raw(pcm, no_search=False, full_utt=True)
    decoder.end_utt()
    found = decoder.seg()
    segments = [s for s in found or [] if not s.word.startswith(("<", "[", "("))]
    return segments if len(segments) == len(entries) else None


def _entry(decoder: "Decoder", readings: list[list[str]]) -> str:
    """The dictionary's name for one part, put there if need be, with every reading as a pronunciation."""
    name = "|".join("_".join(reading) for reading in readings)
    if decoder.lookup_word(name) is None:
        for i, phones in enumerate(dict.fromkeys(_phones(decoder, reading) for reading in readings)):
            decoder.add_word(name if i == 0 else f"{name}({i + 1})", phones, False)  # the next search reads it
    return name


def _phones(decoder: "Decoder", reading: list[str]) -> str:
    known = [decoder.lookup_word(word) or decoder.lookup_word(word.strip("'")) for word in reading]
    return " ".join(phones or guess_phones(word) for phones, word in zip(known, reading, strict=True))


def _merged(written: list[str], counts: list[int], segments: list[Any]) -> list[TimedWord]:
    """Each written word from its first part's start to its last one's end, in the padded sound."""
    words = []
    rest = iter(segments)
    for text, n in zip(written, counts, strict=True):
        parts = [next(rest) for _ in range(n)]
        n_frames = sum(p.end_frame + 1 - p.start_frame for p in parts)
        score = SCORE_SCALE * sum(math.log(max(p.ascore, 1e-300)) for p in parts) / n_frames
        start_s, end_s = CLOCK.edge_s(parts[0].start_frame), CLOCK.edge_s(parts[-1].end_frame + 1)
        words.append(TimedWord(text, start_s, end_s, round(score, 3)))
    return words


def _within(word: TimedWord, duration_s: float) -> TimedWord:
    """In the recording's own time, without what lies in the padding."""
    start_s, end_s = (min(max(0.0, time_s - PADDING_S), duration_s) for time_s in (word.start_s, word.end_s))
    return TimedWord(word.text, start_s, end_s, word.score)
