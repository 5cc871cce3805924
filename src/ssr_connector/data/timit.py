"""TIMIT in its original layout: ``TRAIN/DR1/FCJF0/SA1.{WAV,TXT,WRD,PHN}``, in upper or lower case.

Words and phones come with hand-checked times, given in samples at 16 kHz; phones keep TIMIT's 61 labels, silences
("h#", "pau", "epi") among them. Every speaker reads the sentences SA1 and SA2: ``custom`` has the sentence's name, to
leave these out where they matter. The source may be the whole corpus, TRAIN or TEST, or a single speaker.
https://catalog.ldc.upenn.edu/LDC93S1
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.lines import read_lines, read_text
from ssr_connector.data.words import WordTime
from ssr_connector.errors import UserError

LABEL_HZ = 16_000
SENTENCE = re.compile(r"s[aix]\d+", re.IGNORECASE)
SUFFIXES = frozenset({".wav", ".txt", ".wrd", ".phn"})
PARTS = ("train", "test")


def is_timit(source: Path) -> bool:
    """Whether there are phone labels of a TIMIT sentence anywhere under the folder ``source``."""
    return source.is_dir() and any(SENTENCE.fullmatch(p.stem) for p in source.rglob("*.[pP][hH][nN]"))


def timit_parts(source: Path) -> list[str]:
    """Which of TRAIN and TEST lie in ``source``, as they are written."""
    return sorted({path.name for path in source.rglob("*") if path.is_dir() and path.name.lower() in PARTS})


def read_timit(source: Path) -> Iterator[Entry | Rejected]:
    """Every sentence, in the order of the paths; raises UserError where there is none."""
    sentences: dict[tuple[Path, str], dict[str, Path]] = {}
    for path in sorted(source.rglob("*")):
        name, suffix = path.name.partition(".")[0], path.suffix.lower()
        if suffix in SUFFIXES and SENTENCE.fullmatch(name):
            # The first: some copies have SA1.WAV.wav, converted, beside the original SA1.WAV.
            sentences.setdefault((path.parent, name.lower()), {}).setdefault(suffix, path)
    if not sentences:
        raise UserError(f"{source} holds no sentence of TIMIT, such as SA1.WAV: give its folder, or TRAIN, or TEST")
    for (folder, name), files in sentences.items():
        yield _sentence(folder, name, files)


def _sentence(folder: Path, name: str, files: Mapping[str, Path]) -> Entry | Rejected:
    *_, parent, speaker = folder.absolute().parts
    if "-" in speaker:  # the sample that NLTK has: dr1-fcjf0
        parent, _, speaker = speaker.partition("-")
    speaker = speaker.lower()
    id_ = f"{speaker}-{name}"
    audio = files.get(".wav", folder / f"{name}.wav")
    if ".txt" not in files:
        return Rejected(id_, str(audio), "missing transcript", f"there is no {folder / name}.txt")
    try:
        _, _, text = [*read_text(files[".txt"]).split(maxsplit=2), "", "", ""][:3]
    except UserError as error:
        return Rejected(id_, str(audio), "unreadable transcript", str(error))
    try:
        words, phones = (_times(files[suffix]) if suffix in files else () for suffix in (".wrd", ".phn"))
    except UserError as error:
        return Rejected(id_, str(audio), "malformed word times", str(error))
    custom = {"sentence": name} | ({"dialect": parent.lower()} if parent.lower().startswith("dr") else {})
    return Entry(id_, audio, text, speaker, "en", custom=custom, words=words, phones=phones)


def _times(path: Path) -> tuple[WordTime, ...]:
    times: list[WordTime] = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        found = re.fullmatch(r"\s*(\d{1,12})\s+(\d{1,12})\s+(\S+)\s*", line)
        if not found or int(found[1]) > int(found[2]):
            raise UserError(f"{path} line {number} is not START END LABEL in samples: correct it")
        start, end = int(found[1]), int(found[2])
        times.append(WordTime(found[3], start / LABEL_HZ, (end - start) / LABEL_HZ))
    return tuple(times)
