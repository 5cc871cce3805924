"""What a result says in three sentences: what was gained, against what, what was kept. Nothing it does not bear out."""

from collections.abc import Mapping
from typing import Any

from ssr_connector.evaluation.labels import BASELINE, OURS, capital, family, interval, number, slug, task_name
from ssr_connector.evaluation.pivot import Cell, Pivot, intervals_overlap, read_interval

HEADLINES = ("storycloze", "spoken_mmlu")
FEW_ITEMS = 100  # below it, intervals are about 10 points to either side
STACKING = ("stack", "stack+layers")  # what everybody knows by another name
MARGIN_POINTS = 1.0  # a loss that counts as none


def findings(results: Mapping[str, Any], table: Pivot) -> list[str]:
    """What to be careful about, if anything, and up to three sentences."""
    heard = [cell for task in HEADLINES if table.main and (cell := headline(table, task, table.main))]
    sentences = [caution(table), gained(heard, table), against(results, heard, table), kept(results, table)]
    nothing = [] if results.get("harness") else ["No task was evaluated in this run."]
    return [sentence for sentence in sentences if sentence] or nothing


def headline(table: Pivot, task: str, system: str) -> Cell | None:
    """A task heard, in the mode that the paper reports where that was run."""
    return table.find(task, system, mode="S→T") or table.find(task, system)


def gained(heard: list[Cell], table: Pivot) -> str:
    """How far listening comes to reading."""
    parts = []
    for cell in heard:
        part = f"{score(cell)} on {task_name(cell.task)} {cell.mode}"
        if cell.at_chance and cell.chance is not None:
            part += f", not distinguishable from chance ({number(cell.chance)} %)"
        if text := table.ceiling(cell.task):
            part += f", {difference(cell, text)} the {number(text.value)} % of the same LLM reading the text"
            part += intervals(cell, text)
        parts.append(part)
    return f"From audio alone, {table.main} scores {'; and '.join(parts)}." if parts else ""


def against(results: Mapping[str, Any], heard: list[Cell], table: Pivot) -> str:
    """Baselines, the cascade, and the control, on the same items."""
    figures = {figure["name"]: figure for figure in results.get("figures", ())}
    parts = []
    for cell in heard:
        others = baselines(table, cell)
        comparisons: list[str] = []
        said: list[str] = []
        if others:
            best = max(others, key=lambda other: other.value)
            name = "frame stacking" if best.system in STACKING else best.system
            comparisons.append(versus(cell, best, name, paired(figures, cell, "baseline")))
        if cascade := rival(table, cell, "hard cascade"):
            comparisons.append(versus(cell, cascade, "the hard cascade", paired(figures, cell, "cascade")))
        if wrong := rival(table, cell, "another item's audio"):
            said.append(control(wrong))
        if comparisons:
            said.insert(0, f"it is {' and '.join(comparisons)}")
        if said:
            parts.append(f"on {task_name(cell.task)} {cell.mode} {', and '.join(said)}")
    return capital("; ".join(parts)) + "." if parts else ""


def kept(results: Mapping[str, Any], table: Pivot) -> str:
    """What stage 2 gained, and what it did to the text tasks."""
    figures = {figure["name"]: figure for figure in results.get("figures", ())}
    parts = []
    if "asr_wer_stage1" in figures and "asr_wer_stage2" in figures:
        before, after = figures["asr_wer_stage1"], figures["asr_wer_stage2"]
        change = f"from {number(before['value'])} to {number(after['value'])} %"
        overlap = intervals_overlap(read_interval(before.get("ci95")), read_interval(after.get("ci95")))
        note = " (the intervals overlap)" if overlap else ""
        parts.append(f"stage 2 changed the prompted word error rate {change}{note}")
    for system in table.systems:
        if family(system) in (OURS, BASELINE) and (change := text_change(figures, table, system)):
            parts.append(change)
    return capital("; ".join(parts)) + "." if parts else ""


def text_change(figures: Mapping[str, Mapping[str, Any]], table: Pivot, system: str) -> str:
    """The worst change of a text task: paired where that figure is there (after − before, points)."""
    changes = []
    for line in table.lines:
        before, after = line.cells.get("text model"), line.cells.get(system)
        if line.mode == "T" and before and after:
            changes.append((after.value - before.value, line.task))
    if not changes:
        return ""
    worst, task = min(changes)
    figure = figures.get(f"text_drop_{slug(system)}", {"value": worst})
    name = task_name(figure.get("task", task))  # the figure's own: the lowest bound, not the lowest mean
    text = (
        f"with {system} the text task that fared worst ({name}) changed by {number(figure['value'], 'points')} points"
    )
    ci95 = read_interval(figure.get("ci95"))
    if ci95 is None:
        return text
    low, high = ci95
    text += f", 95 % interval {interval(ci95, 'points')}: "
    if low > -MARGIN_POINTS:
        return text + f"not worse by {MARGIN_POINTS:g} point"
    return text + ("a loss" if high < 0 else f"a loss of {MARGIN_POINTS:g} point is not excluded")


def caution(table: Pivot) -> str:
    """A smoke run's figures say nothing."""
    counts = [cell.n for line in table.lines for cell in line.cells.values()]
    if not counts or min(counts) >= FEW_ITEMS:
        return ""
    return (
        f"Careful: some of these figures are over as few as {min(counts)} items; "
        "they show that the stages run, not how well the method works."
    )


def rival(table: Pivot, cell: Cell, system: str) -> Cell | None:
    """Another system on the same items."""
    return table.find(cell.task, system, mode=cell.mode, condition=cell.condition)


def score(cell: Cell) -> str:
    """Value, interval and number of items."""
    ci = f"95 % interval {interval(cell.ci95)}, " if cell.ci95 else ""
    return f"{number(cell.value)} % ({ci}n = {cell.n})"


def difference(ours: Cell, theirs: Cell) -> str:
    """`7.4 points below`, as a person would say it of the rounded figures."""
    points = round(ours.value, 1) - round(theirs.value, 1)
    if abs(points) < 0.05:
        return "level with"
    return f"{number(abs(points))} points {'above' if points > 0 else 'below'}"


def intervals(ours: Cell, theirs: Cell) -> str:
    """Says so where two intervals overlap."""
    return " (the intervals overlap)" if intervals_overlap(ours.ci95, theirs.ci95) else ""


def baselines(table: Pivot, cell: Cell) -> list[Cell]:
    """The other connectors on the same items."""
    others = (rival(table, cell, system) for system in table.systems if system != cell.system)
    return [other for other in others if other and other.family == BASELINE]


def paired(figures: Mapping[str, Mapping[str, Any]], cell: Cell, other: str) -> tuple[float, float] | None:
    """Interval of the difference from the cascade or the better baseline over the same items, where it was computed."""
    names = (f"{cell.task}{mode}_{slug(cell.system)}_minus_{other}" for mode in ("_s2t", ""))
    return next((read_interval(figures[name].get("ci95")) for name in names if name in figures), None)


def versus(ours: Cell, theirs: Cell, name: str, paired_ci95: tuple[float, float] | None = None) -> str:
    """A comparison with both numbers; what the intervals say of it, the paired one where there is one."""
    notes = [f"{number(theirs.value)} %"]
    if paired_ci95:
        low, high = paired_ci95
        verdict = "no clear difference" if low <= 0 <= high else "a clear difference"
        notes.append(f"paired 95 % interval {interval(paired_ci95, 'points')}, {verdict}")
    elif intervals_overlap(ours.ci95, theirs.ci95):
        notes.append("the intervals overlap")
    if theirs.at_chance:
        notes.append("itself at chance, so a weak comparison")
    return f"{difference(ours, theirs)} {name} ({'; '.join(notes)})"


def control(wrong: Cell) -> str:
    """What is left when the audio is another item's: nothing should be."""
    text = f"with another item's audio it scores {number(wrong.value)} %"
    if wrong.chance is None or wrong.ci95 is None:
        return text
    return (
        f"{text}, {'not distinguishable from' if wrong.at_chance else 'which is not'} chance ({number(wrong.chance)} %)"
    )
