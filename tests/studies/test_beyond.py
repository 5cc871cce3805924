"""The goal is met only where every part of it is."""

import pytest

from ssr_connector.studies.beyond import BEYOND, TO_KEEP, paragraph, verdict
from ssr_connector.studies.results import Results, Row

BETTER = {"storycloze_s": 0.9, "asr_wer": 0.2}


@pytest.fixture
def results_of(planted):
    """Stage 1 at a half in everything, over as many items as asked; an arm that differs in some figures."""

    def make(n=400, **arm):
        figures = ["storycloze_s", "asr_wer", *TO_KEEP]
        before = planted({"stage_1": 0.5}, figures, n=n).rows[0]
        runs = [dict(run) for run in before.runs]
        for figure, share in arm.items():
            other = planted({"arm": share}, [figure], n=n).rows[0]
            for run, changed in zip(runs, other.runs, strict=True):
                run[figure] = changed[figure]
        return Results([before, Row("arm", "the arm", "", runs)], 300)

    return make


def test_it_is_met_where_speech_is_gained_and_nothing_is_lost(results_of):
    results = results_of(**BETTER)
    assert verdict(results, "arm", "stage_1")[1] == []
    said = paragraph(results)
    assert said[0] == (
        "No arm is shown to meet the goal: no part of it is missed by the arm, but over as few as 400 items."
    )
    assert said[1].startswith("The arm, met: StoryCloze S (40.0, 95 % interval")
    assert "The goal asks for 4000 items" in said[2]
    assert "StoryCloze S 400" in said[2]
    enough = paragraph(results_of(n=4000, **BETTER))
    assert enough[0] == "The goal is met by the arm."
    assert len(enough) == 2


@pytest.mark.parametrize(
    ("arm", "missed"),
    [
        ({**BETTER, "blimp_text": 0.4}, "BLiMP as text kept"),
        ({**BETTER, "spoken_mmlu_cloze": 0.4}, "spoken MMLU, cloze kept"),
        ({**BETTER, "spoken_mmlu": 0.4}, "spoken MMLU, letters kept"),
        ({**BETTER, "storycloze_s": 0.5}, "StoryCloze S"),
        ({**BETTER, "asr_wer": 0.8}, "transcription by prompt"),
    ],
)
def test_each_part_that_is_missed_is_named(results_of, arm, missed):
    results = results_of(**arm)
    said = paragraph(results)
    assert said[0] == "No arm meets the goal."
    assert said[1].split("not met: ")[1].startswith(missed)
    assert [m.startswith(missed) for m in verdict(results, "arm", "stage_1")[1]] == [True]


def test_as_good_on_other_items_does_not_exclude_a_lost_point(results_of):
    results = results_of(**BETTER)
    for run in results.row("arm").runs:
        run["blimp_text"] = {**run["blimp_text"], "sums": run["blimp_text"]["sums"][::-1]}
    (missed,) = verdict(results, "arm", "stage_1")[1]
    assert missed.startswith("BLiMP as text kept (0.0, 95 % interval −")


def test_what_was_not_measured_is_not_met(results_of):
    results = results_of(**BETTER)
    for run in results.row("arm").runs:
        del run["wuggy_text"]
    assert verdict(results, "arm", "stage_1")[1] == ["WUGGY as text kept (not measured)"]


def test_more_steps_of_stage_1_are_beside_every_arm_that_hears_as_much():
    arms = {arm.name: arm.finetune for arm in BEYOND.arms if arm.finetune}
    longer = arms["longer"]
    assert longer["training.objectives"] == {"distil": 1.0}
    for name, options in arms.items():
        assert options["training.steps"] == longer["training.steps"], name
