from pathlib import Path
from typing import Any

import pytest

from ssr_connector.data.audio import AudioError, inspect_audio
from ssr_connector.data.sphere import is_compressed, read_sphere_header, sphere_end


@pytest.mark.parametrize(("subtype", "channels", "sample_bytes"), [("PCM_16", 1, 2), ("ULAW", 2, 1), ("PCM_24", 2, 3)])
def test_the_header_of_a_real_file(tmp_path: Path, record: Any, subtype: str, channels: int, sample_bytes: int) -> None:
    path = record(tmp_path / "a.sph", 0.5, 8_000, channels, format="NIST", subtype=subtype)
    header = read_sphere_header(path)
    assert (header["sample_rate"], header["channel_count"]) == ("8000", str(channels))
    assert sphere_end(header) == path.stat().st_size == 1024 + 4000 * channels * sample_bytes
    assert not is_compressed(header)
    assert inspect_audio(path).n_samples == 4000
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(AudioError, match="it ends before its header says so"):
        inspect_audio(path)


def test_compressed_samples_are_called_by_their_name(tmp_path: Path, record: Any) -> None:
    path = record(tmp_path / "a.sph", format="NIST", subtype="PCM_16")
    header, samples = path.read_bytes()[:1024], path.read_bytes()[1024:]
    header = header.replace(b"-s3 pcm", b"-s26 pcm,embedded-shorten-v2.00").rstrip().ljust(1024)
    path.write_bytes(header + b"ajkg\x02" + samples[:20_000])
    assert is_compressed(read_sphere_header(path))
    with pytest.raises(AudioError, match="compressed SPHERE; decompress it"):
        inspect_audio(path)


@pytest.mark.parametrize(
    "data", [b"RIFF....WAVE", b"NIST_1A\n", b"NIST_1A\n   many\nend_head\n", b"NIST_1A\n   1024\n", b""]
)
def test_what_is_no_sphere_header_has_no_end(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.sph").write_bytes(data)
    assert sphere_end(read_sphere_header(tmp_path / "a.sph")) == 0
