"""Sentences that a study's figures bear out: a difference whose interval holds 0 is called none."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ssr_connector.evaluation.findings import FEW_ITEMS
from ssr_connector.evaluation.labels import capital, interval, number
from ssr_connector.studies.results import LEVEL

if TYPE_CHECKING:
    from ssr_connector.studies.results import Difference, Results

UNCORRECTED = " (by uncorrected 95 % intervals)"  # ends a list of what is told apart


def compared(results: "Results", name: str, other: str, figure: str, what: str, higher_is_better: bool = True) -> str:
    """`A is better than B in WHAT, by 3.2 points (uncorrected 95 % interval 1.0 to 5.4)`, or is not told apart."""
    a, b = capital(results.row(name).title), results.row(other).title
    change = results.difference(name, other, figure)
    found = results.figure(name, figure)
    if change is None or found is None:
        return f"{a} and {b} were not compared in {what}: they share no items."
    unit = "points" if found.unit == "%" else found.unit
    around = margin_of(change, unit)
    if change.sign == 0:
        return f"{a} and {b} are not told apart in {what}{around}."
    better = (change.sign > 0) == higher_is_better
    by = f"{number(abs(change.value), unit)} {unit}".rstrip()
    return f"{a} is {'better' if better else 'worse'} than {b} in {what}, by {by}{around}."


def margin_of(change: "Difference", unit: str) -> str:
    """In brackets: the difference, its interval, and what the seeds say where they do not agree."""
    parts = [f"difference {number(change.value, unit)}"]
    if change.ci95:
        parts.append(f"uncorrected 95 % interval {interval(change.ci95, unit)}")
    parts.append(f"n = {change.n}")
    if len(change.seeds) > 1 and min(change.seeds) <= 0 <= max(change.seeds):
        parts.append("seeds disagree")
    return f" ({', '.join(parts)})"


def margin(results: "Results", name: str, rivals: Sequence[str], figure: str, what: str) -> str:
    """A margin over the best of the rivals, claimed only where that one is itself above chance."""
    best = results.best(rivals, figure)
    if best is None:
        return f"No rival was scored in {what}."
    theirs = results.figure(best, figure)
    sentence = compared(results, name, best, figure, what)
    if theirs is not None and theirs.above_chance:
        return f"The best baseline in {what} is {results.row(best).title}. {sentence}"
    chance = (
        ""
        if theirs is None or theirs.chance is None
        else f" ({number(theirs.value)} %, chance {number(theirs.chance)} %)"
    )
    return f"No margin is claimed in {what}: its best baseline, {results.row(best).title}, is not above chance{chance}."


def extreme(results: "Results", names: Sequence[str], figure: str, what: str, least: bool = False) -> str:
    """Which row is best, and which others are not told apart from it, corrected for all pairs: data picks the best."""
    best = results.best(names, figure, least)
    if best is None:
        return f"Nothing was measured in {what}."
    corrected = results.p_among(names, figure)
    beaten: list[str] = []
    level: list[str] = []
    for name in names:
        if name != best and results.has(name, figure):
            change = results.difference(best, name, figure)
            ahead = change is not None and change.sign == (-1 if least else 1)
            surely = ahead and corrected[frozenset((best, name))] <= LEVEL
            (beaten if surely else level).append(results.row(name).title)
    title = results.row(best).title
    if not beaten and not level:
        return f"{capital(title)} alone was measured in {what}."
    if not beaten:
        return f"No arm is told apart from {title}, whose mean in {what} is the best."
    rest = f"; not told apart from it: {listed(level)}" if level else ""
    return f"{capital(title)} has the best mean in {what}, told apart from {listed(beaten)}{rest}."


def caution(results: "Results", figures: Sequence[str]) -> list[str]:
    """What to be careful about, where any of these figures is over few items."""
    found = [results.figure(row.name, figure) for row in results.rows for figure in figures]
    counts = [figure.n for figure in found if figure and figure.n]
    if not counts or min(counts) >= FEW_ITEMS:
        return []
    return [
        f"Careful: some figures are over as few as {min(counts)} items, and intervals over so few are too narrow: "
        "what follows shows that the study works, not what it finds."
    ]


def listed(titles: Sequence[str]) -> str:
    """With semicolons between titles that have commas of their own."""
    comma = "; " if any("," in title for title in titles) else ", "
    return comma.join(titles)
