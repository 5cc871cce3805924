"""How many bytes an audio file's own headers announce beyond its end: decoders pass over this in silence."""

import struct
from pathlib import Path
from typing import BinaryIO

from ssr_connector.data.sphere import read_sphere_header, sphere_end

UNKNOWN_RIFF_BYTES = 0x7FFF_0000  # writers to a pipe put a size this large or larger: "until the end of the file"
LARGEST_OGG_PAGE_BYTES = 27 + 255 + 255 * 255
OGG_END_OF_STREAM = 0x04


def is_cut_short(path: Path) -> bool:
    """Whether a WAV (RIFF, RF64), SPHERE or Ogg file ends before its headers say so; False for every other format.

    Raises OSError where the file cannot be read.
    """
    n_bytes = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(12)
        if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
            return _riff_end(stream, head[:4] != b"RIFF") > n_bytes
        if head[:4] == b"OggS":
            stream.seek(max(0, n_bytes - LARGEST_OGG_PAGE_BYTES))
            return not _ends_an_ogg_stream(stream.read())
        if head[:4] == b"NIST":
            return sphere_end(read_sphere_header(path)) > n_bytes
    return False


def _riff_end(stream: BinaryIO, is_large: bool) -> int:
    """The byte after the data chunk as announced; 0 where there is no such chunk or its size is left open."""
    large_data_bytes = 0
    while len(header := stream.read(8)) == 8:
        name, size = header[:4], int(struct.unpack("<I", header[4:])[0])
        if name == b"data":
            if is_large and size == 0xFFFF_FFFF:
                size = large_data_bytes
            elif size >= UNKNOWN_RIFF_BYTES:
                return 0
            return stream.tell() + size
        if name == b"ds64" and len(sizes := stream.read(16)) == 16:
            large_data_bytes = struct.unpack("<QQ", sizes)[1]
            size -= len(sizes)
        stream.seek(size + size % 2, 1)  # chunks start at even bytes
    return 0


def _ends_an_ogg_stream(tail: bytes) -> bool:
    """Whether the last page in the last bytes of a file is whole and is marked as the end of its stream."""
    start = len(tail)
    while (start := tail.rfind(b"OggS", 0, start)) >= 0:
        header = tail[start : start + 27]
        if len(header) < 27:
            return False
        if header[4] != 0 or header[5] > 7:
            continue  # these four letters inside of a page
        lacing = tail[start + 27 : start + 27 + header[26]]
        page_end = start + 27 + header[26] + sum(lacing)
        return page_end <= len(tail) and bool(header[5] & OGG_END_OF_STREAM)
    return False
