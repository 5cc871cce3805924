"""A results dictionary with planted values, and what the page and the terminal make of it."""

import io
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ssr_connector.evaluation.labels import number
from ssr_connector.evaluation.report import print_summary, write_report

ROWS = (
    ("storycloze", "T", "text model", "clean", 95.5, 400, (93.2, 97.3), 50.0, {"true": 93.1, "random": 97.9}),
    ("storycloze", "T", "multitask", "clean", 95.2, 400, (92.9, 97.1), 50.0, {}),
    ("storycloze", "T", "vanilla", "clean", 88.3, 400, (85.0, 91.2), 50.0, {}),
    ("storycloze", "S→T", "ssr", "clean", 88.1, 400, (84.9, 91.0), 50.0, {"true": 85.4, "random": 90.8}),
    ("storycloze", "S→T", "multitask", "clean", 89.4, 400, (86.2, 92.1), 50.0, {}),
    ("storycloze", "S→T", "vanilla", "clean", 87.7, 400, (84.3, 90.7), 50.0, {}),
    ("storycloze", "S→T", "oracle alignment", "clean", 90.6, 400, (87.5, 93.2), 50.0, {}),
    ("storycloze", "S→T", "hard cascade", "clean", 90.2, 400, (87.1, 92.9), 50.0, {}),
    ("storycloze", "S→T", "stack", "clean", 61.3, 400, (56.4, 66.1), 50.0, {}),
    ("storycloze", "S→T", "stack_layers", "clean", 68.0, 400, (63.3, 72.4), 50.0, {}),
    ("storycloze", "S→T", "another item's audio", "clean", 51.8, 400, (46.9, 56.7), 50.0, {}),
    ("storycloze", "S→T", "no context", "clean", 52.9, 400, (48.0, 57.8), 50.0, {}),
    ("storycloze", "S→T", "ssr", "5 dB", 81.6, 400, (77.7, 85.2), 50.0, {}),
    ("storycloze", "S→T", "hard cascade", "5 dB", 77.4, 400, (73.2, 81.4), 50.0, {}),
    ("spoken_mmlu", "speech", "ssr", "clean", 84.7, 300, (80.4, 88.6), 25.0, {}),
    ("spoken_mmlu", "speech", "hard cascade", "clean", 86.9, 300, (82.9, 90.5), 25.0, {}),
    ("spoken_mmlu", "speech", "stack", "clean", 26.1, 300, (21.3, 31.2), 25.0, {}),
    ("swuggy", "S", "ssr", "clean", 71.2, 200, (64.9, 77.3), 50.0, {}),
    ("mmlu", "T", "text model", "clean", 92.6, 300, (89.4, 95.3), 25.0, {}),
    ("mmlu", "T", "multitask", "clean", 92.0, 300, (88.7, 94.8), 25.0, {}),
    ("mmlu", "T", "vanilla", "clean", 83.5, 300, (79.1, 87.6), 25.0, {}),
    ("blimp", "T", "text model", "clean", 91.4, 300, (88.0, 94.4), 50.0, {}),
    ("blimp", "T", "multitask", "clean", 91.9, 300, (88.6, 94.8), 50.0, {}),
)

EDGES = (0.21, 0.42, 0.83, 1.05, 1.31, 1.74, 1.98, 2.15, 2.34, 2.61, 2.72, 3.04)
WORDS = {"The": (0, 1), "kind": (1, 2), "baker": (2, 4), "lost": (4, 5), "her": (5, 6), "umbrella": (6, 9),
         "<b>&": (10, 11)}  # fmt: skip
COSINES = {"The": 0.981, " kind": 0.964, " ba": 0.951, "ker": 0.912, " lost": 0.973, " her": 0.944, " um": 0.813,
           "br": 0.741, "ella": 0.902, ".": 0.887, " <b>&": 0.666}  # fmt: skip


def sample_results() -> dict[str, Any]:
    return {
        "title": "The tiny world <demo>",
        "commit": "0123abcd",
        "date": "2025-11-20",
        "machine": "2 cores & 8 GiB",
        "command": "ssr demo --config recipes/tiny.yaml",
        "seconds": 754.2,
        "recipe": {
            "training": {"lr": 0.0003, "objectives": {"cosine": 5.0}, "train": ["connector"]},
            "title": "<i>x</i>",
        },
        "seed": 17,
        "figures": [
            {"name": "storycloze_s2t_ssr", "value": 88.1, "n": 400, "ci95": [84.9, 91.0], "unit": "%"},
            {"name": "text_drop_multitask", "value": -0.7, "n": 300, "ci95": [-1.9, 0.4], "unit": "points"},
            {"name": "text_drop_vanilla", "value": -9.1, "n": 300, "ci95": [-12.6, -5.8], "unit": "points"},
            {"name": "asr_wer_stage1", "value": 43.3, "n": 211, "ci95": [40.1, 46.8], "unit": "%"},
            {"name": "asr_wer_stage2", "value": 12.4, "n": 211, "ci95": [10.2, 14.7], "unit": "%"},
            {"name": "word_boundary_error_ms", "value": 22.6, "n": 3021, "ci95": None, "unit": "ms"},
        ],
        "rows": [
            {
                "task": t,
                "mode": m,
                "system": s,
                "condition": c,
                "value": v,
                "n": n,
                "ci95": list(ci),
                "chance": ch,
                "ties": 1.3 if s == "stack" else 0.0,
                "groups": g,
            }
            for t, m, s, c, v, n, ci, ch, g in ROWS
        ],
        "quality": [
            {
                "measure": "cosine (forced)",
                "system": "ssr",
                "value": 0.934,
                "n": 3022,
                "ci95": [0.931, 0.937],
                "unit": "",
            },
            {
                "measure": "cosine (forced)",
                "system": "stack_layers",
                "value": 0.412,
                "n": 3023,
                "ci95": None,
                "unit": "",
            },
            {
                "measure": "embedding WER (best path)",
                "system": "ssr",
                "value": 7.9,
                "n": 613,
                "ci95": [6.8, 9.1],
                "unit": "%",
            },
            {
                "measure": "word boundary error",
                "system": "aligner",
                "value": 22.6,
                "n": 3021,
                "ci95": [21.7, 23.5],
                "unit": "ms",
            },
        ],
        "density": [
            {"system": "encoder frames", "positions_per_s": 50.0},
            {"system": "stack", "positions_per_s": 6.25},
            {"system": "ssr", "positions_per_s": 3.2},
        ],
        "cost": [
            {"stage": "LLM", "seconds": 120.3},
            {"stage": "speech encoder", "seconds": 187.9},
            {"stage": "aligner", "seconds": 95.6},
            {"stage": "distill", "seconds": 210.1},
            {"stage": "evaluation", "seconds": 64.8},
        ],
        "curves": {
            "aligner": [
                {"step": s, "loss": 3 * math.exp(-s / 80), "ctc": 3 * math.exp(-s / 80), "lr": 1e-3}
                | ({"dev_loss": 3.1 * math.exp(-s / 90), "dev_ctc": 3.1 * math.exp(-s / 90)} if s % 50 == 0 else {})
                for s in range(10, 401, 10)
            ],
            "distill": [
                {
                    "step": s,
                    "loss": 5 * math.exp(-s / 60),
                    "cosine": 1 - math.exp(-s / 60),
                    "squared_error": 0.02 + 1 / s,
                }
                | (
                    {
                        "dev_loss": 5.5 * math.exp(-s / 60),
                        "dev_cosine": 0.97 - math.exp(-s / 60),
                        "dev_squared_error": 1.1 / s,
                    }
                    if s % 50 == 0
                    else {}
                )
                for s in range(10, 401, 10)
            ],
        },
        "example": {
            "id": "story-7<x>",
            "text": "The kind baker lost her umbrella. <b>&",
            "hypothesis": "The kind baker lost her umbrela. <b>&",
            "duration_s": 3.2,
            "sampling_rate_hz": 16000,
            "samples": [x for k in range(400) for x in (-a(k), a(k))],
            "words": [{"text": w, "start_s": EDGES[i], "end_s": EDGES[j]} for w, (i, j) in WORDS.items()],
            "gold_words": [
                {"text": w, "start_s": EDGES[i] + 0.02, "end_s": EDGES[j] - 0.015} for w, (i, j) in WORDS.items()
            ],
            "tokens": [
                {"text": t, "start_s": EDGES[k], "end_s": EDGES[k + 1], "cosine": c}
                for k, (t, c) in enumerate(COSINES.items())
            ],
        },
        "next": [
            "ssr generate transcribe runs/demo/model runs/demo/data/a-rather-long-path/story-0007-voice-11.wav",
            "ssr generate ask runs/demo/model question.wav --text 'The answer is:'",
        ],
        "notes": ["Mini versions: 400 items <each>, not the paper's test sets."],
    }


def a(k: int) -> float:
    """A planted envelope: a few humps."""
    return round(0.4 * abs(math.sin(k / 22)) * (1 if 30 < k < 380 else 0.02), 4)


VOID = {"meta", "br", "img", "hr", "link", "input"}


class Page(HTMLParser):
    """Text and elements of a page; complains where elements are not closed in the order they were opened."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.ids += [value or "" for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.ids += [value or "" for key, value in attrs if key == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def made(results: dict[str, Any], folder: Path) -> tuple[str, Page]:
    path = folder / "report.html"
    write_report(results, path)
    assert [p.name for p in folder.iterdir()] == ["report.html"]
    markup = path.read_text()
    return markup, Page(markup)


def shown(results: dict[str, Any], width: int = 100) -> str:
    out = io.StringIO()
    print_summary(results, Console(file=out, width=width))
    return out.getvalue()


def planted(results: dict[str, Any]) -> Iterator[str]:
    for row in results["rows"]:
        yield from (number(row["value"]), *map(number, row["ci95"]), str(row["n"]))
        yield from map(number, row["groups"].values())
    for row in [*results["figures"], *results["quality"]]:
        yield from (number(row["value"], row["unit"]), str(row["n"]))
        yield from (number(end, row["unit"]) for end in row["ci95"] or ())
    yield from (number(row["seconds"]) for row in results["cost"])
    yield from (
        "50.00 /s",
        "6.25 /s",
        "3.20 /s",
        "chance 25.0",
        "ties 1.3 %",
        "12 min 34 s",
        "seed 17",
        "0123abcd",
        "0.0003",
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Page]:
    return made(sample_results(), tmp_path_factory.mktemp("report"))


def test_page_holds_every_number(whole: tuple[str, Page]) -> None:
    _, page = whole
    missing = [text for text in planted(sample_results()) if text not in page.text]
    assert missing == []


def test_page_holds_every_section_and_picture(whole: tuple[str, Page]) -> None:
    _, page = whole
    for heading in (
        "Scores",
        "An utterance",
        "Quality",
        "Density",
        "Training",
        "Cost",
        "Next",
        "Notes",
        "How this was made",
    ):
        assert any(found.startswith(heading) for found in page.headings), heading
    # 6 tasks and modes, the example, density, two stages of training, cost
    assert page.seen.count("svg") == 11
    assert len(page.ids) == len(set(page.ids))


def test_page_refers_to_nothing_outside(whole: tuple[str, Page]) -> None:
    markup, page = whole
    assert set(re.findall(r"https?://[^\s\"'<]*", markup)) <= {"http://www.w3.org/2000/svg"}
    assert not {"script", "link", "img", "iframe", "object"} & set(page.seen)
    assert "@import" not in markup


def test_references_inside_pictures_are_kept(whole: tuple[str, Page]) -> None:
    markup, page = whole
    wanted = set(re.findall(r'(?:href="|url\()#([^")]+)', markup))
    assert wanted
    assert wanted <= set(page.ids)


def test_everything_is_escaped(tmp_path: Path) -> None:
    results = sample_results()
    attack = "<script>alert(1)</script>\"'&"
    for key in ("title", "commit", "date", "machine", "command"):
        results[key] = attack
    results["recipe"] = {attack: {attack: attack}}
    results["rows"][0] |= {
        "task": attack,
        "mode": attack,
        "system": attack,
        "condition": attack,
        "groups": {attack: 1.0},
    }
    results["figures"][0] |= {"name": attack, "unit": attack}
    results["quality"][0] |= {"measure": attack, "system": attack, "unit": attack}
    results["density"][0]["system"] = results["cost"][0]["stage"] = attack
    results["curves"] = {attack: [{"step": 1, "loss": 1.0, f"dev_{attack}": 2.0}]}
    results["example"] |= {"id": attack, "text": attack, "hypothesis": attack}
    for key in ("words", "gold_words", "tokens"):
        results["example"][key][0]["text"] = attack
    results["next"] = results["notes"] = [attack]
    markup, page = made(results, tmp_path)
    assert "script" not in page.seen
    assert "<script" not in markup
    assert page.text.count(attack) > 20


def test_mathematics_and_control_characters_are_text(tmp_path: Path) -> None:
    results = {"example": sample_results()["example"]}
    results["example"]["tokens"][0]["text"] = "$x_1\x07$"
    _, page = made(results, tmp_path)
    assert "$x_1·$" in page.text


def test_the_same_results_make_the_same_file(whole: tuple[str, Page], tmp_path: Path) -> None:
    assert made(sample_results(), tmp_path)[0] == whole[0]


SECTIONS = {"rows": "Scores", "quality": "Quality of the connector and its alignment", "figures": "Figures by name",
            "density": "Density", "curves": "Training", "cost": "Cost", "next": "Next", "notes": "Notes"}  # fmt: skip
FACTS = {"title", "commit", "date", "machine", "command", "seconds", "seed"}


@pytest.mark.parametrize("key", [*sorted(sample_results().keys() - FACTS), "facts"])
def test_any_part_may_be_missing_or_empty(key: str, tmp_path: Path) -> None:
    results = sample_results() | {"rows": sample_results()["rows"][:1], "curves": {"a": [{"step": 1, "loss": 1.0}]}}
    if key == "facts":
        results = {k: v for k, v in results.items() if k not in FACTS}
    else:
        results[key] = type(results[key])()
    _, page = made(results, tmp_path)
    assert shown(results)
    missing = [part for part, name in SECTIONS.items() if name not in page.headings]
    assert missing == [part for part in SECTIONS if part == key]


def test_nothing_at_all(tmp_path: Path) -> None:
    _, page = made({}, tmp_path)
    assert "No task was evaluated in this run." in page.text
    assert page.headings == []
    assert "No task was evaluated" in shown({})


def test_a_smoke_run(tmp_path: Path) -> None:
    row = {"task": "storycloze", "mode": "S→T", "system": "ssr", "condition": "clean", "value": 50.0, "n": 1}
    example = sample_results()["example"] | {"samples": [], "words": [], "gold_words": [], "tokens": []}
    results = {"rows": [row | {"ci95": None}], "example": example, "curves": {"aligner": [{"step": 1, "loss": 2.0}]}}
    _, page = made(results, tmp_path)
    assert "as few as 1 items" in page.text
    assert "interval 5" not in page.text
    assert "50.0" in shown(results)


def test_terminal_fits_and_shows_every_score() -> None:
    results = sample_results()
    commands = results.pop("next")
    text = shown(results)
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    for row in results["rows"]:
        low, high = row["ci95"]
        assert f"{number(row['value'])} {low:.0f}–{high:.0f}" in text
    for row in results["quality"]:
        assert number(row["value"], row["unit"]) in text
    for row in results["density"]:
        assert f"{row['positions_per_s']:.2f}" in text
    for row in results["cost"]:
        assert f"{row['seconds']:.1f} s" in text
    lines = shown(results | {"next": commands}, width=80).splitlines()
    assert [line.strip() for line in lines if line.strip().startswith("ssr ")] == commands


def test_terminal_shows_markup_as_text() -> None:
    results = sample_results()
    results["rows"][0]["system"] = results["cost"][0]["stage"] = "[red]a[/red]"
    results["next"] = ["ssr [bold]"]
    text = shown(results)
    assert text.count("[red]a[/red]") == 2
    assert "ssr [bold]" in text
