"""The report's pictures: matplotlib figures as SVG to stand inside a page, coloured by the page's own CSS variables."""

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ssr_connector.evaluation.labels import number, with_unit
from ssr_connector.evaluation.pivot import Line
from ssr_connector.files import replace_file

# Drawn in these colours, which nothing else uses, and then named after the page's variables: light and dark look right.
COLOURS = {
    "ink": "#10121a",
    "muted": "#6a7081",
    "grid": "#dfe2e9",
    "card": "#fefefd",
    "text": "#1a7f4c",
    "ours": "#2457d6",
    "oracle": "#7d9ff0",
    "cascade": "#c2571a",
    "baseline": "#8a4fc4",
    "control": "#8d93a2",
}
TEXT = "text"  # the loss on it, in training's records
GOOD_COSINE = 0.9  # drawn in another colour below it
INK, MUTED, OURS = COLOURS["ink"], COLOURS["muted"], COLOURS["ours"]
STYLE = {
    "svg.fonttype": "none",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.6,
    "figure.facecolor": "none",
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "lines.linewidth": 1.4,
}


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """A figure of so many inches in the report's style; no pyplot, so that nothing global is kept."""
    with rc_context(STYLE):
        yield Figure(figsize=(width, height))


def save(figure: Figure, path: Path) -> None:
    """As an SVG file, whole or not at all: the same bytes for the same picture."""
    with rc_context({"svg.hashsalt": path.stem}), replace_file(path) as new:
        figure.savefig(new, format="svg", metadata={"Date": None}, facecolor="white")


def to_svg(figure: Figure, name: str, description: str) -> str:
    """An `<svg>` element without namespaces, sizes or fixed colours. `name`: unique in the page, prefixes all ids."""
    out = io.StringIO()
    empty = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), warnings.catch_warnings():
        # The browser has the letters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        figure.savefig(out, format="svg", metadata=empty)
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = (
        re.sub(r' (xmlns(:xlink)?|version|width|height)="[^"]*"', "", svg.split(">", 1)[0]) + ">" + svg.split(">", 1)[1]
    )
    svg = svg.replace("xlink:href=", "href=")
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    for variable, colour in COLOURS.items():
        svg = svg.replace(colour, f"var(--{variable})")
    width_px = round(figure.get_figwidth() * 96)
    label = description.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}" style="max-width:{width_px}px"', 1)


def scores_figure(lines: Sequence[Line], ceiling: float | None, name: str) -> str:
    """Points with 95 % intervals, every system on one task in one mode; a second condition hollow, below the first."""
    systems = list(dict.fromkeys(system for line in lines for system in line.cells))
    chance = lines[0].chance
    row_inches = 0.3 if len(lines) == 1 else 0.42
    height = 0.85 + row_inches * len(systems)
    with drawing(5.2, height) as figure:
        axes = figure.add_axes((1.62 / 5.2, 0.35 / height, 3.05 / 5.2, row_inches * len(systems) / height))
        low, high = axis_range(lines, chance, ceiling)
        axes.set(xlim=(low, high), ylim=(len(systems) - 0.5, -0.5), yticks=range(len(systems)))
        axes.set_yticklabels(systems, color=INK)
        axes.grid(axis="x")
        axes.tick_params(length=0)
        axes.spines["left"].set_visible(False)
        # Labels that would run into each other hang outwards from their lines.
        sides = ("center", "center")
        if chance is not None and ceiling is not None and abs(ceiling - chance) < 0.25 * (high - low):
            sides = ("right", "left") if chance <= ceiling else ("left", "right")
        if chance is not None:
            reference(axes, chance, f"chance {number(chance)}", MUTED, "--", sides[0])
        if ceiling is not None:
            reference(axes, ceiling, f"text {number(ceiling)}", COLOURS["text"], "-", sides[1])
        for row, system in enumerate(systems):
            cells = [(k, line.cells[system]) for k, line in enumerate(lines) if system in line.cells]
            places = row + 0.2 * np.linspace(-1, 1, len(cells)) if len(cells) > 1 else [row]
            for (k, cell), y in zip(cells, places, strict=True):
                colour = COLOURS[cell.family]
                ends = cell.ci95 or (cell.value, cell.value)
                axes.plot(ends, (y, y), color=colour, linewidth=2, solid_capstyle="butt")
                face = colour if k == 0 else COLOURS["card"]
                axes.plot([cell.value], [y], marker="os^D"[k % 4], markersize=5.5, color=colour, markerfacecolor=face)
                where = axes.get_yaxis_transform()
                axes.text(1.03, y, number(cell.value), transform=where, va="center", color=INK, fontsize=8.5)
        title = f"{lines[0].name}, % right"
        if len(lines) > 1:
            title += f"   ({', '.join(f'{mark} {li.condition}' for mark, li in zip('●□△◇', lines, strict=False))})"
        figure.text(0.1 / 5.2, 1 - 0.2 / height, title, fontweight="bold", fontsize=10)
        return to_svg(figure, name, title)


def axis_range(lines: Sequence[Line], chance: float | None, ceiling: float | None) -> tuple[float, float]:
    """Whole tens around everything that is drawn."""
    values = [value for value in (chance, ceiling) if value is not None]
    for line in lines:
        for cell in line.cells.values():
            values += [cell.value, *(cell.ci95 or ())]
    return max(np.floor((min(values) - 2) / 10) * 10, -1.0), np.ceil((max(values) + 0.5) / 10) * 10 + 1


def reference(axes: Axes, x: float, label: str, colour: str, style: str, side: str) -> None:
    """A labelled vertical line behind the points."""
    axes.axvline(x, color=colour, linestyle=style, linewidth=1, zorder=1)
    axes.text(x, 1.02, label, transform=axes.get_xaxis_transform(), ha=side, va="bottom", color=colour, fontsize=7.5)


def bars_figure(names: Sequence[str], values: Sequence[float], unit: str, name: str, description: str) -> str:
    """Horizontal bars, each with its number."""
    height = 0.25 + 0.3 * len(names)
    with drawing(7.2, height) as figure:
        axes = figure.add_axes((2.0 / 7.2, 0.1 / height, 4.3 / 7.2, 0.3 * len(names) / height))
        axes.barh(range(len(names)), values, height=0.62, color=OURS)
        axes.set(ylim=(len(names) - 0.5, -0.5), xlim=(0, max([*values, 1e-9])), xticks=[], yticks=range(len(names)))
        axes.set_yticklabels([printable(text) for text in names], color=INK)
        axes.tick_params(length=0)
        axes.spines["bottom"].set_visible(False)
        for k, value in enumerate(values):
            axes.annotate(
                with_unit(value, unit), (value, k), xytext=(5, 0), textcoords="offset points", va="center",
                annotation_clip=False,
            )  # fmt: skip
        return to_svg(figure, name, description)


def curves_figure(stage: str, records: Sequence[Mapping[str, float]], name: str) -> str:
    """The loss of a stage, and whatever else was measured on development data. Empty where there is neither."""
    if not curve_names(records):
        return ""
    with curves(records) as figure:
        return to_svg(figure, name, f"Training curves of {stage}")


@contextmanager
def curves(records: Sequence[Mapping[str, float]], most_text_lost: float | None = None) -> Iterator[Figure]:
    """A panel for each of `curve_names`; in that of text what the LLM had before, and how much it may lose."""
    panels = curve_names(records)
    columns = 2 if len(panels) == 4 else 3
    rows = -(-len(panels) // columns)
    with drawing(10, 0.35 + 2.1 * rows) as figure:
        for k, panel in enumerate(panels):
            axes = figure.add_subplot(rows, columns, k + 1)
            for key, colour, label in ((panel, COLOURS["oracle"], "training"), (f"dev_{panel}", OURS, "development")):
                points = [(record["step"], record[key]) for record in records if record.get(key) is not None]
                if points:
                    marker = "o" if len(points) == 1 or (len(points) < 40 and colour == OURS) else ""
                    axes.plot(*zip(*points, strict=True), color=colour, label=label, marker=marker, markersize=3)
            axes.set_title(printable(panel.replace("_", " ")))
            axes.set_xlabel("step")
            axes.grid()
            axes.tick_params(length=0)
            if panel == TEXT:
                draw_lost(axes, records, most_text_lost)
            if k == 0:
                axes.legend(frameon=False, fontsize=8)
        figure.subplots_adjust(0.05, 0.45 / (0.35 + 2.1 * rows), 0.99, 1 - 0.3 / (0.35 + 2.1 * rows), 0.22, 0.6)
        yield figure


def draw_lost(axes: Axes, records: Sequence[Mapping[str, float]], most: float | None) -> None:
    """Lines at the loss on text before the first step and at the most that it may become; what was lost, in words."""
    found = [(record["step"], record[f"dev_{TEXT}"]) for record in records if f"dev_{TEXT}" in record]
    if not found or found[0][0] != 0:
        return
    before, after = found[0][1], found[-1][1]
    axes.axhline(before, color=MUTED, linestyle="--", linewidth=1)
    axes.set_title(f"{TEXT}: {after - before:+.3f} nats a token since step 0")
    if most is not None:
        axes.axhline(before + most, color=COLOURS["cascade"], linestyle="--", linewidth=1)


def curve_names(records: Sequence[Mapping[str, float]]) -> list[str]:
    """The loss first, then what development data was measured by, text last; no part that is the whole loss."""
    keys = dict.fromkeys(key for record in records for key in record)
    names = ["loss"] if {"loss", "dev_loss"} & set(keys) else []
    names += [key.removeprefix("dev_") for key in keys if key.startswith("dev_") and key != "dev_loss"]

    def is_loss(name: str) -> bool:
        dev = [(record.get("dev_loss"), record[f"dev_{name}"]) for record in records if f"dev_{name}" in record]
        return name != "loss" and all(loss == part for loss, part in dev)

    return sorted((name for name in names if not is_loss(name)), key=lambda name: name == TEXT)


def printable(text: str) -> str:
    """What can be written in a picture: control characters as dots."""
    return "".join(c if c.isprintable() else "·" for c in text)


def example_figure(example: Mapping[str, Any], name: str) -> str:
    """An utterance: waveform with found and true word boundaries, its tokens, and the cosine of each."""
    duration_s = float(example["duration_s"])
    with drawing(10.4, 4.5) as figure:
        boxes = figure.subplots(3, 1, sharex=True, height_ratios=(2.0, 0.75, 1.0))
        figure.subplots_adjust(0.065, 0.1, 0.99, 0.86, hspace=0.1)
        wave, tokens, cosines = boxes
        for axes in boxes:
            axes.set(xlim=(0, duration_s))
            axes.tick_params(length=0)
        draw_waveform(wave, example, duration_s)
        draw_tokens(tokens, example["tokens"], duration_s)
        draw_cosines(cosines, example["tokens"])
        return to_svg(figure, name, f"Waveform, word boundaries, tokens and cosines of {example['id']}")


def draw_waveform(axes: Axes, example: Mapping[str, Any], duration_s: float) -> None:
    """Envelope, words above it, boundaries found (solid, upper half) and true (dashed, lower half)."""
    envelope = np.asarray(example["samples"], float).reshape(-1, 2)
    peak = float(np.abs(envelope).max()) if envelope.size else 1.0
    if envelope.size:
        times = (np.arange(len(envelope)) + 0.5) * duration_s / len(envelope)
        axes.fill_between(times, envelope[:, 0], envelope[:, 1], color=COLOURS["control"], linewidth=0, step="mid")
    axes.set(ylim=(-1.4 * (peak or 1.0), 1.05 * (peak or 1.0)), yticks=[])
    middle = 1.4 / 2.45
    for key, colour, style, low, high in (
        ("words", OURS, "-", middle, 1.0),
        ("gold_words", COLOURS["cascade"], "--", 0.0, middle),
    ):
        words = example.get(key) or []
        for edge in sorted({word[end] for word in words for end in ("start_s", "end_s")}):
            axes.axvline(edge, low, high, color=colour, linestyle=style, linewidth=1)
        labels = [printable(word["text"]) for word in words]
        middles = [(word["start_s"] + word["end_s"]) / 2 for word in words]
        write_along(axes, labels, middles, 1.03 if key == "words" else 0.02, "bottom", colour, duration_s)
    axes.set_ylabel("found (top)\ntrue (bottom)" if example.get("gold_words") else "waveform", fontsize=8)


def draw_tokens(axes: Axes, tokens: Sequence[Mapping[str, Any]], duration_s: float) -> None:
    """A box per token, from the frame after the last token's to its own."""
    for k, token in enumerate(tokens):
        axes.axvspan(token["start_s"], token["end_s"], color=OURS, alpha=0.10 + 0.12 * (k % 2), linewidth=0)
    middles = [(token["start_s"] + token["end_s"]) / 2 for token in tokens]
    write_along(axes, [printable(token["text"]) for token in tokens], middles, 0.5, "center", INK, duration_s)
    axes.set(yticks=[], ylim=(0, 1))
    axes.set_ylabel("tokens", fontsize=8)


def draw_cosines(axes: Axes, tokens: Sequence[Mapping[str, Any]]) -> None:
    """A bar per token, as wide as the token is long."""
    rated = [token for token in tokens if token.get("cosine") is not None]
    for token in rated:
        left, right = token["start_s"], token["end_s"]
        good = token["cosine"] >= GOOD_COSINE
        axes.bar(
            left, token["cosine"], right - left, align="edge", color=OURS if good else COLOURS["cascade"], alpha=0.8
        )
        axes.plot((left, right), (token["cosine"],) * 2, color=OURS if good else COLOURS["cascade"], linewidth=1)
    axes.set(ylim=(min([0.0, *(token["cosine"] for token in rated)]), 1.0), xlabel="seconds")
    axes.grid(axis="y")
    axes.set_ylabel("cosine", fontsize=8)


def write_along(
    axes: Axes, labels: Sequence[str], middles: Sequence[float], y: float, va: str, colour: str, duration_s: float
) -> None:
    """Labels at their times; upright all of them where one would run into the next, and then not closer than a line."""
    inches_per_s = 9.6 / duration_s
    needed = [0.034 * (len(a) + len(b)) + 0.06 for a, b in pairwise(labels)]
    gaps = [(right - left) * inches_per_s for left, right in pairwise(middles)]
    upright = any(gap < need for gap, need in zip(gaps, needed, strict=True))
    places = apart(middles, 0.125 / inches_per_s) if upright else list(middles)
    for label, x in zip(labels, places, strict=True):
        axes.text(
            x, y, label, transform=axes.get_xaxis_transform(), ha="center", va=va, color=colour,
            fontsize=7.5, rotation=90 if upright else 0,
        )  # fmt: skip


def apart(places: Sequence[float], gap: float) -> list[float]:
    """Places in order, each at least a gap after the one before."""
    out: list[float] = []
    for place in places:
        out.append(place if not out else max(place, out[-1] + gap))
    return out
