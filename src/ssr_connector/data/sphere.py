"""NIST SPHERE headers: what TIMIT and Switchboard put before their samples."""

from collections.abc import Mapping
from pathlib import Path

MAGIC = b"NIST_1A\n"
MAX_HEADER_BYTES = 1 << 20


def read_sphere_header(path: Path) -> dict[str, str]:
    """The fields of a SPHERE file, ``header_bytes`` among them; empty where it is none.

    Raises OSError where the file cannot be read.
    """
    with path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            return {}
        try:
            header_bytes = min(int(stream.readline(16)), MAX_HEADER_BYTES)
        except ValueError:
            return {}
        stream.seek(0)
        lines = stream.read(header_bytes).decode("latin-1").splitlines()
    fields = {"header_bytes": str(header_bytes)}
    for line in lines[2:]:
        if line.strip() == "end_head":
            break
        name, _, rest = line.partition(" ")
        fields[name] = rest.partition(" ")[2].strip()  # between them stands the type: -i, -r, -sLENGTH
    return fields


def sphere_end(header: Mapping[str, str]) -> int:
    """The byte after the samples as the header announces them; 0 where it does not or they are compressed."""
    try:
        n_samples, n_channels = int(header["sample_count"]), int(header.get("channel_count", "1"))
        sample_bytes = int(header["sample_n_bytes"])
    except (KeyError, ValueError):
        return 0
    if is_compressed(header):
        return 0
    return int(header["header_bytes"]) + n_samples * n_channels * sample_bytes


def is_compressed(header: Mapping[str, str]) -> bool:
    """Whether the samples are packed, as in "pcm,embedded-shorten-v2.00", which libsndfile does not read."""
    return "," in header.get("sample_coding", "")
