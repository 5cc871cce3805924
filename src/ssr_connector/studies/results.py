"""What came of a study: figures of every row over seeds and items, and paired differences between rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `ssr --help` lists the studies and does without numpy
    from ssr_connector.evaluation.stats import Estimate

ROUNDED = 9  # decimals of an item's difference
LEVEL = 0.05  # how often a family of comparisons may claim anything where nothing differs


@dataclass(frozen=True)
class Figure:
    """The mean over seeds, the lowest and the highest seed, and the 95 % interval over items of that mean."""

    value: float
    seeds: tuple[float, ...]
    ci95: tuple[float, float] | None
    n: int  # items; 0: it is not made of items
    unit: str = ""
    chance: float | None = None

    @property
    def above_chance(self) -> bool:
        """Whether the interval lies above what guessing scores."""
        return self.chance is not None and self.ci95 is not None and self.ci95[0] > self.chance


@dataclass(frozen=True)
class Difference:
    """Of two rows over the same items, as a mean over seeds."""

    value: float
    seeds: tuple[float, ...]
    ci95: tuple[float, float] | None
    n: int

    @property
    def sign(self) -> int:
        """1 or -1 where the interval leaves out 0 and every seed says the same, else 0: not told apart."""
        if self.ci95 is None or self.ci95[0] <= 0 <= self.ci95[1]:
            return 0
        side = 1 if self.value > 0 else -1
        return side if all(side * seed > 0 for seed in self.seeds) else 0


# A figure: `value`, `unit`; where it is of items `ids`, `sums`, `weights`, `clusters`, and their `world` among several.
Items = Mapping[str, Any]
Run = Mapping[str, Items]  # the figures of one seed


@dataclass(frozen=True)
class Row:
    """An arm, or what stands beside the arms, with its runs, one a seed."""

    name: str
    title: str
    table: str
    runs: Sequence[Run]


BESIDE = "beside"  # the table of rows that stand below every table


class Results:
    """The rows of a study."""

    def __init__(self, rows: Sequence[Row], resamples: int) -> None:
        self.rows, self.resamples = rows, resamples
        self._figures: dict[tuple[str, str], Figure | None] = {}
        self._differences: dict[tuple[str, str, str], Difference | None] = {}

    def reference(self, name: str) -> str:
        """What a row is compared with: the first row of its table; for one beside the tables, the first of all."""
        table = self.row(name).table
        return self.rows[0].name if table == BESIDE else next(row.name for row in self.rows if row.table == table)

    def row(self, name: str) -> Row:
        """The row of that name. Raises KeyError where there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def has(self, name: str, figure: str) -> bool:
        """Whether there is such a row, and it has the figure."""
        return any(row.name == name for row in self.rows) and self.figure(name, figure) is not None

    def figure(self, name: str, figure: str) -> Figure | None:
        """A figure of a row; None where the row has none."""
        key = name, figure
        if key not in self._figures:
            runs = [run[figure] for run in self.row(name).runs if figure in run]
            self._figures[key] = over_seeds(runs, self.resamples) if runs else None
        return self._figures[key]

    def value(self, name: str, figure: str) -> float:
        """Its mean. Raises KeyError where the row has none."""
        found = self.figure(name, figure)
        if found is None:
            raise KeyError(f"{name} has no {figure}")
        return found.value

    def difference(self, name: str, other: str, figure: str) -> Difference | None:
        """Of a row from another, over the items of both; None where one has no items of that figure."""
        key = name, other, figure
        if key not in self._differences:
            runs = zip(self.row(name).runs, self.row(other).runs, strict=False)
            self._differences[key] = self._over([(a.get(figure), b.get(figure)) for a, b in runs])
        return self._differences[key]

    def within(self, name: str, figure: str, other: str) -> Difference | None:
        """Of a row's figure from another figure of the same row, over the items of both."""
        return self._over([(run.get(figure), run.get(other)) for run in self.row(name).runs])

    def p_within(self, name: str, figure: str, other: str) -> float | None:
        """How often chance alone would make so large a difference: the sign-flip test over the same items."""
        return p_of([(run.get(figure), run.get(other)) for run in self.row(name).runs])

    def p_between(self, name: str, other: str, figure: str) -> float | None:
        """The same of two rows; None where they share no items of that figure."""
        runs = zip(self.row(name).runs, self.row(other).runs, strict=False)
        return p_of([(a.get(figure), b.get(figure)) for a, b in runs])

    def p_among(self, names: Iterable[str], figure: str) -> dict[frozenset[str], float]:
        """Of all pairs of these rows that can be compared, corrected for their number: whichever the data picks."""
        from ssr_connector.evaluation.stats import holm

        pairs = combinations([name for name in names if self.has(name, figure)], 2)
        found = {frozenset(pair): p for pair in pairs if (p := self.p_between(*pair, figure)) is not None}
        return dict(zip(found, holm(list(found.values())), strict=True))

    def growth(self, name: str, reference: str, figure: str, other: str) -> Difference | None:
        """By how much a row's figure has grown more than another one has, since a reference row: over common items."""
        margins = []
        for now, then in zip(self.row(name).runs, self.row(reference).runs, strict=False):
            pairs = paired(now.get(figure), now.get(other)), paired(then.get(figure), then.get(other))
            margins.append(tuple(item_changes(*pair) if pair else None for pair in pairs))
        return self._over(margins)

    def _over(self, pairs: Sequence[tuple[Items | None, ...]]) -> Difference | None:
        found = [pair for a, b in pairs if (pair := paired(a, b))]
        return over_pairs(found, self.resamples) if found else None

    def best(self, names: Iterable[str], figure: str, least: bool = False) -> str | None:
        """The row with the highest (or least) value among those that have the figure."""
        having = [name for name in names if self.has(name, figure)]
        pick = min if least else max
        return pick(having, key=lambda name: self.value(name, figure)) if having else None

    def to_dict(self) -> list[dict[str, Any]]:
        """The rows as plain values, with the differences from their references."""
        out = []
        for row in self.rows:
            names = list(dict.fromkeys(figure for run in row.runs for figure in run))
            figures = {name: found for name in names if (found := self.figure(row.name, name))}
            other = self.reference(row.name)
            changes = {name: change for name in names if (change := self.difference(row.name, other, name))}
            out.append(
                {
                    "name": row.name,
                    "title": row.title,
                    "table": row.table,
                    "figures": {name: vars(found) for name, found in figures.items()},
                    "reference": other,
                    "minus_reference": {name: vars(change) | {"sign": change.sign} for name, change in changes.items()},
                }
            )
        return out


def over_seeds(runs: Sequence[Mapping[str, Any]], resamples: int) -> Figure:
    """The figure of several seeds; items are averaged over the seeds that have them before they are drawn."""
    values = tuple(float(run["value"]) for run in runs)
    about = {"unit": runs[0].get("unit", ""), "chance": runs[0].get("chance")}
    value = sum(values) / len(values)
    if not all("ids" in run for run in runs):
        ci = runs[0].get("ci95") if len(runs) == 1 else None
        return Figure(value, values, (ci[0], ci[1]) if ci else None, int(runs[0].get("n") or 0), **about)
    items = averaged(runs)
    estimate = clustered(items, resamples)
    return Figure(value, values, estimate.ci95, len(items), **about)


def over_pairs(pairs: Sequence[tuple[Items, Items]], resamples: int) -> Difference:
    """The same of differences over the items that both runs of every seed have."""
    changes = [item_changes(a, b) for a, b in pairs]
    seeds = tuple(sum(c["sums"]) / len(c["sums"]) for c in changes)
    items = averaged(changes)
    return Difference(sum(seeds) / len(seeds), seeds, clustered(items, resamples).ci95, len(items))


def p_of(pairs: Sequence[tuple[Items | None, Items | None]]) -> float | None:
    """Of the sign-flip test on the changes of items, as means over the seeds; None where no seed has common items."""
    from ssr_connector.evaluation.stats import sign_flip_p

    changes = [item_changes(*found) for a, b in pairs if (found := paired(a, b))]
    if not changes:
        return None
    sums: dict[str, float] = {}
    for total, _, cluster in averaged(changes):  # flipped together
        sums[cluster] = sums.get(cluster, 0.0) + total
    return sign_flip_p(list(sums.values()))


def paired(a: Items | None, b: Items | None) -> tuple[Items, Items] | None:
    """Two figures that have items in common."""
    return (a, b) if a and b and set(a.get("ids", ())) & set(b.get("ids", ())) else None


def item_changes(a: Items, b: Items) -> dict[str, Any]:
    """What each common item adds to the difference of two ratios Σ sums / Σ weights, to first order; mean: the whole.

    Weights may differ: where tokens are merged, there are fewer of them.
    """
    ours, theirs = by_id(a), by_id(b)
    common = [key for key in ours if key in theirs]
    whole = 0.0
    sums = [0.0] * len(common)
    for table, side in ((ours, 1), (theirs, -1)):
        weight = sum(table[key][1] for key in common)
        ratio = sum(table[key][0] for key in common) / weight
        whole += side * ratio
        for k, key in enumerate(common):
            sums[k] += side * (table[key][0] - ratio * table[key][1]) * len(common) / weight
    clusters = [ours[key][2] for key in common]
    changes = [round(whole + s, ROUNDED) for s in sums]  # no difference is to be none, and not 1e-15
    found = {"ids": common, "sums": changes, "weights": [1.0] * len(common), "clusters": clusters}
    return found | of_world(a)


def of_world(run: Items) -> dict[str, str]:
    """Whose items they are, where that is said."""
    return {"world": run["world"]} if "world" in run else {}


def mean_of(run: Run, names: Sequence[str]) -> dict[str, Any] | None:
    """A figure of the items of several figures, each figure counting the same; None where the run lacks one.

    What an item of one figure shares with an item of another, its cluster, is drawn with it.
    """
    if any("ids" not in run.get(name, {}) for name in names):
        return None
    parts = [run[name] for name in names]
    found: dict[str, list[Any]] = {"ids": [], "sums": [], "weights": [], "clusters": []}
    for name, part in zip(names, parts, strict=True):
        share = 1 / sum(part["weights"])
        for key, (total, weight, cluster) in by_id(part).items():
            item = f"{name} {key}", share * total, share * weight, cluster
            for column, value in zip(found.values(), item, strict=True):
                column.append(value)
    mean_of_all = {key: sum(part[key] for part in parts) / len(parts) for key in ("value", "chance")}
    return {**found, **mean_of_all, "unit": parts[0]["unit"], **of_world(parts[0])}


Item = tuple[float, float, str]  # sum, weight, cluster


def by_id(run: Mapping[str, Any]) -> dict[str, Item]:
    """The items of a run; those without clusters stand alone."""
    clusters = run.get("clusters") or run["ids"]
    return dict(zip(run["ids"], zip(run["sums"], run["weights"], clusters, strict=True), strict=True))


def averaged(runs: Sequence[Items]) -> list[Item]:
    """The items that all runs of a world have, as means over these; of all worlds, each of which counts the same."""
    worlds: dict[str, list[Items]] = {}
    for run in runs:
        worlds.setdefault(run.get("world", ""), []).append(run)
    if len(worlds) == 1:
        return averaged_in_world(runs)
    found: list[Item] = []
    for world, of_it in worlds.items():
        items = averaged_in_world(of_it)
        whole = sum(weight for _, weight, _ in items)
        found += [(total / whole, weight / whole, f"{world} {cluster}") for total, weight, cluster in items]
    return found


def averaged_in_world(runs: Sequence[Items]) -> list[Item]:
    """Of one world."""
    tables = [by_id(run) for run in runs]
    common = [key for key in tables[0] if all(key in table for table in tables)]
    n = len(tables)
    return [
        (sum(t[key][0] for t in tables) / n, sum(t[key][1] for t in tables) / n, tables[0][key][2]) for key in common
    ]


def clustered(items: Sequence[Item], resamples: int) -> "Estimate":
    """Σ sums / Σ weights, by drawing whole clusters."""
    from ssr_connector.evaluation.stats import clustered_ratio

    sums, weights, clusters = zip(*items, strict=True)
    return clustered_ratio(sums, clusters, resamples, weights)
