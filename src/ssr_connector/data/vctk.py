"""VCTK in its original layouts: ``txt/SPEAKER/ID.txt`` beside recordings.

Release 0.92 has ``wav48_silence_trimmed/SPEAKER/ID_mic1.flac`` and ``…_mic2.flac``, 0.80 has ``wav48/SPEAKER/ID.wav``.
The first microphone is the default, as two speakers lack the second. https://datashare.ed.ac.uk/handle/10283/3443
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.lines import read_lines, read_text
from ssr_connector.data.subsets import check_subset
from ssr_connector.errors import UserError

TRIMMED, UNTRIMMED = "wav48_silence_trimmed", "wav48"
MICROPHONES = ("mic1", "mic2")
SPEAKERS = "speaker-info.txt"


def is_vctk(source: Path) -> bool:
    """Whether ``source`` has transcripts and recordings where VCTK has them."""
    return (source / "txt").is_dir() and any((source / name).is_dir() for name in (TRIMMED, UNTRIMMED))


def read_vctk(source: Path, subset: str | None = None) -> Iterator[Entry | Rejected]:
    """Every transcript, then every recording that has none; ``subset`` is a microphone of release 0.92.

    Raises UserError where there is neither.
    """
    if not is_vctk(source):
        raise UserError(f"{source} does not hold txt/ and {TRIMMED}/ (or {UNTRIMMED}/): give the folder of VCTK")
    is_trimmed = (source / TRIMMED).is_dir()
    if subset is not None:
        check_subset(source, subset, MICROPHONES if is_trimmed else ())
    recordings = source / (TRIMMED if is_trimmed else UNTRIMMED)
    ending = f"_{subset or MICROPHONES[0]}.flac" if is_trimmed else ".wav"
    speakers = _read_speakers(source / SPEAKERS)
    seen: set[str] = set()
    for transcript in sorted((source / "txt").glob("*/*.txt")):
        id_, speaker = transcript.stem, transcript.parent.name
        audio = recordings / speaker / f"{id_}{ending}"
        seen.add(id_)
        try:
            text = read_text(transcript)
        except UserError as error:
            yield Rejected(id_, str(audio), "unreadable transcript", str(error))
            continue
        yield Entry(id_, audio, text, speaker, "en", custom=speakers.get(speaker, {}))
    for audio in sorted(recordings.glob(f"*/*{ending}")):
        id_ = audio.name.removesuffix(ending)
        if id_ not in seen:
            yield Rejected(id_, str(audio), "missing transcript", f"there is no txt/{audio.parent.name}/{id_}.txt")


def _read_speakers(path: Path) -> dict[str, Mapping[str, str]]:
    """Gender and accent by speaker; none where there is no such file. Release 0.80 writes 225 for p225."""
    speakers: dict[str, Mapping[str, str]] = {}
    if path.is_file():
        for line in read_lines(path):
            id_, *rest = line.split() or [""]
            if len(rest) >= 3 and id_ != "ID":
                speakers[f"p{id_}" if id_.isdigit() else id_] = {"gender": rest[1], "accent": rest[2]}
    return speakers
