import numpy as np
import pytest

from ssr_connector.data.noise import active_power, add_noise, mix, pink_noise, speech_shaped_noise

RATE = 16_000


def bursts(seconds: float, share: float) -> np.ndarray:
    """A tone that sounds for a share of every second."""
    time_s = np.arange(int(seconds * RATE)) / RATE
    return (0.1 * np.sin(2 * np.pi * 440 * time_s) * (time_s % 1 < share)).astype(np.float32)


def test_the_ratio_is_to_the_active_level_so_pauses_do_not_change_it():
    for share in (1.0, 0.5, 0.2):
        samples = bursts(4, share)
        noise = add_noise(samples, 5.0, np.random.default_rng(0)) - samples
        snr_db = 10 * np.log10(0.1**2 / 2 / np.mean(noise**2))
        assert snr_db == pytest.approx(5.0, abs=0.1)


def test_noise_is_stationary_and_repeatable():
    first, second = (speech_shaped_noise(5 * RATE, RATE, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(first, second)
    powers = (first.reshape(10, -1) ** 2).mean(axis=1)
    assert powers.max() / powers.min() < 2


def test_spectra_have_the_slopes_they_are_named_for():
    def band_db(noise: np.ndarray, low: float, high: float) -> float:
        power, hz = np.abs(np.fft.rfft(noise)) ** 2, np.fft.rfftfreq(len(noise), 1 / RATE)
        return 10 * np.log10(power[(hz >= low) & (hz < high)].sum())

    rng = np.random.default_rng(2)
    speech, pink = speech_shaped_noise(60 * RATE, RATE, rng), pink_noise(60 * RATE, RATE, rng)
    third = 2 ** (1 / 6)
    difference = band_db(speech, 500 / third, 500 * third) - band_db(speech, 4000 / third, 4000 * third)
    assert difference == pytest.approx(62.1 - 45.6, abs=1.0)
    assert band_db(pink, 250, 500) == pytest.approx(band_db(pink, 2000, 4000), abs=0.5)


def test_silence_has_no_ratio():
    assert active_power(np.zeros(0, np.float32), RATE) == 0
    with pytest.raises(ValueError, match="silent"):
        mix(np.zeros(1000, np.float32), np.ones(1000, np.float32), 5.0, RATE)
