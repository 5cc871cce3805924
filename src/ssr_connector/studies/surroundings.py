"""What the tests are heard in: noise at a ratio, a room, another speed; mixed by what augments training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ssr_connector.config import AugmentSection
from ssr_connector.data.augment import Augmentation, Noise, find_recordings
from ssr_connector.data.noise import Samples, active_power
from ssr_connector.data.reverb import room
from ssr_connector.encoders.source import Change
from ssr_connector.files import replace_folder
from ssr_connector.studies.cache import Facts
from ssr_connector.types import Waveform

SAMPLING_RATE_HZ = 16_000
BABBLE = "babble"
TALKERS, N_BABBLES, BABBLE_S = 6, 12, 20.0
N_ROOMS, DIRECT_TO_REVERBERANT_DB = 8, 0.0  # as much reverberation as direct sound: the speaker is not close


@dataclass(frozen=True)
class Surroundings:
    """What is done to a recording, in the order speed, room, noise."""

    noise: str = ""  # "generated": stationary and speech-shaped; "babble"; or the user's folder or table of recordings
    snr_db: float = 0.0  # of the active speech level to the noise
    decay_s: float = 0.0  # in which a room's reverberation falls by 60 dB; 0: no room
    speed: float = 1.0

    def change(self, babble: Path | None, rooms: Path | None) -> Change:
        """Does it to recordings, the same for the same name; from folders of `make_babble` and `make_rooms`."""
        section = AugmentSection(
            speed=() if self.speed == 1 else (self.speed,),
            reverb=str(rooms) if self.decay_s else "",
            reverb_share=1.0,
            noise=str(babble) if self.noise == BABBLE else self.noise,
            noise_share=1.0,
            snr_db=(self.snr_db, self.snr_db),
        )
        augment = Augmentation(section, seed=0)

        def changed(name: str, recording: Waveform) -> Waveform:
            return augment(0, name, recording)

        return changed


def make_babble(talk: Path, out: Path, seed: int) -> Facts:
    """Recordings in which several people talk at once: the others of the world, one after another in each voice."""
    talks = find_recordings("babble", str(talk))
    rng = np.random.default_rng([seed, *BABBLE.encode()])
    with replace_folder(out) as new:
        for k in range(N_BABBLES):
            voices = [talking(talks, round(BABBLE_S * SAMPLING_RATE_HZ), rng) for _ in range(TALKERS)]
            write(new / f"{k:02}.wav", np.sum(voices, axis=0, dtype=np.float32))
    return {"recordings": N_BABBLES, "talkers": TALKERS}


def talking(talks: Sequence[Noise], n_samples: int, rng: np.random.Generator) -> Samples:
    """One recording after another, each as loud as the others while somebody speaks."""
    said: list[Samples] = []
    while sum(map(len, said)) < n_samples:
        recording = talks[int(rng.integers(len(talks)))]
        samples = recording.part(round(recording.duration_s * SAMPLING_RATE_HZ), SAMPLING_RATE_HZ, 0.0)
        if power := active_power(samples, SAMPLING_RATE_HZ):
            said.append(samples / np.float32(np.sqrt(power)))
    return np.concatenate(said)[:n_samples]


def make_rooms(decay_s: float, out: Path, seed: int) -> Facts:
    """Impulse responses that decay in this time."""
    with replace_folder(out) as new:
        for k in range(N_ROOMS):
            rng = np.random.default_rng([seed, k])
            write(new / f"{k}.wav", room(SAMPLING_RATE_HZ, decay_s, DIRECT_TO_REVERBERANT_DB, rng))
    return {"rooms": N_ROOMS}


def write(path: Path, samples: Samples) -> None:
    """As loud as a file can hold; ratios are set when it is mixed."""
    soundfile.write(path, 0.9 * samples / np.abs(samples).max(), SAMPLING_RATE_HZ, subtype="FLOAT")


def contents_of(source: str) -> list[list[str | int]]:
    """What tells the recordings of a user's folder or table from others: names, sizes, and times of change."""
    states = [(noise.path.name, noise.path.stat()) for noise in find_recordings("--noises", source)]
    return [[name, state.st_size, state.st_mtime_ns] for name, state in states]
