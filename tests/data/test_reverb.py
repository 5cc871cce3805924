import numpy as np
import pytest
import soundfile
from lhotse import Recording
from lhotse.augmentation import ReverbWithImpulseResponse

from ssr_connector.data.reverb import random_room, reverberate

RATE = 16_000


@pytest.fixture
def speech():
    return np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)


def impulses(**at):
    response = np.zeros(2000, np.float32)
    for place, value in at.items():
        response[int(place[1:])] = value
    return response


@pytest.mark.parametrize("delay", [0, 1, 700])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_echo_comes_as_much_later_as_it_does_and_the_direct_sound_stays(speech, delay, sign):
    response = impulses(**{f"p{delay}": sign, f"p{delay + 480}": 0.5})
    expected = sign * speech
    expected[480:] += 0.5 * speech[:-480]
    expected *= np.sqrt(np.mean(speech**2) / np.mean(expected**2))
    assert np.allclose(reverberate(speech, response), expected, atol=1e-5)


def test_a_mere_delay_changes_nothing(speech):
    assert np.allclose(reverberate(speech, impulses(p321=0.3)), speech, atol=1e-5)


def test_it_is_what_lhotse_does(speech, tmp_path):
    response = 0.1 * random_room(RATE, np.random.default_rng(1))
    soundfile.write(tmp_path / "room.wav", response, RATE, subtype="FLOAT")
    theirs = ReverbWithImpulseResponse(rir=Recording.from_file(tmp_path / "room.wav"))(speech[None], RATE)[0]
    assert np.allclose(reverberate(speech, response), theirs, atol=1e-4)


def test_rooms_decay_as_they_are_drawn():
    """Schroeder's backward integral falls by 60 dB in the drawn time, and the direct sound has its share."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        room = random_room(RATE, np.random.default_rng(seed)).astype(np.float64)
        decay_s, ratio_db = rng.uniform(0.2, 0.8), rng.uniform(0.0, 12.0)
        assert room[0] == 1
        assert 10 * np.log10(1 / np.sum(room[1:] ** 2)) == pytest.approx(ratio_db, abs=1e-3)
        energy_db = 10 * np.log10(np.cumsum(room[:0:-1] ** 2)[::-1])
        n = len(energy_db)
        slope = (energy_db[n // 2] - energy_db[n // 10]) / ((n // 2 - n // 10) / RATE)
        assert -60 / slope == pytest.approx(decay_s, rel=0.1)


def test_silence_stays_silent():
    silence = np.zeros(100, np.float32)
    assert np.array_equal(reverberate(silence, impulses(p0=1.0)), silence)
