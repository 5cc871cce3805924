"""Who is ahead, and who is surely not."""

import numpy as np
import pytest

from ssr_connector.studies.frontier import ahead, behind, negative, points, worst
from ssr_connector.studies.results import Difference, Results, Row
from ssr_connector.studies.study import Frontier, Gain

TASK, ERRORS = Gain("x", "X"), Gain("wer", "WER", higher_is_better=False)
FRONTIER = Frontier((TASK, ERRORS), {"t": "T", "u": "U"}, "kept")


@pytest.mark.parametrize(
    ("values", "on"),
    [
        ({"a": (0, 0)}, ["a"]),
        ({"a": (0, 0), "b": (1, -1), "c": (2, -3)}, ["a", "b", "c"]),
        ({"c": (2, -3), "a": (0, 0), "b": (1, -3), "d": (2, -4)}, ["a", "c"]),
        ({"a": (0, 0), "b": (1, 0), "c": (-1, 1)}, ["c", "b"]),
        ({"a": (1, 1), "b": (1, 1)}, ["a", "b"]),
    ],
)
def test_nobody_on_the_frontier_is_matched_in_both_and_beaten_in_one(values, on):
    assert ahead(values) == on


def test_the_first_row_stands_at_nothing_and_the_others_at_what_they_gain_and_lose(planted):
    results = planted({"first": 0.5, "up": 0.8}, ["x", "t", "u"])
    found = points(results, FRONTIER, TASK)
    assert (found["first"].gain.value, found["first"].kept.value) == (0, 0)
    assert found["up"].gain.value == pytest.approx(30)
    assert found["up"].kept.value == pytest.approx(30)
    assert points(results, FRONTIER, ERRORS).keys() == {"first"}  # nobody has the figure


def test_fewer_errors_are_a_gain(planted):
    results = planted({"first": 0.8, "better": 0.5}, ["wer", "t"])
    gain = points(results, FRONTIER, ERRORS)["better"].gain
    assert gain.value == pytest.approx(30)
    assert gain.ci95[0] < 30 < gain.ci95[1]
    assert gain.sign == 1


def test_turned_round_the_interval_still_begins_below():
    assert negative(Difference(2.0, (1.0, 3.0), (-1.0, 5.0), 9)) == Difference(-2.0, (-1.0, -3.0), (-5.0, 1.0), 9)


def test_the_worst_is_what_may_have_lost_most(planted):
    results = planted({"first": 0.6, "after": 0.6}, ["t", "u"])
    for run in results.row("after").runs:
        run["u"] = {**run["u"], "sums": [0.0] * len(run["u"]["ids"])}
    assert worst(results, "after", "first", ["t", "u"])[0] == "u"
    assert worst(results, "after", "first", ["v"]) is None


def test_behind_is_only_who_is_told_apart(planted):
    def of(**shares):
        results = planted({"first": 0.5, **shares}, ["x", "t"])
        return behind(results, FRONTIER, TASK, points(results, FRONTIER, TASK))

    assert of(good=0.9, bad=0.6) == ["first", "bad"]
    assert of(good=0.51, level=0.505) == []


def test_of_many_that_are_the_same_hardly_ever_is_one_behind():
    def drawn(trial, arm, n=60):
        sums = (100.0 * (np.random.default_rng([trial, arm]).random(n) < 0.7)).tolist()
        return {"value": sum(sums) / n, "ids": [f"i{k}" for k in range(n)], "sums": sums, "weights": [1.0] * n}

    claims, trials = 0, 40
    for trial in range(trials):
        runs = [{figure: drawn(trial, 10 * arm + f) for f, figure in enumerate("xtu")} for arm in range(5)]
        results = Results([Row(f"r{k}", f"r{k}", "", [run]) for k, run in enumerate(runs)], 200)
        claims += bool(behind(results, FRONTIER, TASK, points(results, FRONTIER, TASK)))
    assert claims <= 0.05 * trials
