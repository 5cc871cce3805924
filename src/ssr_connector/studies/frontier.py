"""Gained against lost: what every row gains on the first one, what it loses where it fares worst, and who is ahead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import comb

from ssr_connector.studies.results import LEVEL, Difference, Results
from ssr_connector.studies.study import Frontier, Gain


@dataclass(frozen=True)
class Point:
    """A row's paired differences from the first row, both better when higher; the first row itself is at 0."""

    gain: Difference
    kept: Difference
    worst: str  # the figure that `kept` is of


NOTHING = Difference(0.0, (), None, 0)


def points(results: Results, frontier: Frontier, gain: Gain) -> dict[str, Point]:
    """Of all rows that can be paired with the first one in the gain and in something that is to be kept."""
    first = results.rows[0].name
    found = {}
    for row in results.rows:
        if row.name == first:
            found[first] = Point(NOTHING, NOTHING, "")
            continue
        gained = gained_on(results, row.name, first, gain)
        lost = worst(results, row.name, first, list(frontier.kept))
        if gained and lost:
            found[row.name] = Point(gained, lost[1], lost[0])
    return found


def gained_on(results: Results, name: str, other: str, gain: Gain) -> Difference | None:
    """The difference in a gain, positive where it is better."""
    change = results.difference(name, other, gain.figure)
    return change if change is None or gain.higher_is_better else negative(change)


def negative(change: Difference) -> Difference:
    """The same difference the other way round."""
    around = (-change.ci95[1], -change.ci95[0]) if change.ci95 else None
    return replace(change, value=-change.value, seeds=tuple(-s for s in change.seeds), ci95=around)


def worst(results: Results, name: str, other: str, figures: Sequence[str]) -> tuple[str, Difference] | None:
    """The figure that may have lost most: the one whose interval begins lowest."""
    changes = {figure: found for figure in figures if (found := results.difference(name, other, figure))}
    return min(changes.items(), key=lambda c: lower_bound(c[1])) if changes else None


def lower_bound(change: Difference) -> float:
    """Of the 95 % interval, where there is one."""
    return change.ci95[0] if change.ci95 else change.value


def ahead(values: Mapping[str, tuple[float, float]]) -> list[str]:
    """Who is on the frontier: nobody is as good in both and better in one. From the least gain to the most."""
    on = [name for name, mine in values.items() if not any(dominates(theirs, mine) for theirs in values.values())]
    return sorted(on, key=lambda name: values[name])


def dominates(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether a is as good as b in both, and better in one."""
    return a != b and a[0] >= b[0] and a[1] >= b[1]


def behind(results: Results, frontier: Frontier, gain: Gain, found: Mapping[str, Point]) -> list[str]:
    """Rows that a row of the frontier dominates and is told apart from, in the gain or in its own worst.

    Corrected for every pair of rows in every figure: which of them are compared, and in what, is up to the data.
    """
    from ssr_connector.evaluation.stats import holm

    means = means_of(found)
    tested: list[tuple[str, float]] = []
    for other, name in product(ahead(means), found):
        if dominates(means[other], means[name]):
            changes = {gain.figure: gained_on(results, other, name, gain)}
            if worst_of_it := found[name].worst:
                changes[worst_of_it] = results.difference(other, name, worst_of_it)
            for figure, change in changes.items():
                p = results.p_between(other, name, figure) if change and change.sign > 0 else None
                tested.append((name, 1.0 if p is None else p))
    untested = comb(len(found), 2) * (1 + len(frontier.kept)) - len(tested)
    corrected = holm([p for _, p in tested] + [1.0] * untested)
    beaten = {name for (name, _), p in zip(tested, corrected, strict=False) if p <= LEVEL}
    return [name for name in found if name in beaten]


def means_of(found: Mapping[str, Point]) -> dict[str, tuple[float, float]]:
    """What is gained and what is kept, without intervals."""
    return {name: (point.gain.value, point.kept.value) for name, point in found.items()}
