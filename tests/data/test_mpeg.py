from pathlib import Path

import numpy as np
import pytest
import soundfile

from ssr_connector.data.audio import AudioError, inspect_audio, load_audio
from ssr_connector.data.mpeg import Mpeg3LengthError, count_mp3_samples

ID3 = b"ID3\x03\0\0\0\0\x07\x76" + bytes(1014)
WITH_FOOTER = b"ID3\x04\0\x10\0\0\x07\x76" + bytes(1014) + b"3DI\x04\0\x10\0\0\x07\x76"
TAIL = b"TAG" + b" " * 125
APE = b"APETAGEX" + b" " * 56


def without_length(path: Path, rate_hz: int, mode: str) -> bytes:
    """An MP3 file whose first frame, which carries nothing but the length, is taken away."""
    samples = np.random.default_rng(0).normal(0, 0.1, 3 * rate_hz).astype(np.float32)
    samples[: len(samples) // 2] *= 0.001  # something for a variable bit rate to vary with
    soundfile.write(path, samples, rate_hz, bitrate_mode=mode, compression_level=0.5)
    assert count_mp3_samples(path) is None
    data = path.read_bytes()
    return data[data.index(data[:2], 4) :]


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
@pytest.mark.parametrize(
    ("head", "tail"), [(b"", b""), (ID3, TAIL), (ID3 + bytes(700), bytes(90) + APE + TAIL), (WITH_FOOTER, ID3)]
)
def test_frames_of_a_constant_bit_rate_are_counted(tmp_path: Path, rate_hz: int, head: bytes, tail: bytes) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(head + without_length(path, rate_hz, "CONSTANT") + tail)
    counted = count_mp3_samples(path)
    assert counted is not None
    assert counted == pytest.approx(3 * rate_hz, abs=3 * 1152)  # the coder's own delay and padding
    assert inspect_audio(path).n_samples == counted
    assert len(load_audio(path, rate_hz).samples) == counted


@pytest.mark.parametrize("between", [ID3, TAIL, TAIL + ID3, b"rubbish"])
def test_files_that_were_joined_are_refused_and_not_cut(tmp_path: Path, between: bytes) -> None:
    path = tmp_path / "a.mp3"
    one = without_length(path, 16_000, "CONSTANT")
    path.write_bytes(one + between + one)
    with pytest.raises(AudioError, match="what follows the frames is no tag: copy or encode it again"):
        inspect_audio(path)


def test_a_variable_bit_rate_without_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(without_length(path, 44_100, "VARIABLE"))
    with pytest.raises(Mpeg3LengthError, match="bit rate varies"):
        count_mp3_samples(path)
    with pytest.raises(AudioError, match=r"a\.mp3: .*encode it again"):
        load_audio(path)


def test_an_incomplete_last_frame_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(without_length(path, 44_100, "CONSTANT")[:-10])
    with pytest.raises(Mpeg3LengthError, match="ends within a frame"):
        count_mp3_samples(path)


def test_what_is_no_mp3_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(b"rubbish" * 100)
    with pytest.raises(Mpeg3LengthError, match="starts oddly"):
        count_mp3_samples(path)
