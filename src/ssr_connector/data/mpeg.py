"""How long an MP3 file without a length in it is: decoders guess, some too long by a little, some too short by half."""

from pathlib import Path

MPEG1, MPEG2, MPEG25 = 3, 2, 0  # the header's version field; 1 is reserved
LAYER_3 = 1
KILOBITS = {
    MPEG1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    MPEG2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
KILOBITS[MPEG25] = KILOBITS[MPEG2]
RATES_HZ = {MPEG1: (44_100, 48_000, 32_000), MPEG2: (22_050, 24_000, 16_000), MPEG25: (11_025, 12_000, 8_000)}
LENGTH_TAGS = (b"Xing", b"Info", b"VBRI")
TAG_WITHIN_BYTES = 44  # of the start of the first frame, whatever its version and channels
TRAILERS = (b"APETAGEX", b"LYRICSBEGIN", b"3DI", b"TAG+")  # tags behind the last frame
ID3V1_BYTES = 128


class Mpeg3LengthError(ValueError):
    """The length of an MP3 file is neither in it nor to be counted."""


def count_mp3_samples(path: Path) -> int | None:
    """Samples of each channel of an MP3 file of constant bit rate; None where a length is in the file itself.

    Raises Mpeg3LengthError where there is none and the bit rate varies, as libsndfile then stops at its guess, or
    where more than tags follows the frames, as where files were joined; OSError where the file cannot be read.
    """
    with path.open("rb") as stream:
        stream.seek(_after_id3(stream.read(10)))
        start = b""
        while not start and (block := stream.read(TAG_WITHIN_BYTES)):
            start = block.lstrip(b"\0")  # padding behind the tag
        start += stream.read(TAG_WITHIN_BYTES)
        if any(tag in start[:TAG_WITHIN_BYTES] for tag in LENGTH_TAGS):
            return None
        data = start + stream.read()
    place = 0
    n_samples = 0
    kilobits: set[int] = set()
    while frame := _frame(data[place : place + 4]):
        n_bytes, frame_samples, rate = frame
        if place + n_bytes > len(data):
            raise Mpeg3LengthError("it ends within a frame")
        kilobits.add(rate)
        n_samples += frame_samples
        place += n_bytes
    if len(kilobits) != 1:
        raise Mpeg3LengthError("its length is not in it, and its bit rate varies" if kilobits else "it starts oddly")
    if not _are_tags(data[place:]):
        raise Mpeg3LengthError("its length is not in it, and what follows the frames is no tag")
    return n_samples


def _are_tags(rest: bytes) -> bool:
    """Whether no frame can be in what follows the last one that was counted."""
    rest = rest.strip(b"\0")
    is_id3 = (rest[:3] == b"TAG" and len(rest) <= ID3V1_BYTES) or _after_id3(rest[:10]) >= len(rest)
    return is_id3 or rest.startswith(TRAILERS)


def _after_id3(head: bytes) -> int:
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = 0
    for byte in head[6:10]:  # seven bits in each byte
        size = size << 7 | byte & 0x7F
    return 10 + size + (10 if head[5] & 0x10 else 0)  # where that flag is set there is a footer


def _frame(header: bytes) -> tuple[int, int, int] | None:
    """Bytes, samples and kilobits a second of a frame; None where this is no header of layer III."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate_index, kilobit_index = header[2] >> 2 & 3, header[2] >> 4
    if version not in RATES_HZ or layer != LAYER_3 or rate_index == 3 or not 0 < kilobit_index < 15:
        return None
    n_samples = 1152 if version == MPEG1 else 576
    kilobits = KILOBITS[version][kilobit_index]
    padding = header[2] >> 1 & 1
    return n_samples // 8 * kilobits * 1000 // RATES_HZ[version][rate_index] + padding, n_samples, kilobits
