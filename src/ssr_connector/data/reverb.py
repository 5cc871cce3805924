"""Rooms: impulse responses, and what speech sounds like through them."""

import numpy as np
from scipy.signal import fftconvolve

from ssr_connector.data.noise import Samples

# Of the rooms that are made: living rooms to halls, the speaker near to the microphone or not.
DECAY_S = (0.2, 0.8)  # time in which the reverberation falls by 60 dB
DIRECT_TO_REVERBERANT_DB = (0.0, 12.0)


def reverberate(samples: Samples, response: Samples) -> Samples:
    """Samples through an impulse response: of the same length and power, the direct sound where it was.

    As lhotse's `ReverbWithImpulseResponse` and Kaldi's `wav-reverberate --shift-output` do it, so times of words stay
    true; the direct sound is the response's largest value of either sign.
    """
    direct = int(np.abs(response).argmax())
    heard = fftconvolve(samples, response)[direct : direct + len(samples)]
    power = np.square(heard, dtype=np.float64).mean()
    if power == 0:
        return samples
    gain = np.sqrt(np.square(samples, dtype=np.float64).mean() / power)
    return np.asarray(gain * heard, dtype=np.float32)


def random_room(sampling_rate_hz: int, rng: np.random.Generator) -> Samples:
    """The impulse response of a room at random."""
    return room(sampling_rate_hz, rng.uniform(*DECAY_S), rng.uniform(*DIRECT_TO_REVERBERANT_DB), rng)


def room(sampling_rate_hz: int, decay_s: float, ratio_db: float, rng: np.random.Generator) -> Samples:
    """The impulse response of a room: the direct sound, then noise that dies away exponentially.

    `decay_s`: by 60 dB; `ratio_db`: direct to reverberant energy. Polack's model of late reverberation; lhotse's own
    generator needs torchaudio.
    """
    time_s = np.arange(1, round(decay_s * sampling_rate_hz)) / sampling_rate_hz
    tail = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / decay_s)
    tail *= np.sqrt(10 ** (-ratio_db / 10) / np.square(tail).sum())
    return np.concatenate([[1.0], tail]).astype(np.float32)
