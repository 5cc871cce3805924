"""Recordings of any usual format and sampling rate, read as one channel of finite samples."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from ssr_connector.data.container import is_cut_short
from ssr_connector.data.mpeg import Mpeg3LengthError, count_mp3_samples
from ssr_connector.data.sphere import is_compressed, read_sphere_header
from ssr_connector.errors import UserError
from ssr_connector.types import Waveform
from ssr_connector.units import seconds_to_samples

DEFAULT_SAMPLING_RATE_HZ = 16_000
MAX_READ_S = 7200.0
BLOCK_SAMPLES = 1 << 20
UNKNOWN_LENGTH = 2**63 - 1  # libsndfile's number of frames where a FLAC header leaves it open


class AudioError(UserError):
    """A recording, of a path or otherwise named, that cannot be used; a corpus counts it under its short ``reason``."""

    def __init__(self, path: Path | str, reason: str, what_to_do: str) -> None:
        super().__init__(f"{path}: {reason}; {what_to_do}")
        self.reason, self.what_to_do = reason, what_to_do


@dataclass(frozen=True)
class AudioFacts:
    """What is known of a recording without keeping its samples."""

    sampling_rate_hz: int
    n_samples: int  # of each channel
    n_channels: int
    is_silent: bool | None  # every sample is zero; None where the samples were not read
    is_beyond: bool | None = None  # some sample is beyond full scale, as floats may be; None as above

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sampling_rate_hz


def load_audio(
    path: str | Path,
    sampling_rate_hz: int = DEFAULT_SAMPLING_RATE_HZ,
    start_s: float | None = None,
    end_s: float | None = None,
    *,
    channels: Sequence[int] | None = None,
    max_duration_s: float = MAX_READ_S,
) -> Waveform:
    """Read ``[start_s, end_s)`` of a recording, average its channels to one and resample it (soxr, high quality).

    WAV, FLAC, MP3, Ogg Vorbis and Opus, and whatever else libsndfile reads, at any sampling rate. All channels are
    averaged, or only ``channels`` of them (from 0). Only the part asked for is read, at most ``max_duration_s``.

    Raises AudioError, naming the file: missing, empty, not audio, truncated or damaged, without samples, with NaN or
    infinite samples, a part outside of the recording, a part that is too long.
    """
    path = Path(path)
    with _opened(path) as (sound, n_samples):
        rate_hz = int(sound.samplerate)
        first = 0 if start_s is None else seconds_to_samples(start_s, rate_hz)
        end = n_samples if end_s is None else seconds_to_samples(end_s, rate_hz)
        if not 0 <= first < end <= n_samples:
            raise AudioError(
                path,
                "segment outside of the recording",
                f"{first / rate_hz:.3f} to {end / rate_hz:.3f} s is not a part of its {n_samples / rate_hz:.3f} s",
            )
        if end - first > max_duration_s * rate_hz:
            raise AudioError(
                path,
                f"{(end - first) / rate_hz:.0f} s are too long to read at once",
                f"cut it into parts of at most {max_duration_s:.0f} s with start_s and end_s",
            )
        if channels is not None and not (channels and all(0 <= c < sound.channels for c in channels)):
            raise AudioError(path, f"no channels {list(channels)}", f"it has {sound.channels}, counted from 0")
        picked = slice(None) if channels is None else list(channels)
        blocks = [block[:, picked].mean(axis=1) for block in _blocks(path, sound, first, end)]
    samples = resample(np.concatenate(blocks), rate_hz, sampling_rate_hz)
    if not len(samples):
        raise AudioError(path, "no samples", f"the part asked for is too short for {sampling_rate_hz} Hz")
    return Waveform(samples, sampling_rate_hz)


def resample(samples: npt.NDArray[np.float32], from_hz: int, to_hz: int) -> npt.NDArray[np.float32]:
    """One channel [n] at another sampling rate (soxr, high quality); the same values where the rates are equal."""
    resampled = samples if from_hz == to_hz else soxr.resample(samples, from_hz, to_hz, quality="HQ")
    return np.ascontiguousarray(resampled, dtype=np.float32)


def inspect_audio(path: str | Path, *, decode: bool = True) -> AudioFacts:
    """Check a whole recording in bounded memory; without ``decode`` only its headers.

    Raises AudioError as `load_audio` does. Headers alone show no NaN, and truncation of WAV, SPHERE and Ogg files only.
    """
    path = Path(path)
    with _opened(path) as (sound, n_samples):
        is_silent = is_beyond = None
        if decode:
            peak = max(float(np.abs(block).max()) for block in _blocks(path, sound, 0, n_samples))
            is_silent, is_beyond = peak == 0, peak > 1
        return AudioFacts(int(sound.samplerate), n_samples, int(sound.channels), is_silent, is_beyond)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[soundfile.SoundFile, int]]:
    """An open recording and its samples in each channel, at least one; decoder errors inside name the file."""
    try:
        if not path.stat().st_size:
            raise AudioError(path, "empty file", "copy or record it again")
        cut_short = is_cut_short(path)
    except FileNotFoundError:
        raise AudioError(path, "missing file", "correct its path") from None
    except OSError as error:
        raise AudioError(path, "unreadable file", f"{error.strerror}: give the path of a readable file") from None
    if cut_short:
        raise AudioError(path, "truncated or damaged", "it ends before its header says so: copy or encode it again")
    try:
        sound = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        if "malformed" in error.error_string:
            raise AudioError(path, "truncated or damaged", "copy or encode it again") from None
        if is_compressed(read_sphere_header(path)):
            raise AudioError(path, "compressed SPHERE", "decompress it, for example with `sph2pipe -f wav`") from None
        raise AudioError(path, "not audio", "give WAV, FLAC, MP3 or Ogg (Vorbis, Opus)") from None
    except TypeError:  # soundfile takes the suffix .raw for headerless samples and wants to be told their rate
        raise AudioError(path, "not audio", "headerless samples must be made into WAV first") from None
    with sound:
        n_samples = _length(path, sound)
        if n_samples <= 0:
            raise AudioError(path, "no samples", "record it again or take it out of the corpus")
        try:
            yield sound, n_samples
        except soundfile.LibsndfileError as error:
            detail = error.error_string.strip().rstrip(".")
            raise AudioError(path, "truncated or damaged", f"copy or encode it again ({detail})") from None


def _length(path: Path, sound: soundfile.SoundFile) -> int:
    if sound.frames == UNKNOWN_LENGTH:
        raise AudioError(path, "length not in its header", "encode it again, for example with `flac -f`")
    if sound.format == "MP3":
        try:
            counted = count_mp3_samples(path)
        except Mpeg3LengthError as error:
            raise AudioError(path, "truncated or damaged", f"{error}: copy or encode it again") from None
        if counted is not None:
            return counted
    return int(sound.frames)


def _blocks(path: Path, sound: soundfile.SoundFile, first: int, end: int) -> Iterator[npt.NDArray[np.float32]]:
    """Samples ``[first, end)`` as blocks [n, channels]; raises AudioError where fewer come or one is not finite."""
    if first:
        sound.seek(first)
    position = first
    while position < end:
        block = sound.read(min(BLOCK_SAMPLES, end - position), dtype="float32", always_2d=True)
        if not len(block):
            raise AudioError(
                path,
                "truncated or damaged",
                f"it announces {sound.frames} samples and ends after {position}: copy or encode it again",
            )
        if not np.isfinite(block).all():
            raise AudioError(path, "NaN or infinite samples", "convert the recording from its source again")
        position += len(block)
        yield block
