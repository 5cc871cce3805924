from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from lhotse import MonoCut, Recording, SupervisionSegment
from lhotse.supervision import AlignmentItem

from ssr_connector.config import AugmentSection
from ssr_connector.data.audio import AudioError
from ssr_connector.data.augment import Augmentation, Noise, find_recordings, perturbed, perturbed_s
from ssr_connector.data.cuts import read_cuts
from ssr_connector.data.noise import active_power
from ssr_connector.encoders.source import EncodedFrames
from ssr_connector.errors import UserError
from ssr_connector.types import Waveform

RATE = 16_000
IDS = [f"u{k}" for k in range(40)]


@pytest.fixture
def speech():
    """Two seconds, half of which somebody speaks."""
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * RATE)
    return Waveform((noise * (np.arange(2 * RATE) % RATE < RATE // 2)).astype(np.float32), RATE)


@pytest.fixture
def noises(tmp_path):
    """A folder of a long recording, at another rate, and a short one."""
    folder = tmp_path / "noises"
    (folder / "deep").mkdir(parents=True)
    rng = np.random.default_rng(1)
    soundfile.write(folder / "deep" / "long.flac", rng.normal(0, 0.05, 80_000), 8_000)
    soundfile.write(folder / "short.wav", rng.normal(0, 0.05, RATE // 3), RATE)
    (folder / "LICENSE").write_text("free")
    return folder


def snr_db(clean, noisy):
    return 10 * np.log10(active_power(clean.samples, RATE) / np.mean((noisy.samples - clean.samples) ** 2))


@pytest.mark.parametrize("generated", [True, False])
def test_the_ratio_measured_back_is_the_one_asked_for(speech, noises, generated):
    source = "generated" if generated else str(noises)
    exact = Augmentation(AugmentSection(noise=source, noise_share=1.0, snr_db=(7.0, 7.0)), 0)
    assert all(snr_db(speech, exact(0, key, speech)) == pytest.approx(7, abs=0.05) for key in IDS[:8])
    drawn = Augmentation(AugmentSection(noise=source, noise_share=1.0, snr_db=(0.0, 20.0)), 0)
    found = [snr_db(speech, drawn(0, key, speech)) for key in IDS]
    assert min(found) > -0.1
    assert max(found) < 20.1
    assert max(found) - min(found) > 10


def test_noise_of_a_recording_is_a_part_of_it_or_the_whole_again_and_again(noises):
    long, short = find_recordings("noise", str(noises))
    whole, _ = soundfile.read(noises / "deep" / "long.flac", dtype="float32")
    for share in (0.0, 0.37, 0.999):
        first = round(share * (len(whole) - 4000))
        assert np.allclose(long.part(4000, 8_000, share), whole[first : first + 4000], atol=1e-6)
    assert long.part(RATE + 1, RATE, 0.5).shape == (RATE + 1,)
    again, _ = soundfile.read(noises / "short.wav", dtype="float32")
    assert np.allclose(short.part(RATE, RATE, 0.5), np.tile(again, 4)[:RATE], atol=1e-6)


def test_the_share_of_utterances_is_as_asked_for(speech):
    section = AugmentSection(noise="generated", noise_share=0.25, reverb="generated", reverb_share=0.0)
    changed = Augmentation(section, 0)
    n = sum(changed(0, f"{k}", speech).samples is not speech.samples for k in range(200))
    assert 30 <= n <= 70


def test_draws_follow_from_seed_epoch_and_id_alone(speech, noises):
    section = AugmentSection(speed=(0.9, 1.0, 1.1), noise=str(noises), reverb="generated", snr_db=(0.0, 20.0))

    def heard(seed, epoch, keys=IDS[:10]):
        change = Augmentation(section, seed)
        return {key: change(epoch, key, speech).samples for key in keys}

    first, again = heard(3, 1), heard(3, 1, IDS[9::-1])  # in another order
    assert all(np.array_equal(first[key], again[key]) for key in first)
    for other in (heard(3, 2), heard(4, 1)):
        assert sum(np.array_equal(first[key], other[key]) for key in first) < 5


def test_all_factors_of_speed_come_and_their_lengths_are_lhotses(speech):
    change = Augmentation(AugmentSection(speed=(0.9, 1.0, 1.1)), 0)
    assert {change.speed(key, 0) for key in IDS} == {0.9, 1.0, 1.1}
    for n in (RATE, RATE + 1, 12_345):
        part = Waveform(speech.samples[:n], RATE)
        recording = Recording("r", [], RATE, n, n / RATE)
        for key in IDS[:12]:
            cut = MonoCut(key, 0.0, n / RATE, 0, recording=recording)
            speed = change.speed(key, 0)
            other = perturbed(cut, speed)
            assert len(change(0, key, part).samples) == other.num_samples
            assert perturbed_s(cut.duration, RATE, speed) == other.duration


def test_the_pitch_rises_with_the_speed():
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    heard = Augmentation(AugmentSection(speed=(1.1,)), 0)(0, "x", Waveform(tone, RATE)).samples
    hz = np.fft.rfftfreq(len(heard), 1 / RATE)[np.abs(np.fft.rfft(heard)).argmax()]
    assert hz == pytest.approx(1100, abs=2)


def test_a_cut_keeps_its_id_and_its_times_are_scaled_to_the_sample():
    words = [AlignmentItem("a", 0.25, 0.5), AlignmentItem("b", 1.1, 0.55)]
    supervision = SupervisionSegment("x", "r", 0.0, 2.2, text="a b", alignment={"word": words})
    cut = MonoCut("x", 0.55, 2.2, 0, [supervision], recording=Recording("r", [], RATE, 4 * RATE, 4.0))
    heard = perturbed(cut, 1.1)
    assert (heard.id, heard.duration, heard.start) == ("x", 2.0, 0.5)
    found = [(w.start, w.duration) for w in heard.supervisions[0].alignment["word"]]
    for (start, duration), word in zip(found, words, strict=True):
        assert start == round(word.start * RATE / 1.1) / RATE
        assert duration == round(word.duration * RATE / 1.1) / RATE


def test_measured_rooms_are_those_of_the_folder(speech, tmp_path):
    response = np.zeros(900, np.float32)
    response[[100, 580]] = 0.5, 0.25
    soundfile.write(tmp_path / "room.wav", np.stack([response, response], axis=1), RATE)  # two microphones
    change = Augmentation(AugmentSection(reverb=str(tmp_path), reverb_share=1.0), 0)
    expected = speech.samples.copy()
    expected[480:] += 0.5 * speech.samples[:-480]
    expected *= np.sqrt(np.mean(speech.samples**2) / np.mean(expected**2))
    assert np.allclose(change(0, "x", speech).samples, expected, atol=1e-4)


def test_silence_has_no_ratio_and_is_left_as_it_is(speech, tmp_path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    change = Augmentation(AugmentSection(noise=str(tmp_path), noise_share=1.0), 0)
    assert np.array_equal(change(0, "x", speech).samples, speech.samples)
    silence = Waveform(np.zeros(RATE, np.float32), RATE)
    generated = Augmentation(AugmentSection(noise="generated", noise_share=1.0), 0)
    assert np.array_equal(generated(0, "x", silence).samples, silence.samples)
    silence.samples[-3:] = 0.1  # less than a frame of the level
    nearly = Waveform(silence.samples[: RATE - 1], RATE)
    assert np.array_equal(generated(0, "x", nearly).samples, nearly.samples)


def test_a_table_names_noises_too(noises, tmp_path):
    (tmp_path / "a.tsv").write_text("audio\tkind\nnoises/short.wav\tdoor\nnoises/short.wav\tdoor\n")
    assert find_recordings("noise", str(tmp_path / "a.tsv")) == [Noise(noises / "short.wav", 0.3333125)]
    (tmp_path / "b.jsonl").write_text('{"audio": "noises/short.wav"}\n{"path": "x"}\n')
    with pytest.raises(UserError, match=r"b\.jsonl line 2 has no path"):
        find_recordings("noise", str(tmp_path / "b.jsonl"))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"speed": (1.0, 11.0)}, r"augment\.speed: factors lie between 0\.5 and 2"),
        ({"noise_share": 30.0}, r"augment\.noise_share: 30 is no share"),
        ({"snr_db": (20.0, 5.0)}, "the lower ratio first"),
        ({"noise": "nowhere"}, r"augment\.noise: nowhere holds no recordings"),
        ({"reverb": "nowhere"}, r"augment\.reverb: nowhere holds no recordings"),
    ],
)
def test_what_cannot_be_is_refused(section, message):
    with pytest.raises(UserError, match=message):
        Augmentation(AugmentSection(**section), 0)


@pytest.mark.parametrize("option", ["noise", "reverb"])
def test_a_bad_noise_is_not_taken_for_a_bad_utterance(option, tiny_corpus, tmp_path):
    cut = next(iter(read_cuts(tiny_corpus / "dev.jsonl.gz")))
    flac = tmp_path / "bad.flac"
    soundfile.write(flac, np.random.default_rng(0).normal(0, 0.1, RATE), RATE)
    flac.write_bytes(flac.read_bytes()[:-2000])  # its header is whole
    change = Augmentation(AugmentSection(**{option: str(tmp_path), f"{option}_share": 1.0}), 0)
    source = EncodedFrames(SimpleNamespace(clock=SimpleNamespace(sampling_rate_hz=RATE)))
    with pytest.raises(UserError, match=rf"^augment\.{option}: .*bad\.flac: truncated or damaged") as caught:
        source.read([cut], partial(change, 0))
    assert not isinstance(caught.value, AudioError)  # which would leave the utterance out


def test_a_bad_noise_is_named_before_training(noises):
    (noises / "bad.wav").write_bytes(b"rubbish")
    with pytest.raises(UserError, match=r"bad\.wav: not audio"):
        Augmentation(AugmentSection(noise=str(noises)), 0)
