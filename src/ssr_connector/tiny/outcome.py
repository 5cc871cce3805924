"""What a demo run came to: everything that the report shows, and what to type next."""

import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssr_connector.config import to_dict
from ssr_connector.tiny.questions import SPOKEN_PROMPT
from ssr_connector.tiny.resumable import state_folder

if TYPE_CHECKING:
    from ssr_connector.tiny.demo import Demo


def outcome(demo: "Demo") -> dict[str, Any]:
    """Everything that the report shows."""
    results: dict[str, Any] = json.loads((demo.out / "scores.json").read_text())
    results.pop("outcomes")
    results["figures"] += better_baselines(results["figures"], list(demo.tiny.baselines))
    results["figures"] += renamed(
        results["figures"], {"asr_wer_ssr": "asr_wer_stage1", "asr_wer_multitask": "asr_wer_stage2"}
    )
    logs = {"LLM": state_folder(demo.llm) / "metrics.jsonl", "encoder": state_folder(demo.encoder) / "metrics.jsonl"}
    logs |= {name: demo.out / name / "metrics.jsonl" for name in demo.stages.seconds}
    results["curves"] = {name: metrics(path) for name, path in logs.items() if path.is_file()}
    results["cost"] = [{"stage": name, "seconds": s} for name, s in demo.stages.seconds.items()]
    results["elapsed_s"] = demo.stages.elapsed
    results["command"] = shlex.join(["ssr", *sys.argv[1:]])
    results["recipe"], results["seed"] = to_dict(demo.recipe), demo.recipe.seed
    results["next"] = next_commands(demo)
    n = {task: len(items) for task, items in demo.world.tests.items()}
    fewer = {task: k for task, k in n.items() if k < 2000}
    results["notes"] += ["the voices of the tests are of accents and kinds that training never heard"]
    results["notes"] += [f"fewer test items than the 2000 that a margin is claimed on: {fewer}"] if fewer else []
    results["notes"].append(
        "before stage 2 the model was asked to repeat text alone, never what it hears: part of its prompted error rate"
    )
    names = [f["name"] for f in results["figures"]]
    if len(set(names)) < len(names):
        raise ValueError(f"two figures of one name: {sorted({x for x in names if names.count(x) > 1})}")
    return results


def next_commands(demo: "Demo") -> list[str]:
    """Commands that work as they stand."""
    story, question_ = demo.world.tests["storycloze"][0], demo.world.tests["mmlu"][0]
    audio, model = demo.out / "speech" / "tests" / "audio", demo.out / "model"
    told, asked = audio / f"{story.id}-context.flac", audio / f"{question_.id}-context.flac"
    ssr = "ssr" if shutil.which("ssr") else sys.argv[0]  # where .venv is not activated
    commands = [
        [ssr, "generate", "transcribe", model, told],
        [ssr, "generate", "ask", model, asked, SPOKEN_PROMPT],
        [ssr, "generate", "score", model, told, *story.choices],
        [ssr, "align", told, "--aligner", model, "--text", story.context],
    ]
    return [shlex.join(map(str, command)) for command in commands]


def better_baselines(figures: Sequence[dict[str, Any]], baselines: Sequence[str]) -> list[dict[str, Any]]:
    """`…_stack`: the better of the baselines, task by task."""
    out = []
    for task in ("storycloze_s2t", "spoken_mmlu", "spoken_mmlu_cloze"):
        found = [f for f in figures if f["name"] in {f"{task}_{b}" for b in baselines}]
        if found:
            best = max(found, key=lambda f: f["value"])
            out.append({**best, "name": f"{task}_stack"})
    return out


def renamed(figures: Sequence[dict[str, Any]], names: dict[str, str]) -> list[dict[str, Any]]:
    """The same figures under the names of the stages."""
    return [{**f, "name": names[f["name"]]} for f in figures if f["name"] in names]


def metrics(path: Path) -> list[dict[str, Any]]:
    """What a training run logged."""
    return [json.loads(line) for line in path.read_text().splitlines()]
