"""Figures over seeds and items, and paired differences."""

import numpy as np
import pytest

from ssr_connector.studies.results import BESIDE, Difference, Results, Row, mean_of, over_seeds

RATIO = {"value": 0.5, "ids": ["a", "b"], "sums": [1.0, 2.0], "weights": [2.0, 4.0]}


def results_of(*runs_of_rows):
    return Results([Row(f"r{k}", f"R{k}", "", runs) for k, runs in enumerate(runs_of_rows)], 200)


def figure(sums, weights=None, **more):
    weights = weights or [1.0] * len(sums)
    ids = [f"i{k}" for k in range(len(sums))]
    return {"x": {"value": sum(sums) / sum(weights), "ids": ids, "sums": sums, "weights": weights, **more}}


def test_the_mean_over_seeds_with_its_spread_and_items():
    results = results_of([figure([1.0, 0.0, 1.0, 0.0]), figure([1.0, 1.0, 1.0, 1.0])])
    found = results.figure("r0", "x")
    assert (found.value, found.seeds, found.n) == (0.75, (0.5, 1.0), 4)
    assert 0.5 <= found.ci95[0] < 0.75 < found.ci95[1] <= 1.0


def in_world(name, run):
    return {figure: {**items, "world": name} for figure, items in run.items()}


def test_items_of_other_worlds_are_other_items_and_every_world_counts_the_same():
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, 2, n).astype(float).tolist() for n in (400, 400, 100)]
    one = results_of([figure(draws[0])]).figure("r0", "x")
    runs = [in_world(f"w{k}", figure(sums)) for k, sums in enumerate(draws)]
    found = results_of(runs[:2]).figure("r0", "x")
    assert found.n == 800
    width = (found.ci95[1] - found.ci95[0]) / (one.ci95[1] - one.ci95[0])
    assert width == pytest.approx(0.5**0.5, abs=0.1)
    unequal = results_of(runs).figure("r0", "x")
    assert unequal.value == pytest.approx(np.mean([np.mean(sums) for sums in draws]))
    variance = sum(np.var(sums) / len(sums) for sums in draws) / 9
    assert unequal.ci95 == pytest.approx(
        (unequal.value - 1.96 * variance**0.5, unequal.value + 1.96 * variance**0.5), abs=0.02
    )


def test_a_difference_over_worlds_pairs_the_items_of_each():
    ours = [in_world("w0", figure([1.0, 1.0, 0.0])), in_world("w1", figure([0.0, 0.0, 1.0]))]
    theirs = [in_world("w0", figure([0.0, 0.0, -1.0])), in_world("w1", figure([-1.0, -1.0, 0.0]))]
    change = results_of(ours, theirs).difference("r0", "r1", "x")
    assert (change.value, change.seeds, change.ci95, change.n) == (1.0, (1.0, 1.0), (1.0, 1.0), 6)


def test_a_ratio_is_not_the_mean_of_ratios():
    results = results_of([figure([1.0, 9.0], [1.0, 3.0])], [figure([1.0, 5.0], [1.0, 3.0])])
    assert results.value("r0", "x") == 2.5
    assert results.difference("r0", "r1", "x").value == 1.0


def test_fewer_tokens_of_the_same_closeness_are_no_difference():
    many, few = figure([2.0, 4.0, 1.0], [4.0, 8.0, 2.0]), figure([1.0, 3.0, 0.5], [2.0, 6.0, 1.0])
    change = results_of([few], [many]).difference("r0", "r1", "x")
    assert change.value == pytest.approx(0)
    assert change.ci95 == pytest.approx((0, 0))


def test_differences_are_over_the_items_of_both():
    ours = {"x": {"value": 1.0, "ids": ["a", "b", "c"], "sums": [1.0, 1.0, 9.0], "weights": [1.0] * 3}}
    theirs = {"x": {"value": 0.5, "ids": ["b", "a", "z"], "sums": [0.0, 0.5, 7.0], "weights": [1.0] * 3}}
    change = results_of([ours], [theirs]).difference("r0", "r1", "x")
    assert (change.value, change.n) == (0.75, 2)


def test_items_of_one_cluster_are_drawn_together():
    together = results_of([figure([1.0, 1.0, 0.0, 0.0] * 10, clusters=["a", "a", "b", "b"] * 10)])
    alone = results_of([figure([1.0, 1.0, 0.0, 0.0] * 10)])
    width = [r.figure("r0", "x").ci95[1] - r.figure("r0", "x").ci95[0] for r in (together, alone)]
    assert width[0] > 2 * width[1]


def test_what_is_not_of_items_has_no_interval_but_its_own():
    runs = [{"value": 3.0, "ci95": [2.0, 4.0], "n": 7}]
    assert over_seeds(runs, 100).ci95 == (2.0, 4.0)
    assert over_seeds(runs * 2, 100).ci95 is None
    results = results_of([{"steps": {"value": 5}}], [{"steps": {"value": 6}}])
    assert results.difference("r0", "r1", "steps") is None


@pytest.mark.parametrize(
    ("ci95", "seeds", "sign"),
    [
        ((0.1, 2.0), (1.0, 1.1), 1),
        ((-2.0, -0.1), (-1.0, -1.1), -1),
        ((-0.1, 2.0), (1.0, 1.1), 0),
        ((0.0, 2.0), (1.0, 1.1), 0),
        ((0.1, 2.0), (2.4, -0.2), 0),  # the items agree, the seeds do not
        (None, (1.0,), 0),
    ],
)
def test_rows_are_told_apart_by_items_and_by_every_seed(ci95, seeds, sign):
    assert Difference(sum(seeds) / len(seeds), seeds, ci95, 100).sign == sign


def test_the_best_row_of_those_that_have_the_figure():
    results = results_of([figure([1.0])], [figure([3.0])], [{}])
    assert results.best(["r0", "r1", "r2"], "x") == "r1"
    assert results.best(["r0", "r1", "r2"], "x", least=True) == "r0"
    assert results.best(["r2"], "x") is None


def test_a_row_is_compared_with_the_first_of_its_own_table():
    rows = [Row(name, name, table, [figure([1.0])]) for name, table in (("a", "x"), ("b", "x"), ("c", "y"), ("d", "y"))]
    results = Results([*rows, Row("e", "e", BESIDE, [figure([1.0])])], 50)
    assert [results.reference(name) for name in "abcde"] == ["a", "a", "c", "c", "a"]
    assert [row["reference"] for row in results.to_dict()] == ["a", "a", "c", "c", "a"]


def test_the_mean_of_tasks_counts_every_task_the_same_whatever_its_items():
    few = {"value": 100.0, "unit": "%", "chance": 50.0, "ids": ["a"], "sums": [100.0], "weights": [1.0]}
    many = {"value": 25.0, "unit": "%", "chance": 25.0, "ids": list("abcd"), "sums": [0, 0, 0, 100.0]}
    many["weights"] = [1.0] * 4
    run = {"few": few, "many": many}
    found = mean_of(run, ["few", "many"])
    assert (found["value"], found["chance"], found["unit"]) == (62.5, 37.5, "%")
    assert sum(found["sums"]) / sum(found["weights"]) == pytest.approx(62.5)
    assert len(set(found["ids"])) == 5
    assert found["clusters"] == ["a", "a", "b", "c", "d"]  # an item of both tasks is drawn once for both
    worse = {"x": {**found}, "y": mean_of(run | {"many": {**many, "sums": [0.0] * 4, "value": 0.0}}, ["few", "many"])}
    results = results_of([{"x": worse["x"]}], [{"x": worse["y"]}])
    assert results.difference("r0", "r1", "x").value == pytest.approx(12.5)
    assert mean_of(run, ["few", "other"]) is None


def test_no_difference_is_none_and_not_rounding():
    """One item of twelve differs: a draw without it has a difference of exactly 0."""
    a = {"ids": list("abcdefghijkl"), "sums": [100.0] * 5 + [0.0] * 7, "weights": [1.0] * 12, "value": 41.7}
    b = a | {"sums": [100.0] * 4 + [0.0] * 8, "value": 33.3}
    change = results_of([{"x": a}], [{"x": b}]).difference("r0", "r1", "x")
    assert change.ci95[0] == 0
    assert change.sign == 0


def test_two_figures_of_one_row_and_what_becomes_of_their_difference():
    def run(x, y):
        return {**figure(x), "y": figure(y)["x"]}

    clean = [run([1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]), run([1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0])]
    noisy = [run([1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]), run([1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0])]
    results = results_of(clean, noisy)
    assert (results.within("r0", "x", "y").value, results.within("r0", "x", "y").seeds) == (0.25, (0.25, 0.25))
    assert (results.within("r1", "x", "y").value, results.within("r1", "x", "y").n) == (0.5, 4)
    assert (results.growth("r1", "r0", "x", "y").value, results.growth("r1", "r0", "x", "y").seeds) == (
        0.25,
        (0.25, 0.25),
    )
    assert results.growth("r0", "r0", "x", "y").ci95 == (0, 0)
    assert results.p_within("r1", "x", "y") == pytest.approx(0.25, abs=0.02)  # three items of one sign: 2 / 2³
    for absent in (
        results.within("r0", "x", "z"),
        results.growth("r1", "r0", "x", "z"),
        results.p_within("r0", "x", "z"),
    ):
        assert absent is None
