"""Written text for language modelling, one document after the other, from any place on.

Plain text has a document on each line that is not blank; JSON lines have one in their field `text`. Either may be
gzipped. A folder holds such files, or is a Hugging Face dataset. Nothing is kept: a file may be larger than memory.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ssr_connector.data.hugging_face import TEXT, dataset_files, is_hugging_face, opened_arrow
from ssr_connector.errors import UserError

JSON_LINES = (".jsonl", ".ndjson", ".json")
SUFFIXES = (".txt", *JSON_LINES)
LONGEST_LINE_BYTES = 1 << 26


@dataclass(frozen=True, order=True)
class Place:
    """Where a document stands: the number of its file; the byte (Arrow: the row) from 0, and the line from 1."""

    file: int = 0
    at: int = 0
    line: int = 1


@dataclass(frozen=True)
class Document:
    """Text that is not empty."""

    place: Place
    text: str


@dataclass(frozen=True)
class Malformed:
    """A line or row that is left out."""

    place: Place
    where: str
    reason: str


class Documents:
    """The documents of a file or folder, in its order. Raises UserError where there is no such thing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_dataset = path.is_dir() and is_hugging_face(path)
        self.files = dataset_files(path) if self.is_dataset else _text_files(path)

    def read(self, start: Place = Place()) -> Iterator[Document | Malformed]:
        """From a place on. Raises UserError that names the file, and the line after which it cannot be read."""
        for number in range(start.file, len(self.files)):
            first = start if number == start.file else Place(number)
            yield from _rows(self.files[number], first) if self.is_dataset else _lines(self.files[number], first)

    def state(self) -> list[list[Any]]:
        """What tells these files from others, or from themselves after a change."""
        found = ((file, file.stat()) for file in self.files)
        return [[str(file), stat.st_size, stat.st_mtime_ns] for file, stat in found]


def _text_files(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.is_file():
            raise UserError(f"there is no text {path}: give a file, a folder of text files or a dataset")
        return [path]
    files = sorted(file for file in path.iterdir() if _kind(file) in SUFFIXES)
    if not files:
        raise UserError(f"{path} holds no text: neither {', '.join(SUFFIXES)} (or these with .gz) nor a dataset")
    return files


def _kind(file: Path) -> str:
    """The suffix before .gz."""
    return (file.with_suffix("") if file.suffix == ".gz" else file).suffix


def _lines(path: Path, start: Place) -> Iterator[Document | Malformed]:
    is_json = _kind(path) in JSON_LINES
    for place, raw in _raw_lines(path, start):
        try:
            line = raw.decode("utf-8-sig" if place.at == 0 else "utf-8").rstrip("\r\n")
            text = _text_of(line) if is_json and line.strip() else line
        except UnicodeDecodeError:
            yield Malformed(place, f"{path}, line {place.line}", "not UTF-8")
        except UnicodeEncodeError:
            yield Malformed(place, f"{path}, line {place.line}", "not Unicode text: half of a surrogate pair")
        except (ValueError, KeyError, TypeError, RecursionError):
            yield Malformed(place, f"{path}, line {place.line}", 'not a JSON object with a string "text"')
        else:
            if text.strip():
                yield Document(place, text)


def _raw_lines(path: Path, start: Place) -> Iterator[tuple[Place, bytes]]:
    at, line = start.at, start.line
    try:
        with _opened(path) as stream:
            stream.seek(at)
            while raw := stream.readline(LONGEST_LINE_BYTES):
                if len(raw) == LONGEST_LINE_BYTES:
                    raise UserError(f"{path}, line {line}, is longer than 64 MiB: write one document on each line")
                yield Place(start.file, at, line), raw
                at, line = at + len(raw), line + 1
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read after line {line - 1} ({error}): copy or make it again") from error


def _opened(path: Path) -> BinaryIO:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _text_of(line: str) -> str:
    text = json.loads(line)["text"]
    if not isinstance(text, str):
        raise TypeError(text)
    text.encode()  # raises where a tokenizer would
    return text


def _rows(path: Path, start: Place) -> Iterator[Document | Malformed]:
    with opened_arrow(path) as (schema, batches):
        name = next((name for name in TEXT if name in schema.names), None)
        if name is None:
            raise UserError(f"{path} has no column of text, only {', '.join(schema.names)}: name one {TEXT[0]!r}")
        first = 0  # row of the batch
        for batch in batches:
            column = batch.column(batch.schema.names.index(name))
            for i in range(max(0, start.at - first), len(column)):
                place = Place(start.file, first + i, first + i + 1)
                try:
                    text = column[i].as_py()
                except ValueError:  # it is not UTF-8
                    text = None
                if not isinstance(text, str):
                    yield Malformed(place, f"{path}, row {place.line}", "no text")
                elif text.strip():
                    yield Document(place, text)
            first += len(column)
