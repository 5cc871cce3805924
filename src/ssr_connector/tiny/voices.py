"""Speech with true times from eSpeak NG, and who speaks in which split of the tiny world.

eSpeak NG is GPL-3 and comes with the extra ``[tiny]``; only this file touches it, and nothing in the core imports it.
"""

import _ctypes
import bisect
import ctypes
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import soxr

from ssr_connector.errors import UserError
from ssr_connector.tiny import accents
from ssr_connector.types import TimedWord, Waveform

SAMPLING_RATE_HZ = 16_000


@dataclass(frozen=True)
class Voice:
    """An eSpeak accent (a language file) spoken through a variant (a voice-quality file)."""

    accent: str
    variant: str

    @property
    def name(self) -> str:
        """What eSpeak calls it."""
        return f"{self.accent}+{self.variant}"


@dataclass(frozen=True)
class TimedPhone:
    """A phone in IPA without stress marks, and when it sounds; pauses are the gaps between phones."""

    ipa: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Speech:
    """A spoken text: 16 kHz, one entry in ``words`` for every word of the text, punctuation attached."""

    waveform: Waveform
    words: tuple[TimedWord, ...]
    phones: tuple[TimedPhone, ...]


def _voices(accent: str, *variants: str) -> tuple[Voice, ...]:
    return tuple(Voice(accent, variant) for variant in variants)


# Left out: robotic, whispered and echoing variants, and any variant that is a near copy of one in another split.
_TRAIN_VARIANTS = (
    *("m1", "m2", "m7", "m8", "f1", "f3", "Alex", "Andrea", "Andy", "anika", "Annie"),
    *("aunty", "Denis", "Diogo", "max", "Michael", "quincy", "robert", "steph", "victor"),
)
# Every accent in every variant: what a word sounds like must not be learnt together with who says it.
TRAIN_ACCENTS = tuple(
    _voices(accent, *_TRAIN_VARIANTS)
    for accent in ("en-us", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", *accents.MADE)
)
TRAIN_VOICES = tuple(voice for accent in TRAIN_ACCENTS for voice in accent)
DEV_VOICES = _voices("en-us-nyc", "m4", "f2", "Gene")
TEST_VOICES = (*_voices("en", "m3", "f4", "Mike"), *_voices("en-gb-scotland", "m6", "linda", "pedro"))


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_void_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """``espeak_EVENT`` of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_END_OF_LIST, _WORD, _PHONEME = 0, 1, 7  # event types
_SYNCHRONOUS, _PHONEME_EVENTS, _IPA_NAMES, _DO_NOT_EXIT, _UTF8 = 2, 0x1, 0x2, 0x8000, 1
_RATE, _PITCH, _PITCH_RANGE = 1, 3, 4  # parameters
_LONGEST_PATH = 59  # of a voice's file: what is beyond, eSpeak cuts off
_LOCK = threading.Lock()  # eSpeak is one per process: parallelise with processes
_SEPARATOR = " | "  # unspoken, and stops eSpeak merging "of the" into one event


@dataclass(frozen=True)
class _Marks:
    """What eSpeak reported: samples, and events in time order."""

    samples: np.ndarray  # [n] int16
    sampling_rate_hz: int
    words: list[tuple[int, int]]  # (1-based character position, sample)
    phones: list[tuple[str, int]]  # (name, sample); pauses have no name


def speak(text: str, voice: Voice, rate_wpm: int = 175, pitch: int = 50, pitch_range: int = 50) -> Speech:
    """Speak a text; the same arguments give the same samples, in every process.

    ``rate_wpm`` is eSpeak's words per minute (80–450), ``pitch`` and ``pitch_range`` are 0–100 with 50 the voice's own.
    Raises ValueError for a text without words, a word without a letter, or a voice that eSpeak does not have.
    """
    words = text.split()
    if not words:
        raise ValueError("there is nothing to speak in an empty text")
    for word in words:
        if not any(c.isalpha() for c in word):  # eSpeak would give it a span of its neighbour's sound
            raise ValueError(f"write {word!r} as it is spoken, in letters: {text!r}")
    marks = _synthesise(_SEPARATOR.join(words), voice, rate_wpm, pitch, pitch_range)

    def phones_alone(word: str) -> int:
        return len(_timed_phones(_synthesise(word, voice, rate_wpm, pitch, pitch_range)))

    samples = marks.samples.astype(np.float32) / 2**15
    resampled = soxr.resample(samples, marks.sampling_rate_hz, SAMPLING_RATE_HZ)
    return Speech(
        Waveform(np.ascontiguousarray(resampled, np.float32), SAMPLING_RATE_HZ),
        _timed_words(words, marks, phones_alone),
        _timed_phones(marks),
    )


def _synthesise(text: str, voice: Voice, rate_wpm: int, pitch: int, pitch_range: int) -> _Marks:
    import espeakng_loader

    data_path = Path(espeakng_loader.get_data_path())
    if not (data_path / "voices" / "!v" / voice.variant).is_file():  # eSpeak ignores an unknown variant silently
        raise ValueError(f"eSpeak has no variant {voice.variant!r}")
    chunks: list[np.ndarray] = []
    words: list[tuple[int, int]] = []
    phones: list[tuple[str, int]] = []

    @_Callback
    def collect(samples, n_samples, events):  # type: ignore[no-untyped-def]
        if samples and n_samples > 0:
            chunks.append(np.ctypeslib.as_array(samples, (n_samples,)).copy())
        i = 0
        while events[i].type != _END_OF_LIST:
            event = events[i]
            if event.type == _WORD:
                words.append((event.text_position, event.sample))
            elif event.type == _PHONEME:
                name = ctypes.string_at(ctypes.addressof(event.id), 8).split(b"\0")[0]
                phones.append((name.decode("utf-8", "ignore").strip("ˈˌ"), event.sample))
            i += 1
        return 0

    with _LOCK:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        library.espeak_Synth.argtypes = (
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint),
            *(ctypes.c_void_p, ctypes.c_void_p),
        )
        try:
            options = _PHONEME_EVENTS | _IPA_NAMES | _DO_NOT_EXIT
            sampling_rate_hz = library.espeak_Initialize(_SYNCHRONOUS, 0, str(data_path).encode(), options)
            if sampling_rate_hz <= 0:
                raise RuntimeError(f"eSpeak NG does not start with the data in {data_path}")
            library.espeak_SetSynthCallback(collect)
            _choose(library, voice)
            for parameter, value in ((_RATE, rate_wpm), (_PITCH, pitch), (_PITCH_RANGE, pitch_range)):
                library.espeak_SetParameter(parameter, value, 0)
            library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breath is noise, seeded by the clock if not here
            encoded = text.encode()
            if library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None):
                raise RuntimeError(f"eSpeak NG failed to speak {text!r}")
        finally:
            library.espeak_Terminate()
            _ctypes.dlclose(library._handle)  # its hidden state would make the next call's samples depend on this one
    return _Marks(np.concatenate(chunks), sampling_rate_hz, words, phones)


def _choose(library: ctypes.CDLL, voice: Voice) -> None:
    """Let it speak in this voice."""
    if voice.accent not in accents.MADE:
        if library.espeak_SetVoiceByName(voice.name.encode()):
            raise ValueError(f"eSpeak has no voice {voice.name!r}")
        return
    with NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(accents.voice_file(voice.accent))
        file.flush()
        name = f"{file.name}+{voice.variant}".encode()
        if len(name) > _LONGEST_PATH:
            raise UserError(f"eSpeak reads no file with a path as long as {file.name}: set TMPDIR to a shorter folder")
        if library.espeak_ng_SetVoiceByFile(name):
            raise ValueError(f"eSpeak cannot speak in {voice.name!r}")


def _timed_phones(marks: _Marks) -> tuple[TimedPhone, ...]:
    edges = [sample / marks.sampling_rate_hz for _, sample in marks.phones] + [_duration_s(marks)]
    named = zip(marks.phones, edges, edges[1:], strict=False)
    return tuple(TimedPhone(name, start, end) for (name, _), start, end in named if name and end > start)


def _timed_words(words: list[str], marks: _Marks, phones_alone: Callable[[str], int]) -> tuple[TimedWord, ...]:
    """Word i sounds from its event to the end of its last phone before the next word begins."""
    positions = list(accumulate((len(word) + len(_SEPARATOR) for word in words[:-1]), initial=1))
    phones = _timed_phones(marks)
    starts: dict[int, float] = {}
    for position, sample in marks.words:  # compounds give several events: the first one counts
        starts.setdefault(bisect.bisect_right(positions, position) - 1, sample / marks.sampling_rate_hz)
    for i in range(len(words)):
        if i not in starts:  # an accent that drops the first sound of a word may lose the word's event with it
            starts[i] = _start_of_merged(words, i, starts, phones, phones_alone)
    timed = []
    for i, word in enumerate(words):
        start, limit = starts[i], starts.get(i + 1, _duration_s(marks))
        end = max((min(phone.end_s, limit) for phone in phones if start <= phone.start_s < limit), default=limit)
        timed.append(TimedWord(word, start, end))
    return tuple(timed)


def _start_of_merged(
    words: list[str],
    i: int,
    starts: dict[int, float],
    phones: tuple[TimedPhone, ...],
    phones_alone: Callable[[str], int],
) -> float:
    """Word i shares the event of the words before it: it begins after as many phones as those have alone."""
    following = min((k for k in starts if k > i), default=len(words))
    first = max((k for k in starts if k < i), default=0)
    limit = starts.get(following, math.inf)
    group = [phone for phone in phones if starts.get(first, 0.0) <= phone.start_s < limit]
    counts = [phones_alone(word) for word in words[first:following]]
    if sum(counts) != len(group) or not all(counts):
        raise ValueError(f"eSpeak does not say when {words[i]!r} is spoken in {' '.join(words)!r}")
    return group[sum(counts[: i - first])].start_s


def _duration_s(marks: _Marks) -> float:
    return len(marks.samples) / marks.sampling_rate_hz
