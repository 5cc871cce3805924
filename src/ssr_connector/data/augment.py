"""What `augment` of a recipe does to the recordings that are trained on: another speed, a room, noise.

What an utterance gets follows from the seed, the epoch and its id alone: neither a restart nor the number of processes
changes it, and every epoch hears it otherwise.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from lhotse.augmentation import Speed
from lhotse.utils import compute_num_samples, perturb_num_samples

from ssr_connector.config import AugmentSection
from ssr_connector.data.audio import AudioError, inspect_audio, load_audio
from ssr_connector.data.noise import Samples, active_power, mix, speech_shaped_noise
from ssr_connector.data.reverb import random_room, reverberate
from ssr_connector.data.table import audio_of_table, is_table
from ssr_connector.errors import UserError
from ssr_connector.types import Waveform

GENERATED = "generated"
SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".sph"})
DRAWS = {"speed": 0, "reverb": 1, "noise": 2}  # each from random numbers of its own
SPEEDS = (0.5, 2.0)
KEPT_RESPONSES = 256


class Augmentation:
    """Changes recordings as a recipe asks. Raises UserError where it asks for what cannot be, or there are none."""

    def __init__(self, section: AugmentSection, seed: int) -> None:
        check(section)
        self.section, self.seed = section, seed
        self.slowest, self.fastest = min(section.speed, default=1.0), max(section.speed, default=1.0)
        self.responses = (
            None if section.reverb in ("", GENERATED) else find_recordings("augment.reverb", section.reverb)
        )
        self.noises = None if section.noise in ("", GENERATED) else find_recordings("augment.noise", section.noise)

    def speed(self, cut_id: str, epoch: int) -> float:
        """How many times as fast an utterance is in an epoch."""
        return float(self._rng("speed", cut_id, epoch).choice(self.section.speed)) if self.section.speed else 1.0

    def shortest(self, cut: Any) -> Any:
        """The cut as short as it may become."""
        return perturbed(cut, self.fastest)

    def __call__(self, epoch: int, cut_id: str, recording: Waveform) -> Waveform:
        """The recording of a cut, or of any other name, as an epoch hears it."""
        rate, samples = recording.sampling_rate_hz, recording.samples
        speed = self.speed(cut_id, epoch)
        if speed != 1:
            samples = faster(samples, speed, rate)
        if self.section.reverb:
            rng = self._rng("reverb", cut_id, epoch)
            if rng.random() < self.section.reverb_share:
                samples = reverberate(samples, self._response(rate, rng))
        if self.section.noise:
            rng = self._rng("noise", cut_id, epoch)
            if rng.random() < self.section.noise_share:
                samples = self._noisy(samples, rate, rng)
        return Waveform(samples, rate)

    def _rng(self, what: Literal["speed", "reverb", "noise"], cut_id: str, epoch: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, epoch, DRAWS[what], *cut_id.encode()])

    def _response(self, rate: int, rng: np.random.Generator) -> Samples:
        if self.responses is None:
            return random_room(rate, rng)
        return read_response(self.responses[rng.integers(len(self.responses))].path, rate)

    def _noisy(self, samples: Samples, rate: int, rng: np.random.Generator) -> Samples:
        """With noise; as they are where they, or the part of the noise, are silent, so that there is no ratio."""
        snr_db = rng.uniform(*self.section.snr_db)
        if self.noises is None:
            noise = speech_shaped_noise(len(samples), rate, rng)
        else:
            noise = self.noises[rng.integers(len(self.noises))].part(len(samples), rate, rng.random())
        return mix(samples, noise, snr_db, rate) if active_power(samples, rate) and noise.any() else samples


def check(section: AugmentSection) -> None:
    """Raises UserError for figures that mean nothing."""
    low, high = SPEEDS
    if not all(low <= factor <= high for factor in section.speed):
        raise UserError(f"augment.speed: factors lie between {low:g} and {high:g}, for example [0.9, 1, 1.1]")
    for name, share in (("reverb_share", section.reverb_share), ("noise_share", section.noise_share)):
        if not 0 <= share <= 1:
            raise UserError(f"augment.{name}: {share:g} is no share, give one between 0 and 1")
    if section.snr_db[0] > section.snr_db[1]:
        raise UserError(f"augment.snr_db: give the lower ratio first, not {list(section.snr_db)}")


@dataclass(frozen=True)
class Noise:
    """A recording to take parts of."""

    path: Path
    duration_s: float

    def part(self, n_samples: int, rate: int, share: float) -> Samples:
        """So many samples from a place, told as a share of the room there is; again and again if it is too short."""
        wanted_s = n_samples / rate
        if wanted_s >= self.duration_s:
            return np.resize(loaded("augment.noise", self.path, rate), n_samples)
        start_s = share * (self.duration_s - wanted_s)
        part = loaded("augment.noise", self.path, rate, start_s, min(start_s + wanted_s, self.duration_s))
        return np.resize(part, n_samples)  # resampling may round to one sample less


def find_recordings(option: str, source: str) -> list[Noise]:
    """The recordings of a folder, at any depth, or of a table; by name, so that draws are the same on any machine.

    Raises UserError where there is none, or one that cannot be read.
    """
    folder = Path(source)
    if is_table(folder):
        paths = audio_of_table(folder)
    else:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UserError(f"{option}: {source} holds no recordings; give a folder or a table of some")
    return [Noise(path, inspect_audio(path, decode=False).duration_s) for path in paths]


@lru_cache(KEPT_RESPONSES)
def read_response(path: Path, rate: int) -> Samples:
    """A measured impulse response, the average of its channels."""
    return loaded("augment.reverb", path, rate)


def loaded(option: str, path: Path, rate: int, start_s: float | None = None, end_s: float | None = None) -> Samples:
    """A recording to change others by, or a part of it. Raises UserError, as an AudioError would be the others'."""
    try:
        return load_audio(path, rate, start_s, end_s).samples
    except AudioError as error:
        raise UserError(f"{option}: {error}, or take it out of there") from error


def perturbed(cut: Any, speed: float) -> Any:
    """A cut at another speed, under its own id."""
    return cut if speed == 1 else cut.perturb_speed(speed, affix_id=False)


def perturbed_s(duration_s: float, rate: int, speed: float) -> float:
    """The duration that lhotse gives a cut at another speed."""
    if speed == 1:
        return duration_s
    return float(perturb_num_samples(compute_num_samples(duration_s, rate), speed) / rate)


def faster(samples: Samples, speed: float, rate: int) -> Samples:
    """Played `speed` times as fast, by lhotse's resampler; as many samples as lhotse counts for such a cut."""
    changed: Samples = Speed(speed)(samples[None], rate)[0]
    n = perturb_num_samples(len(samples), speed)
    return np.pad(changed[:n], (0, max(0, n - len(changed))))
