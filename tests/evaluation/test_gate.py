import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.gate import broken_limit, check_measured, text_changes

FIGURES = [
    {"name": "text_drop_tuned", "task": "mmlu", "value": -9, "ci95": None, "n": 5},  # the same once more
    {"name": "mmlu_text_change_tuned", "task": "mmlu", "system": "tuned", "value": -2.5, "ci95": (-6.0, 1.0), "n": 40},
    {"name": "spoken_mmlu_change_tuned", "value": -30, "ci95": None, "n": 5},
]
ROW = {"system": "tuned", "metric": "acc", "ci95": None, "n": 7, "unit": "%", "higher_is_better": True, "within": ""}
ROWS = [
    {**ROW, "task": "arc", "change": -4.0},
    {**ROW, "task": "piqa", "change": 5.0},
    {**ROW, "task": "wikitext", "change": -90.0, "unit": ""},
    {**ROW, "task": "mmlu_virology", "change": -50.0, "within": "mmlu"},
]


@pytest.mark.parametrize(("points", "broken"), [(2.4, True), (2.5, False), (10, False)])
def test_the_limit_is_on_the_drop_itself(points, broken):
    sentence = broken_limit(text_changes({"figures": FIGURES}, {}), points)
    assert bool(sentence) == broken
    if broken:
        assert sentence.startswith("tuned lost 2.5 points on the text task mmlu (95 % interval of the change")
        assert "n = 40" in sentence


def test_the_worst_task_is_named_wherever_it_was_measured():
    changes = text_changes({"figures": FIGURES}, {"rows": ROWS})
    assert [c.task for c in changes] == ["mmlu", "arc (acc)", "piqa (acc)"]
    assert "4.0 points on the text task arc (acc) (n = 7)" in broken_limit(changes, 1)


def test_a_gain_is_no_drop():
    assert broken_limit(text_changes({}, {"rows": ROWS[1:2]}), 0) == ""
    assert broken_limit([], 0) == ""


def test_a_trained_llm_that_no_text_task_measured_does_not_pass():
    changes = text_changes({"figures": FIGURES}, {})
    check_measured(changes, ["tuned"])
    check_measured([], [])
    with pytest.raises(UserError, match="no text task measured other"):
        check_measured(changes, ["tuned", "other"])
