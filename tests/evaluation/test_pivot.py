from typing import Any

import pytest

from ssr_connector.evaluation.pivot import intervals_overlap, pivot, read_cell


def row(task: str, mode: str, system: str, value: float = 80.0, **more: Any) -> dict[str, Any]:
    return {"task": task, "mode": mode, "system": system, "condition": "clean", "value": value, "n": 200} | more


def test_lines_and_systems_are_in_the_order_of_presentation() -> None:
    table = pivot(
        [
            row("tongue twisters", "S", "stack"),
            row("mmlu", "T", "text model"),
            row("storycloze", "S→T", "SSR stage 1", condition="5 dB"),
            row("storycloze", "S→T", "hard cascade"),
            row("storycloze", "S→T", "SSR stage 1"),
            row("storycloze", "T", "text model"),
        ]
    )
    assert [line.name for line in table.lines] == [
        "StoryCloze T",
        "StoryCloze S→T",
        "StoryCloze S→T 5 dB",
        "MMLU T",
        "tongue twisters S",
    ]
    assert list(table.systems) == ["text model", "SSR stage 1", "hard cascade", "stack"]
    assert list(table.lines[1].cells) == ["SSR stage 1", "hard cascade"]


def test_a_score_given_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="two scores of 'stack' on mmlu T clean"):
        pivot([row("mmlu", "T", "stack"), row("mmlu", "T", "stack")])


def test_ceiling_is_the_written_task() -> None:
    table = pivot([row("mmlu", "T", "text model", 92.0), row("spoken_mmlu", "speech", "SSR stage 1", 80.0)])
    ceiling = table.ceiling("spoken_mmlu")
    assert ceiling is not None
    assert ceiling.value == 92.0
    assert table.ceiling("swuggy") is None


@pytest.mark.parametrize(
    ("ci95", "chance", "expected"),
    [((45.0, 55.0), 50.0, True), ((50.0, 55.0), 50.0, True), ((50.1, 55.0), 50.0, False), (None, 50.0, False),
     ((45.0, 55.0), None, False), ((30.0, 40.0), 50.0, False)],
)  # fmt: skip
def test_at_chance(ci95: tuple[float, float] | None, chance: float | None, expected: bool) -> None:
    assert read_cell(row("swuggy", "S", "stack", ci95=ci95, chance=chance)).at_chance is expected


def test_intervals_overlap() -> None:
    assert intervals_overlap((1.0, 2.0), (2.0, 3.0))
    assert intervals_overlap((1.0, 9.0), (2.0, 3.0))
    assert not intervals_overlap((1.0, 2.0), (2.1, 3.0))
    assert not intervals_overlap(None, (2.0, 3.0))


def test_the_main_system_is_the_one_that_the_results_name():
    rows = [row("storycloze", "S→T", "new"), row("storycloze", "S→T", "ssr")]
    assert pivot(rows).main == "SSR stage 1"
    assert pivot(rows, main="new").main == "new"
    assert pivot(rows, main="ssr").main == "SSR stage 1"
