"""Planted results: what is forgotten, gained and spared is said, and nothing else."""

import pytest

from ssr_connector.studies.forgetting import FORGETTING, SPEECH, TEXT_TASKS, paragraph

FIGURES = [SPEECH, "asr_wer", *TEXT_TASKS]


@pytest.fixture
def results_of(planted):
    """Rows with a share right in spoken tasks, of wrong words, and right in text."""

    def make(rows):
        results = planted(dict.fromkeys(rows, 0.5), FIGURES)
        for k, figure in enumerate((SPEECH, "asr_wer", *TEXT_TASKS)):
            one = planted({name: shares[min(k, 2)] for name, shares in rows.items()}, [figure])
            for row, source in zip(results.rows, one.rows, strict=True):
                for run, other in zip(row.runs, source.runs, strict=True):
                    run[figure] = other[figure]
        return results

    return make


def test_where_vanilla_forgets_nothing_the_study_says_that_it_is_no_test(results_of):
    results = results_of({"stage_1": (0.6, 0.9, 0.9), "vanilla": (0.8, 0.5, 0.9)})
    assert "is no test of remedies" in paragraph(results)[0]
    assert "forgets: " not in paragraph(results)[0]


def test_what_vanilla_forgets_is_named_with_its_interval(results_of):
    results = results_of({"stage_1": (0.6, 0.9, 0.9), "vanilla": (0.8, 0.5, 0.6)})
    said = paragraph(results)[0]
    assert said.startswith("Vanilla forgets: it loses ")
    assert all(f"{title} (difference −30.0, uncorrected 95 % interval" in said for title in TEXT_TASKS.values())


def test_a_remedy_that_gains_as_much_and_forgets_nothing_is_ahead(results_of):
    rows = {"stage_1": (0.6, 0.9, 0.9), "vanilla": (0.7, 0.7, 0.6), "lora": (0.8, 0.5, 0.9), "ewc": (0.3, 0.9, 0.9)}
    said = paragraph(results_of(rows))
    assert "In spoken tasks vanilla, lora gained on stage_1; ewc lost (by uncorrected 95 % intervals)." in said
    frontier = (
        "By means, the frontier of spoken tasks against text is lora; behind it, and told apart from an arm on it: "
    )
    assert any(s.startswith(frontier) and "vanilla" in s for s in said)
    assert "In transcription by prompt vanilla, lora gained on stage_1 (by uncorrected 95 % intervals)." in said


def test_what_stage_1_is_good_for(results_of):
    rows = {"stage_1": (0.6, 0.9, 0.9), "vanilla": (0.8, 0.5, 0.9), "vanilla_alone": (0.5, 0.5, 0.9)}
    said = paragraph(results_of(rows))
    assert "In spoken tasks stage 1 helps vanilla (by uncorrected 95 % intervals)." in said
    assert "In transcription by prompt no difference is told apart for vanilla (by uncorrected 95 % intervals)." in said


def test_every_remedy_is_there_with_and_without_stage_1_and_is_what_it_is_called():
    arms = {arm.name: arm for arm in FORGETTING.arms}
    remedies = [name for name in arms if f"{name}_alone" in arms]
    assert set(arms) == {"stage_1", *remedies, *(f"{name}_alone" for name in remedies)}
    assert {"vanilla", "lora", "adapters", "multitask", "rehearsal", "text_kl", "ewc"} <= set(remedies)
    for name in remedies:
        after, alone = arms[name], arms[f"{name}_alone"]
        assert (after.connector, alone.connector) == ({}, {"training.steps": 0})
        assert after.finetune["training.objectives"] == alone.finetune["training.objectives"]
    assert arms["text_kl"].finetune["training.objectives"].keys() == {"speech_lm", "transcribe", "text_kl"}
    assert arms["rehearsal"].finetune["data.text"] == "self"
