from pathlib import Path

import numpy as np
import pytest
import soundfile

from ssr_connector.data.audio import AudioError, inspect_audio, load_audio
from ssr_connector.errors import UserError

FORMATS = [("wav", None), ("flac", None), ("mp3", None), ("ogg", "VORBIS"), ("opus", "OPUS")]


def tone(rate_hz: int, seconds: float = 2.0, hz: float = 440.0) -> np.ndarray:
    """A tone that grows louder, so that a shift in time shows too."""
    time_s = np.arange(int(rate_hz * seconds)) / rate_hz
    return (0.4 * (0.2 + time_s / seconds) * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


def write(path: Path, samples: np.ndarray, rate_hz: int, subtype: str | None = None) -> Path:
    container = "OGG" if path.suffix in (".ogg", ".opus") else None
    soundfile.write(path, samples, rate_hz, format=container, subtype=subtype)
    return path


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize(("suffix", "subtype"), FORMATS)
def test_every_format_and_rate_gives_the_same_sound(
    tmp_path: Path, suffix: str, subtype: str | None, rate_hz: int
) -> None:
    if subtype == "OPUS" and rate_hz == 44_100:
        pytest.skip("Opus has no 44.1 kHz")
    path = write(tmp_path / f"a.{suffix}", tone(rate_hz), rate_hz, subtype)
    wave = load_audio(path)
    assert wave.sampling_rate_hz == 16_000
    assert wave.samples.dtype == np.float32
    assert len(wave.samples) == pytest.approx(32_000, abs=2)
    inside = slice(1_600, 30_000)  # lossy coders ring at the edges
    error = wave.samples[inside] - tone(16_000)[inside]
    assert np.sqrt(np.mean(error**2)) < (0.002 if suffix in ("wav", "flac") else 0.02)


def test_channels_are_averaged_or_picked(tmp_path: Path) -> None:
    left, right = tone(16_000), tone(16_000, hz=700)
    path = write(tmp_path / "a.wav", np.stack([left, right], axis=1), 16_000)
    assert np.allclose(load_audio(path).samples, (left + right) / 2, atol=1e-4)
    assert np.allclose(load_audio(path, channels=[1]).samples, right, atol=1e-4)
    with pytest.raises(AudioError, match="it has 2, counted from 0"):
        load_audio(path, channels=[2])


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_part_is_that_part(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a.{suffix}", tone(16_000), 16_000)
    assert np.array_equal(load_audio(path, start_s=0.5, end_s=1.25).samples, load_audio(path).samples[8_000:20_000])
    assert np.array_equal(load_audio(path, start_s=1.5).samples, load_audio(path).samples[24_000:])


@pytest.mark.parametrize(("start_s", "end_s"), [(-0.1, 1.0), (1.0, 1.0), (1.5, 1.0), (0.0, 2.01), (3.0, None)])
def test_a_part_outside_of_the_file_is_refused(tmp_path: Path, start_s: float, end_s: float | None) -> None:
    path = write(tmp_path / "a.wav", tone(16_000), 16_000)
    with pytest.raises(AudioError, match="segment outside of the recording"):
        load_audio(path, start_s=start_s, end_s=end_s)


def test_only_so_much_is_read_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(16_000), 16_000)
    with pytest.raises(AudioError, match=r"2 s are too long.*at most 1 s"):
        load_audio(path, max_duration_s=1.0)
    assert load_audio(path, end_s=0.9, max_duration_s=1.0).duration_s == pytest.approx(0.9)


def bad_file(folder: Path, kind: str) -> Path:
    samples = tone(16_000)
    match kind:
        case "missing file":
            return folder / "none.wav"
        case "empty file":
            path = folder / "empty.wav"
            path.touch()
            return path
        case "no samples":
            return write(folder / "short.wav", samples[:0], 16_000)
        case "NaN or infinite samples":
            samples[30_000] = np.inf
            return write(folder / "nan.wav", samples, 16_000, "FLOAT")
        case "unreadable file":
            path = folder / "folder.wav"
            path.mkdir()
            return path
    path = folder / "text.wav"
    path.write_text("not a sound\n" * 1000)
    return path


@pytest.mark.parametrize(
    "kind",
    ["missing file", "empty file", "no samples", "NaN or infinite samples", "unreadable file", "not audio"],
)
def test_bad_files_are_named_with_their_reason(tmp_path: Path, kind: str) -> None:
    path = bad_file(tmp_path, kind)
    for read in (load_audio, inspect_audio):
        with pytest.raises(UserError) as caught:
            read(path)
        assert isinstance(caught.value, AudioError)
        assert caught.value.reason == kind
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["rubbish.mp3", "rubbish.flac", "rubbish.raw", "rubbish"])
def test_rubbish_is_not_audio_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(np.random.default_rng(0).bytes(50_000))
    with pytest.raises(AudioError) as caught:
        inspect_audio(path)
    assert caught.value.reason == "not audio"


@pytest.mark.parametrize(("suffix", "subtype"), FORMATS)
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_files_are_found_in_every_format(
    tmp_path: Path, suffix: str, subtype: str | None, share: float
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
    path = write(tmp_path / f"a.{suffix}", noise, 16_000, subtype)
    whole = path.read_bytes()
    assert inspect_audio(path).n_samples == pytest.approx(48_000, abs=1)
    path.write_bytes(whole[: int(len(whole) * share)])
    for read in (load_audio, inspect_audio):
        with pytest.raises(AudioError) as caught:
            read(path)
        assert caught.value.reason == "truncated or damaged"


def test_a_flac_file_of_unknown_length_says_how_to_repair_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(16_000), 16_000)
    whole = bytearray(path.read_bytes())
    whole[21] &= 0xF0  # the 36 bits of the number of samples in STREAMINFO
    whole[22:26] = bytes(4)
    path.write_bytes(whole)
    with pytest.raises(AudioError, match="encode it again"):
        load_audio(path)


def test_what_is_beyond_full_scale_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.float32([-1, 0.5] * 100), 16_000, subtype="FLOAT")
    assert inspect_audio(path).is_beyond is False
    write(path, np.float32([0.5, -1.01] * 100), 16_000, subtype="FLOAT")
    assert inspect_audio(path).is_beyond is True
    assert inspect_audio(path, decode=False).is_beyond is None


def test_silence_is_allowed_and_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.zeros(16_000, np.float32), 16_000)
    assert inspect_audio(path).is_silent is True
    assert not load_audio(path).samples.any()
    assert inspect_audio(path, decode=False).is_silent is None
    assert inspect_audio(write(tmp_path / "b.wav", tone(16_000), 16_000)).is_silent is False


def test_samples_beyond_full_scale_are_not_clamped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", 4 * tone(16_000), 16_000, "FLOAT")
    assert load_audio(path).samples.max() > 1.5


def test_a_header_alone_tells_length_rate_and_channels(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.zeros((4_000, 2), np.float32), 8_000)
    facts = inspect_audio(path, decode=False)
    assert (facts.sampling_rate_hz, facts.n_samples, facts.n_channels, facts.duration_s) == (8_000, 4_000, 2, 0.5)
