"""Planted results of studies."""

import numpy as np
import pytest

from ssr_connector.studies.results import BESIDE, Results, Row


def task(correct, chance=50.0):
    """A figure of a task: right or wrong, item by item."""
    ids = [f"i{k}" for k in range(len(correct))]
    sums = [100.0 * x for x in correct]
    figure = {"value": sum(sums) / len(sums), "unit": "%", "chance": chance, "ids": ids, "sums": sums}
    return {**figure, "weights": [1.0] * len(ids), "clusters": ids}


def draws(right, n, seed):
    """`n` items of which this share is right, in an order of its own."""
    return np.random.default_rng(seed).permutation([1.0] * round(right * n) + [0.0] * (n - round(right * n))).tolist()


@pytest.fixture
def planted():
    """Results in which row NAME is right on this share of 400 items, the same share for every figure."""

    def make(shares, figures, n=400, seeds=2, beside=()):
        rows = []
        for k, (name, share) in enumerate(shares.items()):
            runs = [{figure: task(draws(share, n, 100 * seed + k)) for figure in figures} for seed in range(seeds)]
            rows.append(Row(name, name, BESIDE if name in beside else "", runs))
        return Results(rows, 300)

    return make
