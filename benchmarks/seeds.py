"""Runs of `ssr demo` that differ in their seed, side by side: what RESULTS.md shows of recipes/tiny-full.yaml.

    for seed in 0 1 2; do ssr demo --config tiny-full --out runs/full-$seed --seed $seed; done
    python benchmarks/seeds.py runs/full-*
    python benchmarks/seeds.py docs/results/tiny-full/*.json  # of runs that are gone, as --keep wrote them

Per cent right as the mean over runs (lowest to highest); then the figures that have a target, of each run and of all
together with their 95 % intervals over items (not over seeds), and minutes of each stage.
"""

import argparse
import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

COLUMNS = {  # task, mode, condition: what stands above it
    ("storycloze", "S→T", "clean"): "StoryCloze S→T",
    ("storycloze", "S→T", "5 dB"): "the same at 5 dB",
    ("storycloze", "S", "clean"): "StoryCloze S",
    ("spoken_mmlu_cloze", "S→T", "clean"): "spoken MMLU, cloze",
    ("spoken_mmlu_cloze", "S→T", "5 dB"): "the same at 5 dB",
    ("spoken_mmlu", "S→T", "clean"): "spoken MMLU, letters",
    ("spoken_mmlu", "S→T", "5 dB"): "the same at 5 dB",
}
SYSTEMS = {  # as their rows are called
    "text model": "text in (ceiling)",
    "hard cascade": "hard cascade",
    "oracle alignment": "oracle alignment",
    "another item's audio": "another item's audio",
    "no context": "no context",
    "ssr": "**SSR, stage 1**",
    "stack_plain": "frame stacking + MLP",
    "stack_layers": "the same behind SSR's layers",
    "vanilla": "SSR, stage 2 vanilla",
    "multitask": "SSR, stage 2 multitask",
}
KEPT = ("seed", "commit", "date", "machine", "elapsed_s", "cost", "figures", "quality", "rows")
KEPT_OF_ROWS = ("task", "mode", "system", "condition", "value", "n", "ci95", "chance", "ties")
TARGETS = {  # figure: what it was to be, as set beforehand; nothing where it stands for comparison
    "storycloze_text": "≥ 95",
    "blimp_text": "≥ 90",
    "mmlu_text": "≥ 90",
    "storycloze_s2t_ssr_minus_text": "≥ −5",
    "spoken_mmlu_ssr_minus_text": "≥ −5",
    "spoken_mmlu_cloze_ssr_minus_text": "≥ −5",
    "storycloze_s2t_stack": "above chance (50)",
    "storycloze_s2t_ssr_minus_baseline": "≥ 10",
    "storycloze_s2t_ssr_minus_baseline_5db": "",
    "spoken_mmlu_ssr_minus_baseline": "≥ 20",
    "spoken_mmlu_cloze_ssr_minus_baseline": "≥ 20",
    "storycloze_s2t_ssr_minus_cascade": "not worse",
    "storycloze_s2t_ssr_minus_cascade_5db": "better",
    "storycloze_s_ssr_minus_cascade": "",
    "spoken_mmlu_ssr_minus_cascade": "not worse",
    "spoken_mmlu_ssr_minus_cascade_5db": "better",
    "spoken_mmlu_cloze_ssr_minus_cascade": "not worse",
    "spoken_mmlu_cloze_ssr_minus_cascade_5db": "better",
    "sblimp_ssr": "",
    "sblimp_ssr_minus_cascade": "",
    "swuggy_ssr": "",
    "swuggy_ssr_minus_cascade": "",
    "style_ssr": "above chance (50)",
    "storycloze_s2t_wrong_audio": "50 ± 3",
    "embedding_wer_forced": "",
    "embedding_wer": "≤ 8",
    "cosine": "",
    "ctc_wer": "",
    "word_boundary_error_ms": "≤ 30",
    "text_drop_vanilla": "a loss",
    "text_drop_multitask": "> −1",
    "spoken_mmlu_change_multitask": "> −1",
    "spoken_mmlu_cloze_change_multitask": "> −1",
    "asr_wer_stage1": "",
    "asr_wer_stage2": "",
    "asr_wer_change_multitask": "a gain",
    "storycloze_s_change_multitask": "a gain",
    "storycloze_s2t_change_multitask": "",
    "sblimp_change_multitask": "",
    "swuggy_change_multitask": "",
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "runs",
        metavar="RUN",
        type=Path,
        nargs="+",
        help="a folder that `ssr demo` has finished, or what was kept of it",
    )
    parser.add_argument("--keep", metavar="DIR", type=Path, help="write what is shown of each run to DIR/seed-N.json")
    options = parser.parse_args()
    runs = [read(run / "results.json" if run.is_dir() else run) for run in options.runs]
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        for run in runs:
            write(run, options.keep / f"seed-{run['seed']}.json")
    print(", ".join(f"seed {run['seed']} at {run['commit']}" for run in runs))
    for table in (scores(runs), targets(runs), minutes(runs)):
        print(f"\n{table}")


def read(path: Path) -> dict[str, Any]:
    """What came of a run."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def write(run: Mapping[str, Any], path: Path) -> None:
    """Scores, figures and cost of a run, one to a line, without curves and pictures."""
    kept = {key: run[key] for key in KEPT if key in run}
    kept["rows"] = [{key: row[key] for key in KEPT_OF_ROWS} for row in run["rows"]]
    parts = []
    for key, value in kept.items():
        if isinstance(value, list):
            lines = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in value)
            parts.append(f'"{key}": [\n{lines}\n]')
        else:
            parts.append(f'"{key}": {json.dumps(value, ensure_ascii=False)}')
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def scores(runs: Sequence[Mapping[str, Any]]) -> str:
    """Per cent right by system: of one run with its interval, of several the mean and the range."""
    found: dict[str, dict[tuple[str, str, str], list[Mapping[str, Any]]]] = {}
    for row in (row for run in runs for row in run["rows"]):
        mode = "S→T" if row["system"] == "text model" else row["mode"]  # its ceiling
        found.setdefault(row["system"], {}).setdefault((row["task"], mode, row["condition"]), []).append(row)
    lines = [["", *COLUMNS.values()]]
    lines += [[title, *(cell(found.get(name, {}).get(key, [])) for key in COLUMNS)] for name, title in SYSTEMS.items()]
    lines.append(["chance", *(chance(key, found.values()) for key in COLUMNS)])
    return table(lines)


def cell(rows: Sequence[Mapping[str, Any]]) -> str:
    """The scores of one system, of all runs."""
    if not rows:
        return ""
    values = [row["value"] for row in rows]
    return in_words(values[0], rows[0]["ci95"]) if len(rows) == 1 else in_words(statistics.mean(values), span(values))


def chance(
    key: tuple[str, str, str], found: Iterable[Mapping[tuple[str, str, str], Sequence[Mapping[str, Any]]]]
) -> str:
    """Of a column."""
    return next((f"{rows[key][0]['chance']:.0f}" for rows in found if key in rows), "")


def targets(runs: Sequence[Mapping[str, Any]]) -> str:
    """Every figure that has a target, run by run."""
    known = [{figure["name"]: figure for figure in run["figures"]} for run in runs]
    several = ["all"] if len(runs) > 1 else []
    lines = [["", *(f"seed {run['seed']}" for run in runs), *several, "n", "target"]]
    for name, target in TARGETS.items():
        figures = [figures[name] for figures in known if name in figures]
        if len(figures) == len(runs):
            cells = [in_words(figure["value"], figure["ci95"], figure["unit"]) for figure in figures]
            if several:
                cells.append(in_words(*together(figures), figures[0]["unit"]))
            lines.append([f"`{name}`", *cells, str(figures[0]["n"]), target])
    return table(lines)


def minutes(runs: Sequence[Mapping[str, Any]]) -> str:
    """What each stage took."""
    spent = [{row["stage"]: row["seconds"] for row in run["cost"]} for run in runs]
    lines = [["minutes", *(f"seed {run['seed']}" for run in runs)]]
    lines += [[stage, *(f"{seconds.get(stage, 0) / 60:.1f}" for seconds in spent)] for stage in spent[0]]
    lines.append(["in all", *(f"{run['elapsed_s'] / 60:.1f}" if "elapsed_s" in run else "" for run in runs)])
    return table(lines)


def together(figures: Sequence[Mapping[str, Any]]) -> tuple[float, tuple[float, float]]:
    """The mean over runs and its 95 % interval over the items of all: each run has a world and items of its own."""
    mean = statistics.mean(figure["value"] for figure in figures)
    half_widths = [(figure["ci95"][1] - figure["ci95"][0]) / 2 for figure in figures]
    half = math.hypot(*half_widths) / len(figures)
    return mean, (mean - half, mean + half)


def span(values: Sequence[float]) -> tuple[float, float]:
    """From the lowest to the highest."""
    return min(values), max(values)


def in_words(value: float, bounds: Sequence[float] | None, unit: str = "%") -> str:
    """A value with its bounds."""
    digits = 1 if unit else 3
    around = f" ({bounds[0]:.{digits}f} to {bounds[1]:.{digits}f})" if bounds else ""
    return f"{value:.{digits}f}{around}"


def table(lines: Sequence[Sequence[str]]) -> str:
    """In Markdown; the first line is the head."""
    rows = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([rows[0], f"|{'---|' * len(lines[0])}", *rows[1:]])


if __name__ == "__main__":
    main()
