"""A study's table: rows of figures with their intervals, as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ABSENT = "–"


@dataclass(frozen=True)
class Column:
    """A figure's name in results, its heading, and how its value is written."""

    figure: str
    heading: str
    style: str


def markdown(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    """One line a row: its title, then its figures with 95 % intervals where they have one."""
    lines = ["| | " + " | ".join(c.heading for c in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        cells = [cell(row["figures"].get(c.figure), c.style) for c in columns]
        lines.append(f"| {row['title']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell(figure: Mapping[str, Any] | None, style: str) -> str:
    """A value, and its interval in brackets."""
    if figure is None:
        return ABSENT
    interval = figure.get("ci95")
    around = f" ({style.format(interval[0])}–{style.format(interval[1])})" if interval else ""
    return style.format(figure["value"]) + around
