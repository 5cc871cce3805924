"""Deliveries to tell apart: a folder of every label's recordings, or a table with the columns audio and label.

Which examples come before a recording is drawn by `ssr evaluate` (`evaluation.style_shots`), from the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.layout import Benchmark, Layout, Options, in_sequence
from ssr_connector.evaluation.benchmarks.rows import read_rows
from ssr_connector.evaluation.choice import Choice, Spoken

FILE = "style.jsonl"
PROMPT = " Style:"
REQUIRED, OPTIONAL = ("audio", "label"), ("id", "text", "speaker")
TABLES = (".tsv", ".csv")
AUDIO = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a")


@dataclass(frozen=True)
class Recording:
    """One recording and how it is said."""

    id: str
    audio: Path
    label: str
    text: str = ""
    speaker: str = ""


def read(source: Path, options: Options) -> Layout:  # noqa: ARG001 - one signature for all benchmarks
    """Every recording as a question for its label. Raises UserError where there are not two labels."""
    layout = Layout()
    if source.is_dir():
        found = list(of_folders(source, layout))
    elif source.suffix.lower() in TABLES:
        found = list(of_table(source, layout))
    else:
        raise UserError(
            f"{source} is neither a folder with a folder for every label, nor a table ending in .tsv or .csv"
        )
    labels = sorted({recording.label for recording in found}, key=in_sequence)
    if len(labels) < 2:
        raise UserError(f"{source} holds {len(labels)} labels with recordings ({', '.join(labels)}): give two or more")
    choices = tuple(Spoken(label) for label in labels)
    for r in found:
        context = Spoken(r.text, str(r.audio))
        layout.add(FILE, Choice(r.id, r.label, context, choices, labels.index(r.label), PROMPT, speaker=r.speaker))
    return layout


def of_folders(source: Path, layout: Layout) -> Iterator[Recording]:
    """LABEL/*.wav (or another kind of audio); an underscore in a folder's name stands for a space."""
    for folder in sorted((path for path in source.iterdir() if path.is_dir()), key=lambda path: in_sequence(path.name)):
        files = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: in_sequence(path.stem))
        recordings = [path for path in files if path.suffix.lower() in AUDIO]
        for path in files:
            if path not in recordings:
                layout.remark(f"{folder.name}/{path.name}", "a file that is no recording")
        if not recordings:
            layout.reject(folder.name, "a label without recordings")
        for path in recordings:
            yield Recording(f"{folder.name}/{path.stem}", path, folder.name.replace("_", " "))


def of_table(source: Path, layout: Layout) -> Iterator[Recording]:
    """Rows; recordings are relative to the table."""
    others: set[str] = set()
    for number, row in read_rows(source, REQUIRED, layout):
        others |= row.keys() - {*REQUIRED, *OPTIONAL}
        audio, label = (row[column].strip() for column in REQUIRED)
        name, text, speaker = (row.get(column, "").strip() for column in OPTIONAL)
        if audio and label:
            yield Recording(name or f"line {number}", source.parent / audio, label, text, speaker)
        else:
            layout.reject(name or f"line {number}", "no path or no label", f"line {number} lacks one of the two")
    for column in sorted(others):
        layout.remark(column, "a column that is not read", f"known are {', '.join((*REQUIRED, *OPTIONAL))}")


BENCHMARK = Benchmark(
    "a folder LABEL/*.wav for every label, or a table with the columns audio, label", ("style",), read
)
