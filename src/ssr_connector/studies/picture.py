"""A study's picture: figures of every row with intervals, alone or against another; gained against lost; or a grid."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ssr_connector.evaluation.figures import COLOURS, INK, MUTED, OURS, drawing, save
from ssr_connector.studies.frontier import ahead, means_of, points
from ssr_connector.studies.results import BESIDE, Figure, Results
from ssr_connector.studies.study import Frontier, Gain, Grid, Line, Panel, Picture, Shade
from ssr_connector.studies.table import ABSENT

COLUMNS = 3  # of panels
MARKERS = "osD^v<>P*Xhpd"  # rows of a frontier: with ten colours, no two look the same
LEGEND_INCHES = 2.6


def draw(results: Results, picture: Picture | Frontier | Grid, path: Path) -> None:
    """As SVG, the same bytes for the same results."""
    if isinstance(picture, Frontier):
        draw_frontier(results, picture, path)
    elif isinstance(picture, Grid):
        draw_grid(results, picture, path)
    else:
        draw_rows(results, picture, path)


def draw_frontier(results: Results, picture: Frontier, path: Path) -> None:
    """A panel for each gain: points with paired 95 % intervals as bars, and a line through those that are ahead."""
    n = len(picture.gains)
    width = 5.0 * n + LEGEND_INCHES
    with drawing(width, 4.6) as figure:
        panels = figure.subplots(1, n, sharey=True, squeeze=False)[0]
        for axes, gain in zip(panels, picture.gains, strict=True):
            panel(axes, results, picture, gain)
            axes.set_xlabel(f"gained in {gain.what}, points")
        panels[0].set_ylabel(picture.kept_label)
        known: dict[str, Any] = {}
        for axes in panels:
            handles, texts = axes.get_legend_handles_labels()
            known |= dict(zip(texts, handles, strict=True))
        figure.tight_layout(rect=(0, 0, 1 - LEGEND_INCHES / width, 1))
        figure.legend(known.values(), known.keys(), loc="center right", frameon=False, fontsize=8)
        save(figure, path)


def panel(axes: Any, results: Results, picture: Frontier, gain: Gain) -> None:
    """Every row that can be paired with the first one, which is at 0."""
    found = points(results, picture, gain)
    places = means_of(found)
    order = [row.name for row in results.rows]
    for name, (x, y) in places.items():
        k = order.index(name)
        colour, marker = f"C{k % 10}", MARKERS[k % len(MARKERS)]
        axes.plot(found[name].gain.ci95 or (x, x), [y, y], color=colour, alpha=0.3)
        axes.plot([x, x], found[name].kept.ci95 or (y, y), color=colour, alpha=0.3)
        axes.plot(x, y, linestyle="", color=colour, marker=marker, label=label(results, name))
    line = [places[name] for name in ahead(places)]
    axes.plot([x for x, _ in line], [y for _, y in line], color=MUTED, linestyle="--", zorder=0)
    axes.grid(visible=True)


def draw_grid(results: Results, grid: Grid, path: Path) -> None:
    """Lines and columns of which nothing was measured are left out."""
    there = {row.name for row in results.rows}
    lines = [line for line, cells in grid.cells.items() if there & set(cells.values())]
    columns = [c for c in dict.fromkeys(c for line in lines for c in grid.cells[line]) if there & set(column(grid, c))]
    n = len(grid.shades)
    with drawing(2.0 + (0.6 + 0.8 * len(columns)) * n, 1.3 + 0.36 * len(lines)) as figure:
        panels = figure.subplots(1, n, sharey=True, squeeze=False)[0]
        for axes, shade in zip(panels, grid.shades, strict=True):
            shades(axes, results, grid, shade, lines, columns)
        figure.tight_layout()
        save(figure, path)


def column(grid: Grid, name: str) -> list[str]:
    """The arms of a column."""
    return [cells[name] for cells in grid.cells.values() if name in cells]


def shades(axes: Any, results: Results, grid: Grid, shade: Shade, lines: Sequence[str], columns: Sequence[str]) -> None:
    """One figure of every cell: its value, on a ground that is the darker the higher it is."""
    arms = [[grid.cells[line].get(name, "") for name in columns] for line in lines]
    values = [[results.value(a, shade.figure) if results.has(a, shade.figure) else math.nan for a in r] for r in arms]
    known = [value for row in values for value in row if not math.isnan(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    ground = LinearSegmentedColormap.from_list("ours", ["white", OURS])
    darkest = low + 1.5 * (high - low or 1.0)  # is no value's: what is written on it stays legible
    axes.imshow(values, cmap=ground, vmin=low, vmax=darkest, aspect="auto")
    there = {row.name for row in results.rows}
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            if arms[y][x] in there:
                said = ABSENT if math.isnan(value) else shade.style.format(value)
                axes.text(x, y, said, ha="center", va="center", color=INK, fontsize=8)
    axes.set_xticks(range(len(columns)), columns, color=INK)
    axes.set_yticks(range(len(lines)), lines, color=INK)
    axes.set_title(shade.title)
    axes.set_xlabel(grid.column_label)


def draw_rows(results: Results, picture: Picture, path: Path) -> None:
    """Points with 95 % intervals, seeds as small ticks. Rows without the figure are left out."""
    rows = [row.name for row in results.rows if results.has(row.name, picture.y)]
    if picture.x:
        rows = [row for row in rows if results.has(row, picture.x)]
    panels = [panel for panel in picture.panels if panel.arms.keys() & set(rows[1:])]
    n_lines = max(1, -(-len(panels) // COLUMNS))
    height_of_rows = 0.8 + (0.32 + 0.1 * len(picture.lines)) * max(1, len(rows))
    height = 3.1 * n_lines if panels else 4.2 if picture.x else height_of_rows
    with drawing(9.5 if panels else 7.5, height) as figure:
        for place, panel in enumerate(panels, 1):
            curves(figure.add_subplot(n_lines, min(COLUMNS, len(panels)), place), results, picture, panel)
        limits = [axes.get_ylim() for axes in figure.axes]
        for axes in figure.axes:  # panels are read beside each other
            axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
        if not panels:
            (scatter if picture.x else dots)(figure.add_subplot(), results, picture, rows)
        for axes in figure.axes:
            axes.grid(visible=True)
        if picture.lines:
            named = figure.axes[0].get_legend_handles_labels()
            figure.legend(*named, frameon=False, fontsize=8, loc="upper center", ncols=len(named[0]) or 1)
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.25 / height if picture.lines else 1))
        save(figure, path)


def dots(axes: Any, results: Results, picture: Picture, rows: Sequence[str]) -> None:
    """A line a row, from the top; in it several points, one below the other, where the picture has lines."""
    lines = picture.lines or (Line(picture.y, "", ""),)
    for number, line in enumerate(lines):
        shift = 0.24 * (number - (len(lines) - 1) / 2)
        named = line.label
        for place, name in enumerate(rows):
            found = results.figure(name, line.figure)
            if found is None:
                continue
            low, high = found.ci95 or (found.value, found.value)
            colour = COLOURS[line.colour] if line.colour else colour_of(results, name)
            axes.plot([low, high], [place + shift] * 2, color=colour)
            axes.plot(found.value, place + shift, "o", color=colour, label=named or None)
            axes.plot(found.seeds, [place + shift] * len(found.seeds), "|", color=MUTED)
            named = ""  # once in the legend
    chances = {f.chance for name in rows if (f := results.figure(name, picture.y)) and f.chance is not None}
    for chance in chances:
        axes.axvline(chance, color=MUTED, linestyle="--")
    axes.set_yticks(range(len(rows)), [label(results, name) for name in rows], color=INK)
    axes.set_ylim(max(1, len(rows)) - 0.5, -0.5)
    axes.set_xlabel(picture.y_label)


def curves(axes: Any, results: Results, picture: Picture, panel: Panel) -> None:
    """Every line of the picture along the arms of a panel, with intervals; chance dashed."""
    arms = sorted((x, name) for name, x in panel.arms.items() if results.has(name, picture.y))
    apart = 0.012 * (arms[-1][0] - arms[0][0])  # so that intervals do not hide each other
    for number, line in enumerate(picture.lines):
        shift, colour = apart * (number - (len(picture.lines) - 1) / 2), COLOURS[line.colour]
        points = [(x + shift, found) for x, name in arms if (found := results.figure(name, line.figure))]
        axes.plot(
            [x for x, _ in points], [f.value for _, f in points], "o-", color=colour, label=line.label, markersize=4
        )
        for x, found in points:
            axes.plot([x, x], found.ci95 or (found.value, found.value), color=colour, linewidth=0.8)
    for chance in {f.chance for _, name in arms if (f := results.figure(name, picture.y)) and f.chance is not None}:
        axes.axhline(chance, color=MUTED, linestyle="--", label="chance")
    ticks = [panel.clean if name == results.reference(name) else f"{x:g}" for x, name in arms]
    axes.set_xticks([x for x, _ in arms], ticks)
    axes.set_title(panel.title)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(picture.y_label)


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
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))  # no powers: formulae are not set here
        axes.xaxis.set_minor_formatter(NullFormatter())
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
