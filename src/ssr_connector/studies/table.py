"""A study's tables: rows of figures with intervals and spread over seeds, as Markdown."""

from collections.abc import Mapping, Sequence

from ssr_connector.studies.results import BESIDE, Difference, Figure, Results
from ssr_connector.studies.study import Column

ABSENT = "–"


def markdown(results: Results, columns: Sequence[Column], tables: Mapping[str, str]) -> str:
    """Every table under its heading; columns that none of its rows has are left out."""
    parts = []
    for name, heading in tables.items():
        rows = [row.name for row in results.rows if row.table == name]
        if rows:
            parts += [f"### {heading}\n"] if heading else []
            parts.append(one_table(results, [*rows, *(r.name for r in results.rows if r.table == BESIDE)], columns))
    return "\n".join(parts)


def one_table(results: Results, rows: Sequence[str], columns: Sequence[Column]) -> str:
    """One line a row: its title, then its figures, and differences from the first row beside those that are paired."""
    used = [c for c in columns if any(all(results.has(row, f) for f in (c.figure, c.minus) if f) for row in rows)]
    changed = {c for c in used if c.paired and any(results.difference(row, rows[0], c.figure) for row in rows[1:])}
    titles = [
        title
        for c in used
        for title in ([c.heading, f"− {results.row(rows[0]).title}"] if c in changed else [c.heading])
    ]
    lines = ["| | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for row in rows:
        cells = []
        for c in used:
            if c.minus:
                cells.append(change_cell(results.within(row, c.figure, c.minus), c.style))
            else:
                cells.append(cell(results.figure(row, c.figure), c.style))
            if c in changed:
                change = results.difference(row, rows[0], c.figure) if row != rows[0] else None
                cells.append(change_cell(change, c.style))
        lines.append(f"| {results.row(row).title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell(figure: Figure | None, style: str) -> str:
    """`70.1 (67.0–73.2) [69.5–70.8]`: mean, 95 % interval, lowest and highest seed."""
    if figure is None:
        return ABSENT
    text = style.format(figure.value)
    if figure.ci95:
        text += f" ({style.format(figure.ci95[0])}–{style.format(figure.ci95[1])})"
    if min(figure.seeds) < max(figure.seeds):
        text += f" [{style.format(min(figure.seeds))}–{style.format(max(figure.seeds))}]"
    return text


def change_cell(change: Difference | None, style: str) -> str:
    """`+3.2 (1.0 to 5.4)`, bold where it is told apart."""
    if change is None:
        return ABSENT
    signed = style.replace("{:", "{:+")
    text = signed.format(change.value)
    if change.ci95:
        text += f" ({style.format(change.ci95[0])} to {style.format(change.ci95[1])})"
    return f"**{text}**" if change.sign else text
