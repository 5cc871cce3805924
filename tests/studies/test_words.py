"""Sentences say no more than intervals do."""

import numpy as np
import pytest

from ssr_connector.studies.results import Results, Row
from ssr_connector.studies.words import caution, compared, extreme, margin

X = ("x",)


def test_a_clear_difference_is_said_with_its_direction(planted):
    results = planted({"a": 0.9, "b": 0.6}, X)
    assert "A is better than b in W, by 30.0 points (difference 30.0, uncorrected 95 % interval" in compared(
        results, "a", "b", "x", "W"
    )
    assert "B is worse than a in W, by 30.0 points" in compared(results, "b", "a", "x", "W")
    assert "A is worse than b" in compared(results, "a", "b", "x", "W", higher_is_better=False)


def test_no_difference_is_made_of_noise(planted):
    results = planted({"a": 0.62, "b": 0.60}, X)
    sentence = compared(results, "a", "b", "x", "W")
    assert "A and b are not told apart in W" in sentence
    assert "better" not in sentence


def test_a_margin_needs_a_baseline_above_chance(planted):
    results = planted({"ours": 0.9, "weak": 0.52, "weaker": 0.48}, X)
    sentence = margin(results, "ours", ["weak", "weaker"], "x", "W")
    assert (
        sentence == "No margin is claimed in W: its best baseline, weak, is not above chance (52.0 %, chance 50.0 %)."
    )
    results = planted({"ours": 0.9, "good": 0.7, "weak": 0.5}, X)
    sentence = margin(results, "ours", ["weak", "good"], "x", "W")
    assert "The best baseline in W is good." in sentence
    assert "Ours is better than good" in sentence
    assert "weak" not in sentence


def test_a_baseline_that_wins_is_said_to(planted):
    results = planted({"ours": 0.6, "good": 0.9}, X)
    assert "Ours is worse than good in W" in margin(results, "ours", ["good"], "x", "W")


def test_the_best_is_told_apart_only_from_those_it_beats(planted):
    results = planted({"a": 0.9, "b": 0.89, "c": 0.5}, X)
    assert extreme(results, ["a", "b", "c"], "x", "W") == (
        "A has the best mean in W, told apart from c; not told apart from it: b."
    )
    level = planted({"a": 0.62, "b": 0.60}, X)
    assert extreme(level, ["a", "b"], "x", "W") == "No arm is told apart from a, whose mean in W is the best."
    least = planted({"a": 0.9, "b": 0.2}, X)
    assert extreme(least, ["a", "b"], "x", "W", least=True).startswith("B has the best mean in W, told apart from a")


@pytest.fixture
def drawn():
    """Arms whose items are right by independent draws, each with this probability."""

    def make(probabilities, trial, n=60):
        rows = []
        for k, p in enumerate(probabilities):
            sums = (100.0 * (np.random.default_rng([trial, k]).random(n) < p)).tolist()
            figure = {"value": sum(sums) / n, "ids": [f"i{i}" for i in range(n)], "sums": sums, "weights": [1.0] * n}
            rows.append(Row(f"arm{k}", f"arm{k}", "", [{"x": figure}]))
        return Results(rows, 200), [row.name for row in rows]

    return make


def test_the_best_of_several_that_are_the_same_is_told_apart_as_rarely_as_5_percent_says(drawn):
    """Whichever is best is picked by the data: it looks better than some other one in a third of such studies."""
    trials = 60
    said = [extreme(*drawn([0.7] * 5, trial), "x", "W") for trial in range(trials)]
    assert sum("has the best mean" in sentence for sentence in said) <= 0.05 * trials


def test_one_that_is_better_is_found_among_several_that_are_the_same(drawn):
    said = [extreme(*drawn([0.5, 0.5, 0.9, 0.5, 0.5], trial), "x", "W") for trial in range(5)]
    assert said == ["Arm2 has the best mean in W, told apart from arm0, arm1, arm3, arm4."] * 5


def test_what_was_not_measured_is_not_judged(planted):
    results = planted({"a": 0.9, "b": 0.6}, X)
    assert extreme(results, ["a", "b"], "y", "W") == "Nothing was measured in W."
    assert margin(results, "a", ["b"], "y", "W") == "No rival was scored in W."
    assert "were not compared" in compared(results, "a", "b", "y", "W")


def test_few_items_are_a_reason_to_be_careful(planted):
    assert caution(planted({"a": 0.5}, X, n=100), X) == []
    assert "as few as 12 items" in caution(planted({"a": 0.5}, X, n=12), ["y", "x"])[0]
    assert caution(planted({"a": 0.5}, X, n=12), ["y"]) == []
