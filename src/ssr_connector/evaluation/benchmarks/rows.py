"""Tables by column name: CSV (quoted) or TSV (literal), UTF-8 with or without a byte order mark."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from ssr_connector.data.lines import read_lines
from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.layout import Layout

Row = dict[str, str]


def read_fields(path: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and fields of every row that is not empty; at broken quotes the rest of the file is rejected."""
    lines = (line + "\n" for line in read_lines(path))
    if path.suffix.lower() == ".tsv":
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, strict=True)
    start = 1
    try:
        for fields in reader:
            if fields:
                yield start, fields
            start = reader.line_num + 1
    except csv.Error as error:
        name = f"{path.parent.name}/{path.name}, line {start} to the end"
        layout.reject(name, "broken quotes", f"{error} in line {reader.line_num}: what follows was not read")


def read_rows(path: Path, columns: Iterable[str], layout: Layout) -> Iterator[tuple[int, Row]]:
    """Line numbers and rows, by the header's names; rows of another length are rejected.

    Raises UserError where the header lacks one of `columns`, or has one twice.
    """
    rows = read_fields(path, layout)
    _, header = next(rows, (0, []))
    header = [name.strip() for name in header]
    missing = [name for name in columns if name not in header]
    if missing:
        found = ", ".join(header) or "nothing"
        raise UserError(f"{path} has no column {', '.join(missing)}: its first line holds {found}")
    if len(set(header)) < len(header):
        raise UserError(f"{path} has two columns of one name: its first line holds {', '.join(header)}")
    for number, fields in rows:
        if len(fields) != len(header):
            detail = f"{len(fields)} fields, the header has {len(header)}"
            layout.reject(f"{path.name}, line {number}", "malformed line", detail)
            continue
        if any("\0" in field for field in fields):
            layout.reject(f"{path.name}, line {number}", "malformed line", "it holds a NUL character")
            continue
        yield number, dict(zip(header, fields, strict=True))


def columns_of(path: Path) -> list[str]:
    """The names in a table's first line; none where it is empty."""
    return [name.strip() for name in next(read_fields(path, Layout()), (0, []))[1]]
