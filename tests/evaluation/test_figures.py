import re

import pytest

from ssr_connector.evaluation.figures import (
    COLOURS,
    apart,
    bars_figure,
    curve_names,
    curves,
    curves_figure,
    scores_figure,
)
from ssr_connector.evaluation.pivot import pivot


def test_colours_are_those_of_the_page() -> None:
    svg = bars_figure(["a", "b"], [1.0, 2.5], "s", "cost", 'what "it" <costs> & more')
    assert svg.startswith("<svg ")
    assert "var(--ours)" in svg
    assert not set(re.findall(r"#[0-9a-f]{6}", svg)) & set(COLOURS.values())
    assert 'aria-label="what &quot;it&quot; &lt;costs> &amp; more"' in svg
    assert "2.5 s" in svg


def test_bars_of_nothing_but_zero() -> None:
    assert "0.0 s" in bars_figure(["a"], [0.0], "s", "cost", "x")


def test_scores_show_both_conditions_and_the_reference_lines() -> None:
    rows = [
        {"task": "storycloze", "mode": "S→T", "system": system, "condition": condition, "value": value, "n": 9,
         "ci95": [value - 5, value + 4], "chance": 50.0}
        for system, condition, value in (
            ("SSR stage 1", "clean", 88.1), ("SSR stage 1", "5 dB", 81.6), ("stack", "clean", 61.3),
        )
    ]  # fmt: skip
    svg = scores_figure(pivot(rows).lines, 95.5, "scores0")
    for text in ("88.1", "81.6", "61.3", "chance 50.0", "text 95.5", "5 dB", "SSR stage 1"):
        assert svg.count(text) >= 1
    alone = scores_figure(pivot(rows[:1]).lines, None, "scores0")
    assert "text 95.5" not in alone


def test_a_part_that_is_the_loss_is_drawn_once() -> None:
    one = [{"step": 1, "loss": 2.0, "ctc": 2.0}, {"step": 2, "loss": 1.0, "ctc": 1.0, "dev_loss": 1.5, "dev_ctc": 1.5}]
    assert curve_names(one) == ["loss"]
    two = [{"step": 1, "loss": 2.0, "cosine": 0.5, "lr": 0.1, "dev_loss": 2.0, "dev_cosine": 0.4}]
    assert curve_names(two) == ["loss", "cosine"]
    assert curve_names([{"step": 1, "lr": 0.1}]) == []
    assert curves_figure("stage", [], "curves0") == ""


def test_what_text_lost_is_drawn_after_the_scores_of_speech() -> None:
    records = [
        {"step": 0, "dev_loss": 4.0, "dev_text": 1.0, "dev_speech_lm": 3.0},
        {"step": 5, "loss": 3.5, "dev_loss": 3.25, "dev_text": 1.25, "dev_speech_lm": 2.0},
    ]
    with curves(records, most_text_lost=0.5) as figure:
        loss, speech, text = figure.axes
    assert [axes.get_title(loc="left") for axes in (loss, speech)] == ["loss", "speech lm"]
    assert text.get_title(loc="left") == "text: +0.250 nats a token since step 0"
    assert [line.get_ydata()[0] for line in text.lines] == [1.0, 1.0, 1.5]  # measured, before, and the most
    with curves(records[1:]) as figure:
        assert figure.axes[-1].get_title(loc="left") == "text"  # nobody knows what it was


@pytest.mark.parametrize(("places", "expected"), [([], []), ([0.0, 0.1, 5.0], [0.0, 1.0, 5.0]), ([3.0], [3.0])])
def test_labels_keep_apart(places: list[float], expected: list[float]) -> None:
    assert apart(places, 1.0) == expected
