"""LJSpeech in its original layout: ``metadata.csv`` with lines ``id|transcript|normalised transcript``, and ``wavs/``.

The normalised transcript is the one that is spoken: numbers and abbreviations are written out in it.
"""

from collections.abc import Iterator
from pathlib import Path

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.lines import read_lines


def is_ljspeech(source: Path) -> bool:
    """Whether ``source`` is a folder laid out as LJSpeech-1.1."""
    return (source / "metadata.csv").is_file()


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
        yield Entry(id_, source / "wavs" / f"{id_}.wav", text, speaker="LJ", language="en", custom=custom)
