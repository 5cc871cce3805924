"""Sentences say no more than intervals do."""

from ssr_connector.studies.words import compared, extreme, margin

X = ("x",)


def test_a_clear_difference_is_said_with_its_direction(planted):
    results = planted({"a": 0.9, "b": 0.6}, X)
    assert "A is better than b in W, by 30.0 points (difference 30.0, 95 % interval" in compared(
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


def test_what_was_not_measured_is_not_judged(planted):
    results = planted({"a": 0.9, "b": 0.6}, X)
    assert extreme(results, ["a", "b"], "y", "W") == "Nothing was measured in W."
    assert margin(results, "a", ["b"], "y", "W") == "No rival was scored in W."
    assert "were not compared" in compared(results, "a", "b", "y", "W")
