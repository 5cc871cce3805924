"""The sections of the report, each from its part of `results.json`; a section without results is empty."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ssr_connector.evaluation.figures import GOOD_COSINE, bars_figure, curves_figure, example_figure, scores_figure
from ssr_connector.evaluation.findings import findings
from ssr_connector.evaluation.harness_table import HEADINGS, harness_origin, harness_rows
from ssr_connector.evaluation.labels import MODES, SYSTEMS, TASKS, interval, number, system_name, task_name, with_unit
from ssr_connector.evaluation.page import Html, definitions, details, element, join, section, table
from ssr_connector.evaluation.pivot import Cell, Line, Pivot, read_interval
from ssr_connector.evaluation.stats import MANY_SPEAKERS

Results = Mapping[str, Any]


def lead(results: Results, scores: Pivot) -> Html:
    """Title, where the figures come from, and what they say."""
    origin = (("made", "date"), ("commit", "commit"), ("on", "machine"), ("seed", "seed"))
    facts = [f"{label} {results[key]}" for label, key in origin if results.get(key) not in (None, "")]
    if results.get("seconds") is not None:
        facts.append(f"evaluated in {duration(results['seconds'])}")
    title = element("h1", results.get("title") or "Evaluation")
    sentences = join(element("p", sentence) for sentence in findings(results, scores))
    quiet = element("p", " · ".join(facts), "quiet")
    return join([title, quiet, element("section", sentences, "card lead")])


def score_table(scores: Pivot) -> Html:
    """Task × mode against systems, and what the words mean."""
    rows = [
        [
            join([line.name, element("small", chance_text(line))], ""),
            *(score_cell(line.cells.get(s)) for s in scores.systems),
        ]
        for line in scores.lines
    ]
    intro = (
        "Percent right; below each, its 95 % interval, the number of items, ties among their best answers, and the "
        "seconds that scoring took. Every spoken score is from audio alone"
    )
    intro += ", but for the oracle alignment." if "oracle alignment" in scores.systems else "."
    used = [
        *((task_name(k), TASKS[k][1]) for k in TASKS if any(line.task == k for line in scores.lines)),
        *((k, MODES[k]) for k in MODES if any(line.mode == k for line in scores.lines)),
        *((k, SYSTEMS[k][1]) for k in SYSTEMS if k in scores.systems),
    ]
    return section(
        "Scores",
        element("p", intro, "quiet") if rows else "",
        table(["", *scores.systems], rows, "scores"),
        details("What the tasks, modes and systems are", definitions(used)) if used else "",
        breakdowns(scores),
    )


def chance_text(line: Line) -> str:
    """The level of guessing."""
    return "" if line.chance is None else f"chance {number(line.chance)}"


def score_cell(cell: Cell | None) -> Html | str:
    """Value, interval, n, ties, seconds; marked where it is no better than guessing."""
    if cell is None:
        return ""
    small = [interval(cell.ci95)] if cell.ci95 else []
    small += [f"n {cell.n}", *cell.asides]
    lines = [element("small", text) for text in small]
    if cell.at_chance:
        lines.append(element("small", "at chance", "chance"))
    return join([number(cell.value), *lines], "")


def breakdowns(scores: Pivot) -> Html:
    """Scores of each kind of item, and of each voice."""
    kinds = breakdown("By kind of item", scores, lambda cell: cell.groups)
    voices = breakdown("By voice", scores, lambda cell: cell.voices if len(cell.voices) < MANY_SPEAKERS else {})
    return join(part for part in (kinds, voices) if part)


def breakdown(title: str, scores: Pivot, parts_of: Callable[[Cell], Mapping[str, float]]) -> Html:
    """A table per task, a column per part."""
    tables = []
    for task in dict.fromkeys(line.task for line in scores.lines):
        cells = [c for line in scores.lines if line.task == task for c in line.cells.values() if parts_of(c)]
        names = list(dict.fromkeys(name for cell in cells for name in parts_of(cell)))
        rows = [
            [f"{c.mode}, {c.condition}", c.system, *(number(p[n]) if n in (p := parts_of(c)) else "" for n in names)]
            for c in cells
        ]
        if rows:
            tables.append(join([element("h3", task_name(task)), table(["mode", "system", *names], rows)]))
    return details(title, join(tables)) if tables else Html()


def score_charts(scores: Pivot) -> Html:
    """One picture per task and mode, with every condition in it."""
    charts: list[Html] = []
    for key in dict.fromkeys((line.task, line.mode) for line in scores.lines):
        lines = [line for line in scores.lines if (line.task, line.mode) == key]
        ceiling = scores.ceiling(key[0])
        charts.append(Html(scores_figure(lines, ceiling.value if ceiling else None, f"scores{len(charts)}")))
    text = "Bars are 95 % intervals; dashed: chance; green line: the text model reading the same task."
    return (
        section("Scores, drawn", element("p", text, "quiet"), element("div", join(charts), "charts"))
        if charts
        else Html()
    )


def example(results: Results) -> Html:
    """One utterance, what was heard and where."""
    item = results.get("example")
    if not item:
        return Html()
    said = [("said", item["text"]), ("heard", item["hypothesis"] or "(nothing)"), ("utterance", item["id"])]
    text = (
        "Blue lines (upper half): word boundaries found; orange, dashed (lower half): true ones. Below, the LLM's "
        "tokens where they were found, and the cosine of each one's speech vector with its text embedding (orange: "
        f"under {GOOD_COSINE})."
    )
    return section(
        "An utterance as the LLM receives it",
        definitions(said),
        Html(example_figure(item, "example")),
        element("p", text, "quiet"),
    )


def quality(results: Results) -> Html:
    """How close speech vectors come to text embeddings, and boundaries to the true ones."""
    rows = [
        [
            row["measure"],
            system_name(row["system"]),
            with_unit(row["value"], row.get("unit", "")),
            row_interval(row),
            row["n"],
        ]
        for row in results.get("quality", ())
    ]
    return section(
        "Quality of the connector and its alignment",
        table(["", "system", "value", "95 % interval", "n"], rows),
        quality_by_voice(results),
    )


def quality_by_voice(results: Results) -> Html:
    """The same of each voice, where there are too few of them to be drawn for intervals."""
    found = [row for row in results.get("quality", ()) if row.get("voices")]
    names = list(dict.fromkeys(name for row in found for name in row["voices"]))
    rows = [
        [
            row["measure"],
            system_name(row["system"]),
            *(with_unit(row["voices"][n], row.get("unit", "")) if n in row["voices"] else "" for n in names),
        ]
        for row in found
    ]
    return details("By voice", table(["", "system", *names], rows))


def harness(results: Results) -> Html:
    """Text tasks of lm-evaluation-harness, before and after training."""
    found = results.get("harness")
    if not found:
        return Html()
    notes = element("ul", join(element("li", line) for line in found["notes"])) if found["notes"] else ""
    rows = table(HEADINGS, harness_rows(found))
    return section("Text tasks of lm-evaluation-harness", element("p", harness_origin(found), "quiet"), rows, notes)


def row_interval(row: Mapping[str, Any]) -> str:
    """The interval of a figure or a quality row."""
    ci95 = read_interval(row.get("ci95"))
    return interval(ci95, row.get("unit", "")) if ci95 else ""


def density(results: Results) -> Html:
    """How many LLM positions a second of speech takes."""
    rows = results.get("density", ())
    if not rows:
        return Html()
    names, values = [system_name(row["system"]) for row in rows], [row["positions_per_s"] for row in rows]
    chart = bars_figure(names, values, "/s", "density", "Positions per second of speech")
    text = "Positions that a second of speech takes: what the LLM's attention and its cache pay for."
    return section("Density", element("p", text, "quiet"), Html(chart))


def cost(results: Results) -> Html:
    """Seconds per stage."""
    rows = results.get("cost", ())
    if not rows:
        return Html()
    names, values = [row["stage"] for row in rows], [row["seconds"] for row in rows]
    elapsed = results.get("elapsed_s", sum(values))
    total = f"{number(elapsed, 's')} s ({duration(elapsed)}) in all"
    total += f"; {number(sum(values), 's')} s of stages, some at the same time." if elapsed < sum(values) else "."
    chart = bars_figure(names, values, "s", "cost", "Seconds per stage")
    return section("Cost", element("p", total, "quiet"), Html(chart))


def curves(results: Results) -> Html:
    """Training curves, a panel per stage."""
    parts: list[Html] = []
    for stage, records in results.get("curves", {}).items():
        if svg := curves_figure(stage, records, f"curves{len(parts)}"):
            parts += [element("h3", stage), Html(svg)]
    return section("Training", *parts)


def figures(results: Results) -> Html:
    """The named figures, as `results.json` has them."""
    rows = [
        [element("code", row["name"]), with_unit(row["value"], row.get("unit", "")), row_interval(row), row["n"]]
        for row in results.get("figures", ())
    ]
    text = "Differences (text_drop, change, minus) are paired, after − before over the same items: a loss is negative."
    return section(
        "Figures by name",
        element("p", text, "quiet") if rows else "",
        table(["name", "value", "95 % interval", "n"], rows),
    )


def following(results: Results) -> Html:
    """Commands to go on with."""
    commands = results.get("next", ())
    return section("Next", *(element("pre", element("code", command)) for command in commands))


def notes(results: Results) -> Html:
    """What a reader should know besides."""
    lines = results.get("notes", ())
    return section("Notes", element("ul", join(element("li", line) for line in lines)) if lines else "")


def configuration(results: Results) -> Html:
    """How to make this report again."""
    command = results.get("command")
    rows = [[element("code", key), element("code", value)] for key, value in flatten(results.get("recipe", {}))]
    return section(
        "How this was made",
        element("pre", element("code", command)) if command else "",
        element("p", f"commit {results['commit']}", "quiet") if results.get("commit") else "",
        details("The resolved recipe", table(["key", "value"], rows)) if rows else "",
    )


def flatten(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """`training.lr`, `0.001`: dotted keys and JSON values in the order of the recipe."""
    out: list[tuple[str, str]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            out += flatten(value, f"{prefix}{key}.")
        else:
            out.append((f"{prefix}{key}", json.dumps(value, ensure_ascii=False)))
    return out


def duration(seconds: float) -> str:
    """`95 s`, `12 min 5 s`, `1 h 2 min`."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


ORDER: Sequence[Any] = (example, harness, quality, density, curves, cost, figures, following, notes, configuration)
