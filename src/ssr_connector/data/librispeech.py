"""LibriSpeech in its original layout: ``…/SPEAKER/CHAPTER/SPEAKER-CHAPTER.trans.txt`` beside ``ID.flac``.

The source may be the whole corpus, a subset such as ``train-clean-100``, or a single speaker.
"""

from collections.abc import Iterator
from pathlib import Path

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.lines import read_lines
from ssr_connector.errors import UserError

TRANSCRIPTS = "*.trans.txt"


def is_librispeech(source: Path) -> bool:
    """Whether there is a LibriSpeech transcript anywhere under the folder ``source``."""
    return source.is_dir() and next(source.rglob(TRANSCRIPTS), None) is not None


def librispeech_parts(source: Path) -> list[str]:
    """Of which subsets there is a transcript: ``train-clean-100``, ``test-clean``."""
    return sorted({path.absolute().parents[2].name for path in source.rglob(TRANSCRIPTS)})


def read_librispeech(source: Path) -> Iterator[Entry | Rejected]:
    """Every line of every transcript file, in the order of their paths; raises UserError where there is none."""
    transcripts = sorted(source.rglob(TRANSCRIPTS))
    if not transcripts:
        raise UserError(f"{source} holds no {TRANSCRIPTS}: give the folder of LibriSpeech or of one of its subsets")
    for transcript in transcripts:
        for number, line in enumerate(read_lines(transcript), start=1):
            if not line.strip():
                continue
            id_, _, text = line.partition(" ")
            speaker, *rest = id_.split("-")
            if len(rest) != 2:
                detail = f"{transcript} line {number} does not start with SPEAKER-CHAPTER-NUMBER"
                yield Rejected(id_, "", "malformed line", detail)
                continue
            yield Entry(id_, transcript.with_name(f"{id_}.flac"), text, speaker=speaker, language="en")
