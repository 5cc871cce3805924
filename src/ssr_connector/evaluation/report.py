"""Results for people: one self-contained HTML file, and the same in short for the terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ssr_connector.evaluation.findings import findings
from ssr_connector.evaluation.labels import interval, number, system_name, task_name, with_unit
from ssr_connector.evaluation.markdown import write_markdown
from ssr_connector.evaluation.page import join, page
from ssr_connector.evaluation.pivot import Cell, Line, Pivot, pivot, read_interval
from ssr_connector.files import replace_file, write_json

WIDTH = 100  # columns of the terminal's tables


def write_results(results: Mapping[str, Any], out: Path) -> list[Path]:
    """Write report.html, report.md and results.json into `out`. Returns their paths."""
    files = [out / "report.html", out / "report.md", out / "results.json"]
    write_json(files[2], results)  # first: whatever becomes of the pages, the figures are there
    write_report(results, files[0])
    write_markdown(results, files[1])
    return files


def write_report(results: Mapping[str, Any], path: Path) -> None:
    """Write `results` (what `results.json` holds) as one HTML file without scripts or references to anything outside.

    Percentages are 0–100; figures called `text_drop_*` are after − before, so that a loss is negative. Sections
    without results are left out. Raises ValueError where two rows are about the same score.
    """
    # matplotlib takes a second to import, and the terminal's summary does without.
    from ssr_connector.evaluation import sections

    scores = pivot(results.get("rows", ()), results.get("baselines", ()), results.get("main"))
    body = [sections.lead(results, scores), sections.score_table(scores), sections.score_charts(scores)]
    body += [make(results) for make in sections.ORDER]
    text = page(results.get("title") or "Evaluation", join(part for part in body if part))
    with replace_file(path) as new:
        new.write_text(text, encoding="utf-8")


def print_summary(results: Mapping[str, Any], console: Console) -> None:
    """Print the findings, the scores, quality, density, cost and the next commands, in at most 100 columns."""
    scores = pivot(results.get("rows", ()), results.get("baselines", ()), results.get("main"))
    width = min(console.width, WIDTH)
    for sentence in findings(results, scores):
        console.print(Text(sentence), width=width)
    for lines in columns_that_fit(scores, width):
        console.print()
        console.print(score_table(lines, scores.systems), width=width)
    for rows in (quality_rows(results), density_rows(results), cost_rows(results)):
        if rows:
            console.print()
            console.print(plain_table(rows), width=width)
    if results.get("next"):
        console.print(Text("\nNext:", style="bold"))
    for command in results.get("next", ()):
        console.print(Text(f"  {command}"), soft_wrap=True)


def columns_that_fit(scores: Pivot, width: int) -> list[list[Line]]:
    """The lines of a pivot, in groups whose columns stand beside the systems' names."""
    room = width - max((len(name) for name in (*scores.systems, "chance")), default=0) - 4
    groups: list[list[Line]] = []
    used = 0
    for line in scores.lines:
        needed = 2 + max(len(part) for part in (*heading(line).split("\n"), *(short(c) for c in line.cells.values())))
        if not groups or used + needed > room:
            groups.append([])
            used = 0
        groups[-1].append(line)
        used += needed
    return groups


def heading(line: Line) -> str:
    """Task, mode, number of items."""
    return f"{task_name(line.task)}\n{line.how}\nn {line.items}"


def short(cell: Cell) -> str:
    """`88.1 85–91`."""
    if cell.ci95 is None:
        return number(cell.value)
    low, high = cell.ci95
    return f"{number(cell.value)} {low:.0f}–{high:.0f}"


def score_table(lines: Sequence[Line], systems: Sequence[str]) -> Table:
    """Systems down, tasks and modes across: percent right and its 95 % interval."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(Text("% right, 95 % interval"), overflow="fold")
    for line in lines:
        table.add_column(Text(heading(line)), no_wrap=True)
    for system in systems:
        cells = [line.cells.get(system) for line in lines]
        if any(cells):
            table.add_row(Text(system), *(score_text(cell) for cell in cells))
    if any(line.chance is not None for line in lines):
        levels = [Text("" if line.chance is None else number(line.chance), style="dim") for line in lines]
        table.add_row(Text("chance", style="dim"), *levels)
    return table


def score_text(cell: Cell | None) -> Text:
    """A score, dim where it is no better than chance."""
    if cell is None:
        return Text("")
    value, _, ends = short(cell).partition(" ")
    return Text.assemble((value, "dim" if cell.at_chance else "bold"), (f" {ends}" if ends else "", "dim"))


def quality_rows(results: Mapping[str, Any]) -> list[list[str]]:
    """Measure, system, value, interval, n."""
    rows = []
    for row in results.get("quality", ()):
        unit, ci95 = row.get("unit", ""), read_interval(row.get("ci95"))
        ends = interval(ci95, unit) if ci95 else ""
        rows.append([row["measure"], system_name(row["system"]), with_unit(row["value"], unit), ends, f"n {row['n']}"])
    return rows


def density_rows(results: Mapping[str, Any]) -> list[list[str]]:
    """System, positions per second."""
    rows = results.get("density", ())
    return [["positions a second", system_name(row["system"]), number(row["positions_per_s"], "/s")] for row in rows]


def cost_rows(results: Mapping[str, Any]) -> list[list[str]]:
    """Stage, seconds; and all together, where some went on at the same time."""
    rows = [["cost", row["stage"], f"{number(row['seconds'], 's')} s"] for row in results.get("cost", ())]
    total = [["cost", "in all", f"{number(results['elapsed_s'], 's')} s"]] if "elapsed_s" in results else []
    return rows + total


def plain_table(rows: Sequence[Sequence[str]]) -> Table:
    """Rows without a head; what repeats the row above in the first column is left out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    before = ""
    for row in rows:
        first = "" if row[0] == before else row[0]
        table.add_row(*(Text(cell) for cell in (first, *row[1:])))
        before = row[0]
    return table
