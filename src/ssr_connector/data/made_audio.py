"""Audio that lhotse makes of cuts: mixed, padded, changed, in memory or in Shar.

A manifest may come from anyone, and lhotse does what it says: sources of the type `command` run in a shell, `url` goes
to the network, and the name of a `.sph` file is a part of a shell's line. None of this happens here.
"""

from collections.abc import Iterator
from threading import Lock
from typing import Any

import numpy as np
from lhotse.audio.backend import get_current_audio_backend, set_current_audio_backend
from lhotse.audio.utils import AudioLoadingError, DurationMismatchError

from ssr_connector.data.audio import AudioError, resample
from ssr_connector.data.shar import KIND
from ssr_connector.types import Waveform

UNUSABLE = "unusable audio"
SOURCES = frozenset({"file", "memory", KIND})
# What lhotse raises where a cut does not fit its audio, or is nonsense.
FAULTS = (
    AudioLoadingError, DurationMismatchError, ArithmeticError, AssertionError, AttributeError, ImportError,
    LookupError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip


def make_audio(cut: Any, sampling_rate_hz: int) -> Waveform:
    """The average of a cut's channels as lhotse makes them.

    Raises AudioError that names the cut: a source that is not a file, no recording, or one that does not fit the cut.
    """
    name = f"the cut {cut.id}"
    try:
        for kind in source_types(cut.to_dict()):
            if kind not in SOURCES:
                what_to_do = "it could run or fetch anything, and is left alone: save the recording as a file"
                raise AudioError(name, f"audio from a {kind}", what_to_do)
        with _LIBSNDFILE:
            channels = cut.load_audio()  # [channels, n], or None
        if channels is None:
            raise AudioError(name, "no recording", "give its manifest the recordings, too")
        samples = resample(channels.mean(axis=0), cut.sampling_rate, sampling_rate_hz)
    except FAULTS as error:
        first: BaseException = error  # lhotse raises it anew, with the whole cut in its message
        while isinstance(first.__context__, FAULTS):
            first = first.__context__
        reason = f"{type(first).__name__}: {first}".splitlines()[0][:300]
        raise AudioError(name, UNUSABLE, f"lhotse cannot make it ({reason}): mend its manifest") from error
    if not len(samples):
        raise AudioError(name, "no samples", "take it out of the corpus")
    if not np.isfinite(samples).all():
        raise AudioError(name, "NaN or infinite samples", "convert its recording from its source again")
    return Waveform(samples, sampling_rate_hz)


def source_types(values: Any) -> Iterator[str]:
    """The types of all audio sources in a manifest's values, at any depth: tracks, transforms, custom fields."""
    if isinstance(values, dict):
        sources = values.get("sources")
        for source in sources if isinstance(sources, list | tuple) else ():
            if isinstance(source, dict):
                yield str(source.get("type"))
        values = list(values.values())
    if isinstance(values, list | tuple):
        for value in values:
            yield from source_types(value)


class _Libsndfile:
    """The one way to read audio that starts no other program, as long as any thread is in here.

    The setting is lhotse's, for all threads, and restored when the last one leaves.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._before = Lock(), 0, None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = get_current_audio_backend()
                set_current_audio_backend("LibsndfileBackend")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                set_current_audio_backend(self._before)


_LIBSNDFILE = _Libsndfile()
