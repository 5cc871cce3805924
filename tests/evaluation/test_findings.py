from typing import Any

import pytest

from ssr_connector.evaluation.findings import findings
from ssr_connector.evaluation.pivot import pivot


def row(system: str, value: float, ci95: tuple[float, float] | None, mode: str = "S→T", **more: Any) -> dict[str, Any]:
    base = {"task": "storycloze", "mode": mode, "system": system, "condition": "clean", "value": value, "n": 400}
    return base | {"ci95": ci95, "chance": 50.0} | more


def said(rows: list[dict[str, Any]], *figures: dict[str, Any], baselines: tuple[str, ...] = ()) -> str:
    return " ".join(findings({"figures": figures}, pivot(rows, baselines)))


SSR = row("SSR stage 1", 88.1, (84.9, 91.0))


def test_distance_to_the_text_model() -> None:
    assert "88.1 % (95 % interval 84.9–91.0, n = 400) on StoryCloze S→T, 7.4 points below the 95.5 %" in said(
        [SSR, row("text model", 95.5, (93.2, 97.3), "T")]
    )
    assert "overlap" not in said([SSR, row("text model", 95.5, (93.2, 97.3), "T")])
    assert "(the intervals overlap)" in said([SSR, row("text model", 92.0, (89.0, 94.6), "T")])
    assert "level with the 88.1 %" in said([SSR, row("text model", 88.14, (85.0, 91.0), "T")])


def test_a_score_at_chance_is_called_so() -> None:
    assert "not distinguishable from chance (50.0 %)" in said([row("SSR stage 1", 53.0, (48.1, 57.9))])
    assert "chance" not in said([SSR])
    assert "chance" not in said([row("SSR stage 1", 53.0, None)])


@pytest.mark.parametrize(
    ("value", "ci95", "words"),
    [
        (68.0, (63.3, 72.4), "it is 20.1 points above frame stacking (68.0 %)."),
        (52.0, (47.0, 57.0), "36.1 points above frame stacking (52.0 %; itself at chance, so a weak comparison)"),
        (90.0, (87.0, 92.8), "1.9 points below frame stacking (90.0 %; the intervals overlap)"),
    ],
)
def test_against_the_baseline(value: float, ci95: tuple[float, float], words: str) -> None:
    assert words in said([SSR, row("stack", value, ci95)])


def test_the_better_baseline_counts() -> None:
    text = said([SSR, row("stack", 61.0, (56.0, 66.0)), row("stack+layers", 68.0, (63.3, 72.4))])
    assert "68.0 %" in text
    assert "61.0" not in text


def test_any_other_connector_is_a_rival() -> None:
    rows = [SSR, row("stack", 61.0, (56.0, 66.0)), row("qformer", 68.0, (63.3, 72.4)), row("my own", 80.0, None)]
    text = said(rows, baselines=("qformer",))
    assert "20.1 points above qformer (68.0 %)" in text
    assert "stacking" not in text
    assert "my own" not in text
    figure = {"name": "storycloze_s2t_ssr_minus_baseline", "value": 20.1, "n": 400, "ci95": (15.0, 25.0)}
    assert "(68.0 %; paired 95 % interval 15.0–25.0, a clear difference)" in said(rows, figure, baselines=("qformer",))


def test_a_cascade_that_is_better_is_said_to_be() -> None:
    assert "4.9 points below the hard cascade (93.0 %)." in said([SSR, row("hard cascade", 93.0, (91.5, 95.2))])


@pytest.mark.parametrize(
    ("ci95", "words"),
    [
        ((-3.9, 0.2), "(90.2 %; paired 95 % interval −3.9 to 0.2, no clear difference)"),
        ((-3.9, -0.3), "(90.2 %; paired 95 % interval −3.9 to −0.3, a clear difference)"),
    ],
)
def test_the_paired_difference_counts_where_it_is_known(ci95: tuple[float, float], words: str) -> None:
    figure = {"name": "storycloze_s2t_ssr_minus_cascade", "value": -2.1, "n": 400, "ci95": ci95, "unit": "points"}
    text = said([SSR, row("hard cascade", 90.2, (87.0, 93.0))], figure)
    assert f"2.1 points below the hard cascade {words}" in text


def test_somebody_s_own_systems_are_compared_with_the_first() -> None:
    rows = [row("text model", 95.5, None, "T"), row("distill", 80.0, None), row("multitask", 85.0, None)]
    assert "From audio alone, distill scores 80.0 % (n = 400)" in said(rows)


def test_control_with_wrong_audio() -> None:
    wrong = "another item's audio"
    assert "it scores 51.8 %, not distinguishable from chance (50.0 %)" in said([SSR, row(wrong, 51.8, (46.9, 56.7))])
    assert "it scores 61.8 %, which is not chance (50.0 %)" in said([SSR, row(wrong, 61.8, (56.9, 66.7))])


def test_another_condition_or_mode_is_not_compared() -> None:
    noisy = row("hard cascade", 70.0, None, condition="5 dB")
    assert "cascade" not in said([SSR, noisy, row("hard cascade", 70.0, None, "S")])


@pytest.mark.parametrize(
    ("value", "ci95", "verdict"),
    [
        (-0.2, (-0.9, 0.5), "changed by −0.2 points, 95 % interval −0.9 to 0.5: not worse by 1 point"),
        (-0.7, (-1.9, 0.4), "a loss of 1 point is not excluded"),
        (-9.1, (-12.6, -5.8), "95 % interval −12.6 to −5.8: a loss"),
    ],
)
def test_what_was_kept(value: float, ci95: tuple[float, float], verdict: str) -> None:
    figure = {"name": "text_drop_multitask", "value": value, "n": 400, "ci95": ci95, "unit": "points"}
    rows = [row("text model", 95.5, (93.2, 97.3), "T"), row("multitask", 95.5 + value, None, "T")]
    assert f"{verdict}." in said(rows, figure)


def test_the_worst_text_task_is_the_one_that_the_figure_is_of() -> None:
    figure = {"name": "text_drop_multitask", "task": "mmlu", "value": -1.0, "n": 20, "ci95": (-6.0, 4.0)}
    rows = [
        row(system, value, None, "T", task=task)
        for task, before, after in (("storycloze", 95.0, 92.0), ("mmlu", 41.0, 40.0))
        for system, value in (("text model", before), ("multitask", after))
    ]
    assert "fared worst (MMLU) changed by −1.0 points, 95 % interval −6.0 to 4.0" in said(rows, figure)


def test_without_paired_figures_only_the_difference_is_said() -> None:
    rows = [row("text model", 95.5, (93.2, 97.3), "T"), row("vanilla", 88.3, (85.0, 91.2), "T")]
    text = said(rows)
    assert "With SSR stage 2 vanilla the text task that fared worst (StoryCloze) changed by −7.2 points." in text
    assert "loss" not in text
    assert "multitask" not in text


def test_what_stage_2_gained() -> None:
    before = {"name": "asr_wer_stage1", "value": 43.3, "n": 211, "ci95": (40.1, 46.8), "unit": "%"}
    after = {"name": "asr_wer_stage2", "value": 41.0, "n": 211, "ci95": (38.0, 44.0), "unit": "%"}
    assert "word error rate from 43.3 to 41.0 % (the intervals overlap)." in said([], before, after)
    assert "from 43.3 to 12.4 %." in said([], before, after | {"value": 12.4, "ci95": (10.2, 14.7)})
    assert "word error" not in said([], before)


def test_few_items_are_warned_about() -> None:
    assert "as few as 20 items" in said([SSR, row("stack", 60.0, None, n=20)])
    assert "Careful" not in said([SSR])
