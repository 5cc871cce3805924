"""Planted results as Markdown: the tables are read back."""

from pathlib import Path
from typing import Any

import pytest

from ssr_connector.evaluation.markdown import table, write_markdown


def row(system: str, value: float, condition: str = "clean", n: int = 400) -> dict[str, Any]:
    return {
        "task": "storycloze",
        "mode": "S→T",
        "system": system,
        "condition": condition,
        "value": value,
        "n": n,
        "ci95": (value - 3, value + 3),
        "chance": 50.0,
    }


def read_tables(text: str) -> list[list[list[str]]]:
    """Every table as rows of cells, without the line under its head."""
    tables: list[list[list[str]]] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("| "):
            if not inside:
                tables.append([])
            tables[-1].append([cell.strip() for cell in line[1:-1].split(" | ")])
        inside = line.startswith("| ")
    return [[t[0], *t[2:]] for t in tables]


def test_every_score_stands_under_its_condition_beside_its_system(tmp_path: Path) -> None:
    results = {
        "title": "Ears",
        "command": "ssr evaluate m",
        "commit": "0123abcd",
        "rows": [
            row("ssr", 88.1) | {"ties": 0.5, "seconds": 12.0},
            row("ssr", 81.6, "5 dB", n=399),
            row("hard cascade", 90.2),
        ],
        "quality": [{"measure": "cosine", "system": "ssr", "value": 0.905, "ci95": None, "n": 40, "unit": ""}],
        "figures": [{"name": "gain", "value": -1.5, "n": 9, "ci95": (-3.0, 0.25), "unit": "points"}],
        "notes": ["one recording was rejected"],
    }
    path = tmp_path / "report.md"
    write_markdown(results, path)
    text = path.read_text(encoding="utf-8")
    scores, quality, figures = read_tables(text)
    assert scores == [
        ["StoryCloze", "S→T, n 400", "S→T 5 dB, n 399"],
        ["SSR stage 1", "88.1 (85.1–91.1), ties 0.5 %, 12.0 s", "81.6 (78.6–84.6)"],
        ["hard cascade", "90.2 (87.2–93.2)", ""],
        ["chance", "50.0", "50.0"],
    ]
    assert quality[1:] == [["cosine", "SSR stage 1", "0.905", "40"]]
    assert figures[1:] == [["`gain`", "−1.5 points (−3.0 to 0.2)", "9"]]
    assert "`ssr evaluate m` · commit 0123abcd\n" in text
    assert text.endswith("## Notes\n\n- one recording was rejected\n")


def test_sections_without_results_are_left_out(tmp_path: Path) -> None:
    write_markdown({}, tmp_path / "report.md")
    assert (tmp_path / "report.md").read_text() == "# Evaluation\n\nNo task was evaluated in this run.\n"


def test_two_scores_of_one_system_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two scores"):
        write_markdown({"rows": [row("ssr", 1.0), row("ssr", 2.0)]}, tmp_path / "report.md")
    assert not (tmp_path / "report.md").exists()


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert table(["a"], [["x|y"]]).splitlines()[-1] == "| x\\|y |"


def test_a_baseline_is_found_to_be_one_as_in_the_page(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    write_markdown({"rows": [row("ssr", 88.1), row("qformer", 68.0)], "baselines": ["qformer"]}, path)
    assert "20.1 points above qformer (68.0 %)" in path.read_text(encoding="utf-8")


def test_text_tasks_of_the_harness_stand_beside_the_scores(tmp_path: Path) -> None:
    base = {"task": "hellaswag", "within": "", "metric": "acc", "system": "mine", "before": 40.0, "after": 38.5}
    found = {"lm_eval": "0.4", "items": 100, "batch": 8, "seconds": {"mine": 3.0}, "notes": ["a note"]}
    found["rows"] = [base | {"change": -1.5, "ci95": [-3.0, 0.0], "n": 100, "unit": "%"}]
    path = tmp_path / "report.md"
    write_markdown({"harness": found}, path)
    text = path.read_text(encoding="utf-8")
    ((_, row),) = read_tables(text)
    assert row == ["hellaswag", "acc", "mine", "40.0 %", "38.5 %", "−1.5", "−3.0 to 0.0", "100"]
    assert "lm-evaluation-harness 0.4, at most 100 items of a task, 8 sequences at once; mine 3.0 s" in text
