"""Noise at a stated signal-to-noise ratio, for training and for tests of robustness."""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

# Long-term average speech spectrum, third-octave levels in dB over all voices (Byrne et al. 1994, table II).
_SPEECH_BAND_HZ = (
    *(63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600),
    *(2000, 2500, 3150, 4000, 5000, 6300, 8000, 10000, 12500, 16000),
)
_SPEECH_BAND_DB = (
    *(38.6, 43.5, 54.4, 57.7, 56.8, 60.2, 60.3, 59.0, 62.1, 62.1, 60.5, 56.8, 53.7, 53.0, 52.0),
    *(48.7, 48.1, 46.8, 45.6, 44.5, 44.3, 43.7, 43.4, 41.3, 40.7),
)
_LEVEL_FRAME_S = 0.02
_ACTIVE_RANGE_DB = 30.0


def active_power(samples: Samples, sampling_rate_hz: int) -> float:
    """Mean square while somebody speaks: over the 20 ms frames within 30 dB of the loudest one; 0 for silence."""
    frame = min(len(samples), round(_LEVEL_FRAME_S * sampling_rate_hz))
    if frame == 0:
        return 0.0
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame).astype(np.float64)
    powers = (frames**2).mean(axis=1)
    active = powers[powers >= powers.max() * 10 ** (-_ACTIVE_RANGE_DB / 10)]
    return float(active.mean())


def speech_shaped_noise(n_samples: int, sampling_rate_hz: int, rng: np.random.Generator) -> Samples:
    """Stationary Gaussian noise of unit power with the average spectrum of speech."""
    return _coloured_noise(n_samples, sampling_rate_hz, rng, np.array(_SPEECH_BAND_DB))


def pink_noise(n_samples: int, sampling_rate_hz: int, rng: np.random.Generator) -> Samples:
    """Stationary Gaussian noise of unit power with equal power in every third octave."""
    return _coloured_noise(n_samples, sampling_rate_hz, rng, np.zeros(len(_SPEECH_BAND_HZ)))


def mix(samples: Samples, noise: Samples, snr_db: float, sampling_rate_hz: int) -> Samples:
    """Add noise of the same length, so that active speech stands ``snr_db`` above the noise's mean power.

    Raises ValueError where there is no speech level or no noise to set the ratio by. The sum may exceed full scale.
    """
    speech, power = active_power(samples, sampling_rate_hz), float((noise.astype(np.float64) ** 2).mean())
    if speech == 0 or power == 0:
        raise ValueError("a signal-to-noise ratio needs both speech and noise that are not silent")
    gain = np.sqrt(speech / power * 10 ** (-snr_db / 10))
    return samples + np.float32(gain) * noise


def add_noise(samples: Samples, snr_db: float, rng: np.random.Generator, sampling_rate_hz: int = 16_000) -> Samples:
    """Add stationary speech-shaped noise; the ratio is to the active speech level, so pauses do not change it."""
    return mix(samples, speech_shaped_noise(len(samples), sampling_rate_hz, rng), snr_db, sampling_rate_hz)


def _coloured_noise(
    n_samples: int, sampling_rate_hz: int, rng: np.random.Generator, band_db: npt.NDArray[np.float64]
) -> Samples:
    n = 1 << max(n_samples - 1, 1).bit_length()
    hz = np.fft.rfftfreq(n, 1 / sampling_rate_hz)[1:]
    # A third-octave band is as wide as its centre frequency is high: level per hertz falls by that much.
    density_db = np.interp(np.log(hz), np.log(_SPEECH_BAND_HZ), band_db) - 10 * np.log10(hz)
    density_db[hz < _SPEECH_BAND_HZ[0]] -= 40.0  # rumble below the table's first band is not speech
    spectrum = np.zeros(n // 2 + 1, np.complex128)
    spectrum[1:] = (rng.standard_normal(len(hz)) + 1j * rng.standard_normal(len(hz))) * 10 ** (density_db / 20)
    noise = np.fft.irfft(spectrum, n)
    noise *= 1 / np.sqrt((noise**2).mean())
    return noise[:n_samples].astype(np.float32)
