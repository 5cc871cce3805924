import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ssr_connector.data.container import is_cut_short

FORMATS = [("WAV", None), ("WAVEX", None), ("RF64", None), ("OGG", "VORBIS"), ("OGG", "OPUS")]


def write(path: Path, container: str, subtype: str | None) -> bytes:
    samples = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
    soundfile.write(path, samples, 16_000, format=container, subtype=subtype)
    return path.read_bytes()


@pytest.mark.parametrize(("container", "subtype"), FORMATS)
def test_whole_files_are_whole_and_any_cut_is_seen(tmp_path: Path, container: str, subtype: str | None) -> None:
    path = tmp_path / "sound"
    whole = write(path, container, subtype)
    assert not is_cut_short(path)
    for share in (0.3, 0.6, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        assert is_cut_short(path), share
    path.write_bytes(whole[:-1])
    assert is_cut_short(path)


def test_an_ogg_file_cut_between_two_pages_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "sound.ogg"
    whole = write(path, "OGG", "VORBIS")
    path.write_bytes(whole[: whole.rfind(b"OggS")])
    assert is_cut_short(path)


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_FFFF - 36])
def test_a_wav_file_from_a_pipe_does_not_know_its_length(tmp_path: Path, size: int) -> None:
    path = tmp_path / "sound.wav"
    whole = bytearray(write(path, "WAV", None))
    place = whole.find(b"data") + 4
    whole[place : place + 4] = struct.pack("<I", size)
    path.write_bytes(whole)
    assert not is_cut_short(path)


def test_chunks_after_the_data_do_not_disturb(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    path.write_bytes(write(path, "WAV", None) + b"LIST" + struct.pack("<I", 4) + b"INFO")
    assert not is_cut_short(path)


def test_other_formats_are_left_to_their_decoders(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("RI")
    assert not is_cut_short(path)
