"""What is asked of surroundings is what is heard: ratios, decays and speeds measured back."""

import numpy as np
import pytest
import soundfile

from ssr_connector.data.noise import active_power
from ssr_connector.errors import UserError
from ssr_connector.studies.surroundings import BABBLE, Surroundings, contents_of, make_babble, make_rooms
from ssr_connector.types import Waveform

RATE = 16_000


@pytest.fixture(scope="module")
def speech():
    """Bursts of a tone with pauses between them."""
    time_s = np.arange(2 * RATE) / RATE
    return Waveform((0.1 * np.sin(2 * np.pi * 440 * time_s) * (time_s % 0.5 < 0.35)).astype(np.float32), RATE)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Recordings to make babble of, a noise folder of a user, and rooms."""
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    for name, count in (("talk", 5), ("own", 2)):
        (folder / name).mkdir()
        for k in range(count):
            samples = rng.normal(0, 0.01 * 10**k, RATE * (k + 1) // 2)  # as different in level as can be
            soundfile.write(folder / name / f"{k}.wav", samples.clip(-1, 1), RATE)
    make_babble(folder / "talk", folder / "babble", 0)
    make_rooms(0.4, folder / "rooms", 0)
    return folder


def heard(surroundings, world, recording, name="u1.flac"):
    return surroundings.change(world / "babble", world / "rooms")(name, recording)


@pytest.mark.parametrize("source", ["generated", BABBLE, "own"])
@pytest.mark.parametrize("snr_db", [20.0, 5.0, 0.0, -5.0])
def test_the_ratio_of_speech_to_noise_is_the_one_asked_for(source, snr_db, world, speech):
    source = str(world / "own") if source == "own" else source
    noise = heard(Surroundings(noise=source, snr_db=snr_db), world, speech).samples - speech.samples
    measured = 10 * np.log10(active_power(speech.samples, RATE) / np.mean(noise.astype(float) ** 2))
    assert measured == pytest.approx(snr_db, abs=0.05)


def test_a_recording_hears_the_same_noise_at_every_ratio_and_another_one_other_noise(world, speech):
    loud, soft = (heard(Surroundings(noise=BABBLE, snr_db=s), world, speech).samples for s in (0.0, 20.0))
    assert np.allclose(loud - speech.samples, 10 * (soft - speech.samples), atol=1e-4)
    other = heard(Surroundings(noise=BABBLE, snr_db=0.0), world, speech, "u2.flac").samples
    assert not np.allclose(loud, other, atol=1e-3)


def test_babble_is_made_of_the_recordings_each_as_loud_and_the_same_for_a_seed(world, tmp_path):
    time_s = np.arange(RATE) / RATE
    (tmp_path / "talk").mkdir()
    for hz, level in ((500, 0.001), (1500, 0.5)):
        soundfile.write(tmp_path / "talk" / f"{hz}.wav", level * np.sin(2 * np.pi * hz * time_s), RATE, subtype="FLOAT")
    for out in ("a", "b"):
        make_babble(tmp_path / "talk", tmp_path / out, 3)
    names = sorted(p.name for p in (tmp_path / "a").iterdir())
    babble = np.concatenate([soundfile.read(tmp_path / "a" / name)[0] for name in names])
    assert np.array_equal(babble, np.concatenate([soundfile.read(tmp_path / "b" / name)[0] for name in names]))
    power, hz = np.abs(np.fft.rfft(babble)) ** 2, np.fft.rfftfreq(len(babble), 1 / RATE)
    low, high = (power[np.abs(hz - tone) < 50].sum() for tone in (500, 1500))
    assert low + high > 0.95 * power.sum()  # nothing else in it
    assert 0.5 < low / high < 2  # and neither hides the other, for all that one was recorded 54 dB softer
    make_babble(tmp_path / "talk", tmp_path / "c", 4)
    assert not np.array_equal(
        soundfile.read(tmp_path / "c" / names[0])[0], soundfile.read(tmp_path / "a" / names[0])[0]
    )


def test_rooms_decay_in_the_time_asked_for_and_leave_length_and_power(world, speech):
    for path in (world / "rooms").iterdir():
        response = soundfile.read(path)[0]
        energy_db = 10 * np.log10(np.cumsum(response[:0:-1] ** 2)[::-1])  # Schroeder's backward integral
        n = len(energy_db)
        slope = (energy_db[n // 2] - energy_db[n // 10]) / ((n // 2 - n // 10) / RATE)
        assert -60 / slope == pytest.approx(0.4, rel=0.15)
        assert response[0] ** 2 == pytest.approx(np.sum(response[1:] ** 2), rel=1e-3)
    wet = heard(Surroundings(decay_s=0.4), world, speech).samples
    assert len(wet) == len(speech.samples)
    assert np.mean(wet**2) == pytest.approx(np.mean(speech.samples**2), rel=1e-3)
    pause = slice(round(0.42 * RATE), round(0.48 * RATE))
    assert np.mean(wet[pause] ** 2) > 1e-6 > np.mean(speech.samples[pause] ** 2)


@pytest.mark.parametrize("speed", [0.7, 1.5])
def test_speed_changes_length_and_pitch_alike(speed, world, speech):
    fast = heard(Surroundings(speed=speed), world, speech).samples
    assert len(fast) == pytest.approx(len(speech.samples) / speed, abs=1)
    peak_hz = np.fft.rfftfreq(len(fast), 1 / RATE)[np.abs(np.fft.rfft(fast)).argmax()]
    assert peak_hz == pytest.approx(440 * speed, abs=5)


def test_nothing_asked_for_changes_nothing(world, speech):
    assert np.array_equal(heard(Surroundings(), world, speech).samples, speech.samples)


def test_a_user_s_recordings_are_told_from_others(world, tmp_path):
    before = contents_of(str(world / "own"))
    assert [name for name, *_ in before] == ["0.wav", "1.wav"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no recordings"):
        contents_of(str(tmp_path / "empty"))
