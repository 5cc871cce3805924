"""The transcript table: TSV, CSV or JSON lines with the columns ``audio`` and ``text``.

Optional columns: ``id`` (default: the audio path without its suffix, and the part's times), ``speaker``,
``language``, ``start_s``, ``end_s``. Audio paths are relative to the table. Any other column is kept as custom data,
unless it looks like one of these, misspelt. TSV is read literally, without quoting: text with tabs or line breaks
needs CSV or JSON lines.
"""

import csv
import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.lines import read_lines, read_objects
from ssr_connector.errors import UserError

REQUIRED = ("audio", "text")
OPTIONAL = ("id", "speaker", "language", "start_s", "end_s")
SUFFIXES = (".tsv", ".csv", ".jsonl", ".ndjson", ".json")
SYNONYMS = {
    "audio": ("path", "file", "filename", "wav", "audio_path", "audio_file", "audio_filepath"),
    "text": ("transcript", "transcription", "sentence", "utterance"),
    "start_s": ("start", "offset", "begin"),
    "end_s": ("end", "stop"),
}
SIMILAR = 0.8  # difflib's ratio: one wrong, missing or swapped letter in a word of five

Row = Mapping[str, object]


def is_table(source: Path) -> bool:
    """Whether ``source`` is a file with the suffix of a table."""
    return source.is_file() and source.suffix.lower() in SUFFIXES


def read_table(source: Path) -> Iterator[Entry | Rejected]:
    """Every row; raises UserError where the file cannot be read, is empty, or has a wrong column."""
    suffix = source.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{source} is not a table: give a file ending in {', '.join(SUFFIXES)}")
    rows = _rows(source, REQUIRED)
    seen: set[frozenset[str]] = set()
    is_empty = True
    for number, row in rows:
        is_empty = False
        if isinstance(row, Rejected):
            yield row
            continue
        columns = frozenset(row)
        if columns not in seen:
            # Of JSON lines only the first has to have every column: a later one that lacks some is a bad row.
            check_columns(source, row, REQUIRED if not seen else ())
            seen.add(columns)
        yield _entry(source, number, row)
    if is_empty:
        raise UserError(f"{source} holds no rows: write one line for each recording, with its audio path and its text")


def audio_of_table(source: Path) -> list[Path]:
    """The recordings that a table names, whole and each once; raises UserError for a line that has none."""
    paths: dict[Path, None] = {}
    for number, row in _rows(source, REQUIRED[:1]):
        audio = None if isinstance(row, Rejected) else row.get("audio")
        if not isinstance(audio, str) or not audio.strip() or "\0" in audio:
            raise UserError(f"{source} line {number} has no path in a column 'audio': correct it")
        paths[source.parent / audio] = None
    return list(paths)


def check_columns(source: Path, columns: Iterable[str], required: Iterable[str] = REQUIRED) -> None:
    """Raises UserError for a missing required column, and for an unknown one that looks like a known one."""
    columns = list(columns)
    absent = [name for name in (*REQUIRED, *OPTIONAL) if name not in columns]
    for column in columns:
        for name in absent:
            if column != name and _resembles(column, name):
                raise UserError(f"{source} has a column {column!r} where {name!r} is known: rename the column")
    for name in required:
        if name in absent:
            raise UserError(f"{source} has no column {name!r}, only {', '.join(columns)}: name one of them {name!r}")


def _resembles(column: str, name: str) -> bool:
    folded = column.strip().casefold().replace(" ", "_")
    if folded == name or folded in SYNONYMS.get(name, ()):
        return True
    return len(name) > 3 and difflib.SequenceMatcher(None, folded, name).ratio() >= SIMILAR


def _rows(source: Path, required: Iterable[str]) -> Iterator[tuple[int, Row | Rejected]]:
    suffix = source.suffix.lower()
    if suffix in SUFFIXES[2:]:
        return _json_rows(source)
    return _separated_rows(source, "\t" if suffix == ".tsv" else ",", required)


def _separated_rows(source: Path, delimiter: str, required: Iterable[str]) -> Iterator[tuple[int, Row | Rejected]]:
    lines = (line + "\n" for line in read_lines(source))
    if delimiter == "\t":
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        if not header:
            return
        if len(set(header)) != len(header):
            twice = next(name for name in header if header.count(name) > 1)
            raise UserError(f"{source} has two columns {twice!r}: rename or remove one")
        check_columns(source, header, required)
        for fields in reader:
            number = reader.line_num
            if len(fields) == len(header):
                yield number, dict(zip(header, fields, strict=True))
            elif fields:
                detail = f"line {number} has {len(fields)} fields, the header has {len(header)}"
                yield number, Rejected(f"line {number}", "", "malformed line", detail)
    except csv.Error as error:
        raise UserError(f"{source} line {reader.line_num}: {error}; correct the quotes of this line") from None


def _json_rows(source: Path) -> Iterator[tuple[int, Row | Rejected]]:
    for number, row in read_objects(source):
        yield (
            number,
            Rejected(f"line {number}", "", "malformed line", f"line {number}: {row}") if isinstance(row, str) else row,
        )


def _entry(source: Path, number: int, row: Row) -> Entry | Rejected:
    audio, text = row.get("audio"), row.get("text")
    named = _optional(row, "id")
    id_ = "" if named is None else str(named)  # 0 is a name, too
    name = id_ or f"line {number}"
    if not isinstance(audio, str) or not audio.strip() or "\0" in audio:
        return Rejected(name, "", "no audio path", f"line {number} has no path in its column 'audio'")
    if not isinstance(text, str):
        return Rejected(name, audio, "empty transcript", f"line {number} has no text in its column 'text'")
    try:
        start_s, end_s = (_seconds(_optional(row, column)) for column in ("start_s", "end_s"))
    except ValueError as error:
        return Rejected(name, audio, "malformed time", f"line {number}: {error}")
    if not id_:
        part = [f"{time_s:.3f}" for time_s in (start_s, end_s) if time_s is not None]
        id_ = "-".join([audio.removesuffix(Path(audio).suffix), *part])
    speaker, language = (_optional(row, column) for column in ("speaker", "language"))
    return Entry(
        id=id_,
        audio=source.parent / audio,
        text=text,
        speaker=None if speaker is None else str(speaker),
        language=None if language is None else str(language),
        start_s=start_s,
        end_s=end_s,
        custom={key: value for key, value in row.items() if key not in (*REQUIRED, *OPTIONAL)},
    )


def _optional(row: Row, column: str) -> object:
    """The value of a column; None where it is absent or empty."""
    value = row.get(column)
    return None if value is None or str(value).strip() == "" else value


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    try:
        time_s = float(str(value))
    except ValueError:
        time_s = math.nan
    if not math.isfinite(time_s) or time_s < 0:
        raise ValueError(f"{value!r} is not a time in seconds")
    return time_s
