"""Multilingual LibriSpeech in its original layout: ``SUBSET/transcripts.txt``, ``SUBSET/audio/SPEAKER/BOOK/ID.flac``.

Transcripts are lines ``SPEAKER_BOOK_NUMBER <tab> text``, recordings FLAC or Opus. ``segments.txt`` is not read: it says
where in the LibriVox original an utterance was cut out. The source may be a language folder such as ``mls_german`` or
one of its subsets. https://www.openslr.org/94
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.lines import read_lines
from ssr_connector.data.subsets import check_subset
from ssr_connector.errors import UserError
from ssr_connector.files import is_there

TRANSCRIPTS = "transcripts.txt"
SUBSETS = ("train", "dev", "test")
LANGUAGES = {
    "dutch": "nl",
    "english": "en",
    "french": "fr",
    "german": "de",
    "italian": "it",
    "polish": "pl",
    "portuguese": "pt",
    "spanish": "es",
}


def is_mls(source: Path) -> bool:
    """Whether ``source`` is a language folder of MLS or one of its subsets."""
    folders = (source, *(source / name for name in SUBSETS))
    return any((folder / TRANSCRIPTS).is_file() and (folder / "audio").is_dir() for folder in folders)


def read_mls(source: Path, subset: str | None = None) -> Iterator[Entry | Rejected]:
    """Every line of the transcripts, of all subsets or of one; raises UserError where there are none."""
    if (source / TRANSCRIPTS).is_file():
        folders = {source.absolute().name: source}
    else:
        folders = {name: source / name for name in SUBSETS if (source / name).is_dir()}
    if not folders:
        raise UserError(f"{source} holds no {TRANSCRIPTS}: give a language folder of MLS or one of its subsets")
    if subset is not None:
        check_subset(source, subset, folders)
        folders = {subset: folders[subset]}
    for name, folder in folders.items():
        if (folder / TRANSCRIPTS).is_file():
            yield from _read_subset(folder, name, _language(folder))
        else:
            yield Rejected(name, str(folder), "missing transcript", f"there is no {folder / TRANSCRIPTS}")


def _read_subset(folder: Path, name: str, language: str | None) -> Iterator[Entry | Rejected]:
    transcripts = folder / TRANSCRIPTS
    for number, line in enumerate(read_lines(transcripts, strict=False), start=1):
        if not line.strip():
            continue
        id_, tab, text = line.partition("\t")
        parts = id_.split("_")
        if not tab or len(parts) != 3 or not all(parts):
            detail = f"{transcripts} line {number} is not SPEAKER_BOOK_NUMBER <tab> text"
            yield Rejected(id_, "", "malformed line", detail)
            continue
        speaker, book, _ = parts
        audio = folder / "audio" / speaker / book / f"{id_}.flac"
        if not is_there(audio):
            audio = audio.with_suffix(".opus")
        yield Entry(id_, audio, text, speaker=speaker, language=language, custom={"subset": name})


def _language(folder: Path) -> str | None:
    """What ``mls_german`` or ``mls_german_opus``, the folder or the one around it, says; None for other names."""
    for name in (folder.absolute().name, folder.absolute().parent.name):
        if found := re.match(r"mls_([a-z]+)", name):
            return LANGUAGES.get(found[1])
    return None
