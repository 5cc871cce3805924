"""JSON lines of a benchmark: one file, or all of a folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ssr_connector.data.lines import read_objects
from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.layout import Layout


def json_files(source: Path) -> list[Path]:
    """The file itself, or the folder's `*.jsonl`, also those in its folder data. Raises UserError for none."""
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise UserError(f"{source} does not exist: correct the path")
    found = sorted(source.glob("*.jsonl")) or sorted((source / "data").glob("*.jsonl"))
    if not found:
        raise UserError(f"{source} holds no JSON lines (*.jsonl): give a file or the folder of them")
    return found


def begins_with(folder: Path, *names: str) -> bool:
    """Whether the first object of the folder's JSON lines has one of these names."""
    path = next((p for place in (folder, folder / "data") for p in sorted(place.glob("*.jsonl"))), None)
    try:
        first = next(iter(read_objects(path)), None) if path else None
    except UserError:  # not text: something else that lies there
        return False
    return first is not None and isinstance(first[1], dict) and any(name in first[1] for name in names)


def json_rows(path: Path, layout: Layout) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and objects; other lines are rejected."""
    for number, row in read_objects(path):
        if isinstance(row, str):
            layout.reject(f"{path.name}, line {number}", "malformed line", row)
        else:
            yield number, row
