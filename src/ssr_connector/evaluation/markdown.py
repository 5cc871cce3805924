"""Results as Markdown: what goes into a README, an issue or a paper's notes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ssr_connector.evaluation.findings import findings
from ssr_connector.evaluation.harness_table import HEADINGS, harness_origin, harness_rows
from ssr_connector.evaluation.labels import interval, number, system_name, task_name, with_unit
from ssr_connector.evaluation.pivot import Cell, Pivot, pivot, read_interval
from ssr_connector.files import replace_file


def write_markdown(results: Mapping[str, Any], path: Path) -> None:
    """Write `results` (what `results.json` holds): findings, scores, quality, figures by name, and where from.

    Raises ValueError where two rows are about the same score.
    """
    scores = pivot(results.get("rows", ()), results.get("baselines", ()), results.get("main"))
    figures = [[f"`{f['name']}`", valued(f), str(f["n"])] for f in results.get("figures", ())]
    quality = [[q["measure"], system_name(q["system"]), valued(q), str(q["n"])] for q in results.get("quality", ())]
    parts = [f"# {results.get('title') or 'Evaluation'}", origin(results), *findings(results, scores)]
    for title, body in (
        ("Scores: per cent right (95 % interval), ties, seconds", score_tables(scores)),
        ("Text tasks of lm-evaluation-harness", harness_part(results.get("harness"))),
        ("Quality", table(["", "system", "value (95 % interval)", "n"], quality)),
        ("Figures by name", table(["name", "value (95 % interval)", "n"], figures)),
        ("Notes", "\n".join(f"- {note}" for note in results.get("notes", ()))),
    ):
        parts += [f"## {title}", body] if body else []
    with replace_file(path) as new:
        new.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def origin(results: Mapping[str, Any]) -> str:
    """Command, commit, machine, seed."""
    known = (("commit", "commit"), ("on", "machine"), ("seed", "seed"))
    facts = [f"{label} {results[key]}" for label, key in known if results.get(key) not in (None, "")]
    command = [f"`{results['command']}`"] if results.get("command") else []
    return " · ".join(command + facts)


def score_tables(scores: Pivot) -> str:
    """A table for each task: systems down, modes and conditions across; per cent right with interval, ties, seconds."""
    tables = []
    for task in dict.fromkeys(line.task for line in scores.lines):
        lines = [line for line in scores.lines if line.task == task]
        systems = [s for s in scores.systems if any(s in line.cells for line in lines)]
        rows = [[system, *(score(line.cells.get(system)) for line in lines)] for system in systems]
        rows.append(["chance", *("" if line.chance is None else number(line.chance) for line in lines)])
        tables.append(table([task_name(task), *(f"{line.how}, n {line.items}" for line in lines)], rows))
    return "\n\n".join(tables)


def harness_part(found: Mapping[str, Any] | None) -> str:
    """Text tasks before and after training, and how they were run."""
    if not found:
        return ""
    return "\n\n".join([harness_origin(found), table(HEADINGS, harness_rows(found)), *found["notes"]])


def score(cell: Cell | None) -> str:
    """`88.1 (84.9–91.0), ties 0.5 %, 12.0 s`."""
    if cell is None:
        return ""
    value = number(cell.value) + (f" ({interval(cell.ci95)})" if cell.ci95 else "")
    return ", ".join([value, *cell.asides])


def valued(row: Mapping[str, Any]) -> str:
    """The value with its unit, and its interval."""
    unit, ci95 = row.get("unit", ""), read_interval(row.get("ci95"))
    return with_unit(row["value"], unit) + (f" ({interval(ci95, unit)})" if ci95 else "")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; nothing without rows."""
    if not rows:
        return ""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
