"""A study's picture: one figure of every row with its interval, alone or against another figure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ssr_connector.evaluation.figures import COLOURS, INK, MUTED, OURS, drawing
from ssr_connector.files import replace_file
from ssr_connector.studies.results import BESIDE, Figure, Results
from ssr_connector.studies.study import Picture


def draw(results: Results, picture: Picture, path: Path) -> None:
    """Points with 95 % intervals, seeds as small ticks, as PNG. Rows without the figure are left out."""
    rows = [row.name for row in results.rows if results.has(row.name, picture.y)]
    if picture.x:
        rows = [row for row in rows if results.has(row, picture.x)]
    height = 4.2 if picture.x else 0.8 + 0.32 * len(rows)
    with drawing(7.5, height) as figure:
        axes = figure.add_subplot()
        (scatter if picture.x else dots)(axes, results, picture, rows)
        axes.grid(visible=True)
        figure.tight_layout()
        with replace_file(path) as new:
            figure.savefig(new, format="png", dpi=160, facecolor="white")


def dots(axes: Any, results: Results, picture: Picture, rows: Sequence[str]) -> None:
    """A line a row, from the top."""
    for place, name in enumerate(rows):
        found = must(results, name, picture.y)
        low, high = found.ci95 or (found.value, found.value)
        colour = colour_of(results, name)
        axes.plot([low, high], [place, place], color=colour)
        axes.plot(found.value, place, "o", color=colour)
        axes.plot(found.seeds, [place] * len(found.seeds), "|", color=MUTED)
    chances = {f.chance for name in rows if (f := results.figure(name, picture.y)) and f.chance is not None}
    for chance in chances:
        axes.axvline(chance, color=MUTED, linestyle="--")
    axes.set_yticks(range(len(rows)), [label(results, name) for name in rows], color=INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(picture.y_label)


def scatter(axes: Any, results: Results, picture: Picture, rows: Sequence[str]) -> None:
    """A point a row, with its name beside it."""
    for name in rows:
        x, y = must(results, name, picture.x).value, must(results, name, picture.y)
        low, high = y.ci95 or (y.value, y.value)
        colour = colour_of(results, name)
        axes.plot([x, x], [low, high], color=colour)
        axes.plot(x, y.value, "o", color=colour)
        axes.annotate(label(results, name), (x, y.value), (5, 3), textcoords="offset points", color=INK, fontsize=8)
    if picture.x_log:
        axes.set_xscale("log")
    axes.set_xlabel(picture.x_label)
    axes.set_ylabel(picture.y_label)
    axes.margins(x=0.25)


def must(results: Results, name: str, figure: str) -> Figure:
    """A figure that is known to be there."""
    found = results.figure(name, figure)
    if found is None:
        raise KeyError(f"{name} has no {figure}")
    return found


def label(results: Results, name: str) -> str:
    """The row's title, with its table where there are several."""
    row = results.row(name)
    return row.title if row.table in ("", BESIDE) else f"{row.title}, {row.table}"


def colour_of(results: Results, name: str) -> str:
    """References, what stands beside, the others."""
    if name == results.reference(name):
        return OURS
    return MUTED if results.row(name).table == BESIDE else COLOURS["baseline"]
