"""LJSpeech in its original layout: ``metadata.csv`` with lines ``id|transcript|normalised transcript``, and ``wavs/``.

The normalised transcript is the one that is spoken: numbers and abbreviations are written out in it. Corpora of other
speakers and languages come in this layout, too: what they are is not in it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.lines import read_lines

ID = re.compile(r"LJ\d{3}-\d{4}")


def is_ljspeech(source: Path) -> bool:
    """Whether ``source`` is a folder laid out as LJSpeech-1.1."""
    return (source / "metadata.csv").is_file() and (source / "wavs").is_dir()


def read_ljspeech(source: Path) -> Iterator[Entry | Rejected]:
    """Every line of ``metadata.csv``; raises UserError where it cannot be read."""
    metadata = source / "metadata.csv"
    for number, line in enumerate(read_lines(metadata), start=1):
        if not line.strip():
            continue
        fields = line.split("|")
        if len(fields) not in (2, 3):
            detail = f"{metadata.name} line {number} has {len(fields)} fields instead of id|text|normalised text"
            yield Rejected(fields[0], "", "malformed line", detail)
            continue
        id_, raw_text, text = fields[0].strip(), fields[1], fields[-1]
        custom = {"raw_text": raw_text} if raw_text != text else {}
        speaker, language = ("LJ", "en") if ID.fullmatch(id_) else (None, None)
        yield Entry(id_, source / "wavs" / f"{id_}.wav", text, speaker, language, custom=custom)
