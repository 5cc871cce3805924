"""Means with 95 % intervals: bootstrap over items, and paired differences over the same items.

Items that share something that could make them right or wrong together (a question asked with other options, the
words of one utterance) are drawn together, as clusters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BLOCK = 1_000_000  # draws at once
MANY_SPEAKERS = 20  # with fewer, intervals over speakers say nothing; voices are shown singly


@dataclass(frozen=True)
class Estimate:
    """A mean, how many items it is over, and its 95 % interval (None for fewer than two items)."""

    value: float
    n: int
    ci95: tuple[float, float] | None

    def scaled(self, factor: float) -> "Estimate":
        """In other units."""
        ci = None if self.ci95 is None else (self.ci95[0] * factor, self.ci95[1] * factor)
        return Estimate(self.value * factor, self.n, ci)


def mean(values: Sequence[float], resamples: int, weights: Sequence[float] | None = None) -> Estimate:
    """Mean, or with `weights` the ratio Σ values / Σ weights (as word error rates are), by the percentile bootstrap."""
    x = np.asarray(values, float)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, float)
    if not len(x) or w.sum() == 0:
        raise ValueError("the mean of no items")
    value = float(x.sum() / w.sum())
    if len(x) < 2:
        return Estimate(value, len(x), None)
    rng = np.random.default_rng(0)
    draws: list[float] = []
    while len(draws) < resamples:  # in blocks, so that many items take no gigabytes
        block = min(resamples - len(draws), max(1, BLOCK // len(x)))
        chosen = rng.integers(0, len(x), (block, len(x)))
        totals = w[chosen].sum(1)
        draws += list(np.where(totals > 0, x[chosen].sum(1) / np.where(totals > 0, totals, 1), value))
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(value, len(x), (float(low), float(high)))


def by_speaker(speakers: Sequence[str], otherwise: Sequence[str]) -> list[str]:
    """What is drawn together for intervals: a speaker's items where enough speak, else what stands at `otherwise`."""
    if len(set(speakers) - {""}) < MANY_SPEAKERS:
        return list(otherwise)
    return [speaker or other for speaker, other in zip(speakers, otherwise, strict=True)]


def clustered_ratio(
    sums: Sequence[float], clusters: Sequence[str], resamples: int, weights: Sequence[float] | None = None
) -> Estimate:
    """Σ sums / Σ weights over items, its interval by drawing whole clusters; `n` is the number of items."""
    above: dict[str, float] = {}
    below: dict[str, float] = {}
    shares = [1.0] * len(sums) if weights is None else weights
    for value, cluster, share in zip(sums, clusters, shares, strict=True):
        above[cluster] = above.get(cluster, 0.0) + value
        below[cluster] = below.get(cluster, 0.0) + share
    estimate = mean(list(above.values()), resamples, list(below.values()))
    return Estimate(estimate.value, len(sums), estimate.ci95)


def clustered_mean(
    values: Sequence[float], clusters: Sequence[str], resamples: int, weights: Sequence[float] | None = None
) -> Estimate:
    """Mean over items, its interval by drawing whole clusters; `n` is the number of items, or the sum of `weights`."""
    shares = [1.0] * len(values) if weights is None else weights
    sums = [share * value for value, share in zip(values, shares, strict=True)]
    estimate = clustered_ratio(sums, clusters, resamples, shares)
    return Estimate(estimate.value, round(sum(shares)), estimate.ci95)


def clustered_median(groups: Sequence[Sequence[float]], resamples: int) -> Estimate:
    """Median over the values of all groups, its interval by drawing whole groups."""
    rows = [np.asarray(g, float) for g in groups]
    everything = np.concatenate(rows)
    rng = np.random.default_rng(0)
    chosen = [rng.integers(0, len(rows), len(rows)) for _ in range(resamples if len(rows) > 1 else 0)]
    draws = [np.median(np.concatenate([rows[i] for i in some])) for some in chosen]
    ci = None if not draws else tuple(float(x) for x in np.percentile(draws, [2.5, 97.5]))
    return Estimate(float(np.median(everything)), len(everything), (ci[0], ci[1]) if ci else None)


def sign_flip_p(differences: Sequence[float], draws: int = 20_000) -> float:
    """How often differences of random signs have a sum as far from 0: the two-sided permutation test of pairs.

    Pairs without a difference say nothing either way. Where Hoeffding's bound is below what that many draws can show,
    it is the answer: many comparisons need small p-values.
    """
    x = np.asarray([d for d in differences if d], float)
    if not len(x):
        return 1.0
    bound = float(2 * np.exp(-(x.sum() ** 2) / (2 * (x**2).sum())))
    if bound < 1 / (draws + 1):
        return bound
    rng = np.random.default_rng(0)
    far, done, limit = 0, 0, abs(x.sum()) - 1e-9 * np.abs(x).sum()
    while done < draws:
        block = min(draws - done, max(1, BLOCK // len(x)))
        signs = rng.integers(0, 2, (block, len(x)), dtype=np.int8) * 2.0 - 1
        far += int((np.abs(signs @ x) >= limit).sum())
        done += block
    return (far + 1) / (draws + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values of one family corrected for their number, so that any false claim among them is as rare as one alone."""
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    corrected, highest = [1.0] * len(p_values), 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[k]))
        corrected[k] = highest
    return corrected


def paired_difference(
    after: Sequence[float],
    before: Sequence[float],
    resamples: int,
    clusters: Sequence[str] | None = None,
    weights: Sequence[float] | None = None,
) -> Estimate:
    """Mean of after − before over the same items. Raises ValueError where they are not the same number."""
    if len(after) != len(before):
        raise ValueError(f"{len(after)} and {len(before)} items cannot be paired")
    changes = [a - b for a, b in zip(after, before, strict=True)]
    return mean(changes, resamples) if clusters is None else clustered_mean(changes, clusters, resamples, weights)
