"""Means with 95 % intervals: bootstrap over items, and paired differences over the same items."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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
    draws = np.empty(resamples)
    for k in range(resamples):
        chosen = rng.integers(0, len(x), len(x))
        total = w[chosen].sum()
        draws[k] = x[chosen].sum() / total if total else value
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(value, len(x), (float(low), float(high)))


def paired_difference(after: Sequence[float], before: Sequence[float], resamples: int) -> Estimate:
    """Mean of after − before over the same items. Raises ValueError where they are not the same number."""
    if len(after) != len(before):
        raise ValueError(f"{len(after)} and {len(before)} items cannot be paired")
    return mean([a - b for a, b in zip(after, before, strict=True)], resamples)
