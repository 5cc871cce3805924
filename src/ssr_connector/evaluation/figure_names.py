"""Every score under a name of its own, and the paired differences between scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ssr_connector.evaluation.controls import NO_CONTEXT, ORACLE, OTHER_AUDIO
from ssr_connector.evaluation.stats import Estimate
from ssr_connector.evaluation.suite import CASCADE, TEXT_MODEL, Suite
from ssr_connector.evaluation.tasks import (
    CEILINGS,
    SPEECH,
    SPEECH_TO_HEARD,
    SPEECH_TO_TEXT,
    TASKS,
    TEXT,
    TEXT_TO_SPEECH,
)

SLUGS = {
    TEXT: "text",
    SPEECH_TO_TEXT: "s2t",
    SPEECH_TO_HEARD: "s2h",
    TEXT_TO_SPEECH: "t2s",
    SPEECH: "s",
    CASCADE: "cascade",
    ORACLE: "oracle",
    OTHER_AUDIO: "wrong_audio",
    NO_CONTEXT: "no_context",
}


def figure(name: str, estimate: Estimate, unit: str) -> dict[str, Any]:
    """As results.json holds it."""
    return {"name": name, "value": estimate.value, "n": estimate.n, "ci95": estimate.ci95, "unit": unit}


def accuracy_figures(suite: Suite) -> list[dict[str, Any]]:
    """Every row under a name such as `storycloze_s2t_ssr` or `spoken_mmlu_cascade_5db`."""
    figures = []
    for row in suite.rows:
        system = "" if row.system == TEXT_MODEL else f"_{SLUGS.get(row.system, row.system)}"
        name = f"{score_name(row.task, row.mode)}{system}{suffix(row.condition)}"
        figures.append(figure(name, Estimate(row.value, row.n, row.ci95), "%"))
        if row.task.startswith("storycloze"):  # sStoryCloze (true negatives) and tStoryCloze (random ones)
            for group, estimate in suite.groups[row.task, row.mode, row.system, row.condition].items():
                figures.append(figure(f"{name}_{group}", estimate, "%"))
    return figures


def score_name(task: str, mode: str, condition: str = "clean") -> str:
    """`storycloze_s2t_5db`, `spoken_mmlu`: without the mode where there is only one spoken mode."""
    spoken_modes = [m for m in TASKS[task].modes if m != TEXT]
    where = f"_{SLUGS[mode]}" if mode == TEXT or len(spoken_modes) > 1 else ""
    return f"{task}{where}{suffix(condition)}"


def suffix(condition: str) -> str:
    """`_5db` for "5 dB", nothing for clean speech."""
    return "" if condition == "clean" else f"_{condition.replace(' ', '').lower()}"


def change_figures(
    suite: Suite, systems: Mapping[str, Path], main: str, baselines: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Paired differences: text lost by each fine-tuned system, what it changes in speech, and the better baseline's."""
    figures: list[dict[str, Any]] = []

    def keep(name: str, estimate: Estimate) -> None:
        figures.append(figure(name, estimate, "points"))

    for name in systems:
        worst = suite.worst_text_drop(name)
        if worst:
            keep(f"text_drop_{name}", worst[1])
            figures[-1]["task"] = worst[0]
        for task in suite.names if worst else ():
            if (task, TEXT, name, "clean") in suite.outcomes:
                keep(f"{task}_text_change_{name}", suite.difference(task, TEXT, name, TEXT_MODEL))
                figures[-1] |= {"task": task, "system": name}
        for task, mode, system, condition in list(suite.outcomes):
            if system == name and name != main and mode != TEXT and (task, mode, main, condition) in suite.outcomes:
                where = suffix(condition)
                keep(
                    f"{score_name(task, mode)}_change_{name}{where}",
                    suite.difference(task, mode, name, main, condition),
                )
    for task, mode, system, condition in list(suite.outcomes):
        if system != main or mode == TEXT:
            continue
        start, where = f"{score_name(task, mode)}_{main}_minus", suffix(condition)
        if (task, mode, CASCADE, condition) in suite.outcomes:
            keep(f"{start}_cascade{where}", suite.difference(task, mode, main, CASCADE, condition))
        ceiling = (CEILINGS.get(task, task), TEXT, TEXT_MODEL, "clean")
        if ceiling in suite.outcomes:
            keep(f"{start}_text{where}", suite.change((task, mode, main, condition), ceiling))
        rivals = [s for s in baselines if s != main and (task, mode, s, condition) in suite.outcomes]
        if rivals:
            best = max(rivals, key=lambda s: sum(suite.outcomes[task, mode, s, condition]))
            keep(f"{start}_baseline{where}", suite.difference(task, mode, main, best, condition))
            figures[-1]["baseline"] = best
    return figures
