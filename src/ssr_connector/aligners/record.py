"""Alignments on disk: JSON lines, one utterance each, behind a header that says when the frames happen."""

import contextlib
import itertools
import json
import math
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ssr_connector.errors import UserError
from ssr_connector.files import replace_file
from ssr_connector.types import Alignment
from ssr_connector.units import FrameClock

FILE = "alignments.jsonl"


def write_alignments(path: Path, clock: FrameClock, alignments: Iterable[tuple[str, Alignment]]) -> int:
    """Write (utterance id, alignment) pairs, all or nothing; returns how many. Raises ValueError at an id twice."""
    ids: set[str] = set()
    with replace_file(path) as new, new.open("w", encoding="utf-8") as out:
        out.write(json.dumps({"clock": asdict(clock)}) + "\n")
        for key, alignment in alignments:
            if key in ids:
                raise ValueError(f"{key} comes twice")
            ids.add(key)
            out.write(json.dumps({"id": key, **to_dict(alignment)}, ensure_ascii=False) + "\n")
    return len(ids)


def join_alignments(path: Path, parts: Sequence[Path]) -> None:
    """One file of several by the same aligner, byte for byte, all or nothing."""
    with replace_file(path) as new, new.open("wb") as out:
        for number, part in enumerate(parts):
            with part.open("rb") as lines:
                header = next(lines)
                if number == 0:
                    out.write(header)
                shutil.copyfileobj(lines, out)


def read_alignments(path: Path) -> tuple[FrameClock, dict[str, Alignment]]:
    """The clock and the alignments by utterance id. Raises UserError that names the line that is none."""
    clock, alignments = open_alignments(path)
    return clock, dict(alignments)


def open_alignments(path: Path) -> tuple[FrameClock, Iterator[tuple[str, Alignment]]]:
    """The same, one after another as they are read."""
    if not path.is_file():
        raise UserError(f"there are no alignments at {path}; make them with `ssr align`")
    with path.open("rb") as lines:
        head = lines.readline()
    if not head:
        raise UserError(f"{path} is empty; align again")
    with _errors_named(path, 1):
        clock = FrameClock(**json.loads(head)["clock"])
    return clock, _aligned(path)


def _aligned(path: Path) -> Iterator[tuple[str, Alignment]]:
    seen: set[str] = set()
    with path.open("rb") as lines:
        for number, line in enumerate(itertools.islice(lines, 1, None), 2):
            with _errors_named(path, number):
                row = json.loads(line)
                key, alignment = row["id"], from_dict(row)
            if key in seen:
                raise UserError(f"{path}, line {number}: {key} comes twice; align again")
            seen.add(key)
            yield key, alignment


@contextlib.contextmanager
def _errors_named(path: Path, number: int) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}, line {number}, is not an alignment ({error}); align again") from error


def to_dict(alignment: Alignment) -> dict[str, Any]:
    """Plain values; a score that is none becomes null."""
    values = asdict(alignment)
    if alignment.scores is not None:
        values["scores"] = [None if math.isnan(s) else round(s, 4) for s in alignment.scores]
    return values


def from_dict(values: dict[str, Any]) -> Alignment:
    """Back again, checked as every alignment is."""
    scores = values.get("scores")
    return Alignment(
        text=values["text"],
        token_ids=tuple(values["token_ids"]),
        starts=tuple(values["starts"]),
        ends=tuple(values["ends"]),
        char_spans=tuple((a, b) for a, b in values["char_spans"]),
        n_frames=values["n_frames"],
        scores=None if scores is None else tuple(math.nan if s is None else s for s in scores),
    )
