import pytest

from ssr_connector.config import EvaluationSection
from ssr_connector.evaluation.choice import Choice, Outcome, Spoken
from ssr_connector.evaluation.figure_names import accuracy_figures, change_figures
from ssr_connector.evaluation.suite import CASCADE, TEXT_MODEL, Suite

KINDS = ("true", "true", "random", "random")
ITEMS = [Choice(str(k), kind, Spoken("c", "c.wav"), (Spoken("a"), Spoken("b")), 0) for k, kind in enumerate(KINDS)]


@pytest.fixture
def scored(tmp_path):
    suite = Suite(tmp_path, EvaluationSection(bootstrap=50), ["storycloze", "spoken_mmlu", "mmlu"], {})
    suite._items = {"storycloze.jsonl": ITEMS, "mmlu.jsonl": ITEMS}

    def keep(task, mode, system, correct, condition="clean"):
        suite.keep(Outcome(correct, 0), ITEMS, task, mode, system, condition, 0.0)

    keep("storycloze", "T", TEXT_MODEL, [1, 1, 1, 1])
    keep("mmlu", "T", TEXT_MODEL, [1, 1, 0, 0])
    keep("storycloze", "T", "tuned", [1, 1, 1, 0])
    keep("mmlu", "T", "tuned", [1, 1, 0, 0])
    keep("storycloze", "S→T", "ssr", [1, 1, 1, 0])
    keep("storycloze", "S→T", CASCADE, [1, 1, 0, 0])
    keep("storycloze", "S→T", CASCADE, [0, 0, 0, 0], "5 dB")
    keep("storycloze", "S→T", "qformer", [0, 0, 0, 1])
    keep("storycloze", "S→T", "windows", [1, 0, 0, 1])
    keep("spoken_mmlu", "S→T", "ssr", [1, 0, 0, 0])
    keep("spoken_mmlu", "S→T", "tuned", [1, 1, 0, 0])
    return suite


def test_every_row_has_its_own_name(scored):
    named = {f["name"]: f["value"] for f in accuracy_figures(scored)}
    stories = [r for r in scored.rows if r.task == "storycloze"]
    assert len(named) == len(scored.rows) + 2 * len(stories)
    assert (named["storycloze_s2t_ssr_true"], named["storycloze_s2t_ssr_random"]) == (100, 50)
    assert named["storycloze_text"] == 100
    assert named["storycloze_s2t_ssr"] == 75
    assert named["storycloze_s2t_cascade_5db"] == 0
    assert named["spoken_mmlu_ssr"] == 25
    assert named["mmlu_text_tuned"] == 50


def test_differences_are_paired_and_the_rival_is_the_better_one(scored):
    systems = dict.fromkeys(("ssr", "qformer", "windows", "tuned"))
    named = {f["name"]: f for f in change_figures(scored, systems, "ssr", ("qformer", "windows"))}
    assert named["text_drop_tuned"]["value"] == -25
    assert named["text_drop_tuned"]["task"] == "storycloze"
    assert [named[f"{task}_text_change_tuned"]["value"] for task in ("storycloze", "mmlu")] == [-25, 0]
    assert named["spoken_mmlu_change_tuned"]["value"] == 25
    assert named["storycloze_s2t_ssr_minus_cascade"]["value"] == 25
    assert named["storycloze_s2t_ssr_minus_text"]["value"] == -25
    assert named["storycloze_s2t_ssr_minus_baseline"]["value"] == 25
    assert named["storycloze_s2t_ssr_minus_baseline"]["baseline"] == "windows"
    assert "spoken_mmlu_ssr_minus_baseline" not in named


def test_pairs_that_are_only_spoken_have_their_ceiling_in_the_same_pairs_in_writing(scored):
    scored._items["swuggy.jsonl"] = ITEMS
    scored.keep(Outcome([1, 1, 1, 1], 0), ITEMS, "wuggy", "T", TEXT_MODEL, "clean", 0.0)
    scored.keep(Outcome([1, 1, 0, 1], 0), ITEMS, "swuggy", "S", "ssr", "clean", 0.0)
    named = {f["name"]: f["value"] for f in change_figures(scored, dict.fromkeys(("ssr",)), "ssr")}
    assert named["swuggy_ssr_minus_text"] == -25


def test_whole_stories_are_told_by_their_endings_too(scored):
    scored._items["storycloze_whole.jsonl"] = ITEMS
    scored.keep(Outcome([1, 1, 1, 0], 0), ITEMS, "storycloze_whole", "S", "ssr", "clean", 0.0)
    named = {f["name"]: f["value"] for f in accuracy_figures(scored)}
    assert named["storycloze_whole_ssr"] == 75
    assert (named["storycloze_whole_ssr_true"], named["storycloze_whole_ssr_random"]) == (100, 50)


def test_differences_in_several_spoken_modes_have_names_of_their_own(scored):
    scored._items["spoken_multiple_choice.jsonl"] = ITEMS
    for mode in ("S→T", "T→S", "S"):
        for system in ("ssr", "tuned", CASCADE):
            scored.keep(Outcome([1, 1, 1, 0], 0), ITEMS, "spoken_multiple_choice", mode, system, "clean", 0.0)
    names = [f["name"] for f in change_figures(scored, dict.fromkeys(("ssr", "tuned")), "ssr")]
    assert len(names) == len(set(names))
    assert "spoken_multiple_choice_t2s_change_tuned" in names
    assert "spoken_multiple_choice_s_ssr_minus_cascade" in names
