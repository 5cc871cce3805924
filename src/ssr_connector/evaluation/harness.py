"""Tasks of lm-evaluation-harness on the LLM inside: as it was before training, and as it is after.

Optional (extra `eval`): only the functions below import `lm_eval`.
"""

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ssr_connector.config import EvaluationSection
from ssr_connector.devices import best_device
from ssr_connector.errors import UserError
from ssr_connector.evaluation.stats import Estimate, paired_difference
from ssr_connector.model.checkpoint import base_llm
from ssr_connector.model.modeling import SSRForConditionalGeneration, load_model

BATCH = 8  # sequences at once
SHARES = frozenset(
    {"acc", "acc_norm", "acc_mutual_info", "exact_match"}
)  # metrics that are shares of items: in per cent


@dataclass(frozen=True)
class Measured:
    """One metric of one task or group, as lm-eval reports it."""

    value: float
    outcomes: list[float] | None  # per item, where the value is their mean; else (as for perplexity) None
    n: int
    higher_is_better: bool | None


@dataclass(frozen=True)
class Measurement:
    """All metrics of one LLM by task and metric, and which group a task or group is counted in."""

    metrics: Mapping[tuple[str, str], Measured]
    within: Mapping[str, str]
    seconds: float = 0.0


def as_lm(model: SSRForConditionalGeneration, batch_size: int = BATCH) -> Any:
    """The LLM inside as an `lm`: `lm_eval.simple_evaluate(model=as_lm(model), tasks=["hellaswag"])`."""
    return lm_of(model.llm, model.tokenizer, batch_size)


def lm_of(llm: Any, tokenizer: Any, batch_size: int = BATCH) -> Any:
    """A transformers LLM as an `lm`. Raises UserError where lm-eval is not installed."""
    need_lm_eval()
    from lm_eval.models.huggingface import HFLM

    # A copy, since lm-eval sets the padding token of its tokenizer.
    return HFLM(llm, backend="causal", tokenizer=copy.deepcopy(tokenizer), batch_size=batch_size)


def need_lm_eval() -> None:
    """Raise UserError where lm-eval is not installed."""
    try:
        import lm_eval  # noqa: F401 - whether it is there
    except ImportError as error:
        raise UserError("tasks of lm-evaluation-harness need the package lm_eval: pip install -e '.[eval]'") from error


def task_manager(tasks: Sequence[str], folder: Path | None) -> Any:
    """lm-eval's index of tasks, with those of `folder`. Raises UserError where one of `tasks` cannot be had."""
    need_lm_eval()
    from lm_eval.tasks import TaskManager

    if folder and not folder.is_dir():
        raise UserError(f"there is no folder {folder} with tasks for --harness-dir")
    manager = TaskManager(include_path=str(folder) if folder else None, include_defaults=False)
    if not set(tasks) <= set(manager.all_tasks):  # lm-eval's own thousands take half a minute to index
        manager = TaskManager(include_path=str(folder) if folder else None)
    for name in tasks:
        if name not in manager.all_tasks:
            where = f" or {folder}" if folder else "; --harness-dir DIR adds your own"
            raise UserError(f"there is no task {name!r} in lm-evaluation-harness{where}; lm-eval ls tasks lists them")
        try:
            manager.load([name])
        except (OSError, ValueError, RuntimeError) as error:  # what `datasets` raises where the data is not to be had
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"cannot load the data of the task {name} ({type(error).__name__}: {reason})") from error
    return manager


@torch.no_grad()
def measure(lm: Any, tasks: Sequence[str], manager: Any, limit: int) -> Measurement:
    """Run tasks on an `lm`; at most `limit` items of each, 0 for all."""
    from lm_eval import simple_evaluate

    started = time.monotonic()
    found = simple_evaluate(
        lm, tasks=list(tasks), task_manager=manager, limit=limit or None, bootstrap_iters=0, log_samples=True
    )
    metrics = {}
    for task, values in {**found["results"], **found.get("groups", {})}.items():
        for key, value in values.items():
            name, comma, chosen = key.partition(",")
            if not comma or name.endswith("_stderr") or not isinstance(value, int | float):
                continue
            each = [
                sample[name]
                for leaf in leaves(task, found["group_subtasks"])
                for sample in found["samples"][leaf]
                if sample["filter"] == chosen and name in sample
            ]
            label = name if chosen == "none" else f"{name} ({chosen})"
            better = found["higher_is_better"].get(task, {}).get(name)
            metrics[task, label] = Measured(float(value), mean_of(each, float(value)), len(each), better)
    within = {child: group for group, children in found["group_subtasks"].items() for child in children}
    return Measurement(metrics, within, time.monotonic() - started)


def leaves(task: str, children: Mapping[str, Sequence[str]]) -> list[str]:
    """The tasks that a group is made of, or the task itself."""
    if not children.get(task):
        return [task]
    return [leaf for child in children[task] for leaf in leaves(child, children)]


def mean_of(values: Sequence[Any], reported: float) -> list[float] | None:
    """Items' values where the reported number is their mean, and so differences can be paired item by item."""
    if not values or not all(isinstance(v, int | float) for v in values):
        return None
    return [float(v) for v in values] if abs(sum(values) / len(values) - reported) < 1e-6 else None


def before_and_after(
    systems: Mapping[str, Path],
    tasks: Sequence[str],
    folder: Path | None,
    config: EvaluationSection,
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Tasks on the base LLM and on the LLM of every system: rows, items' outcomes, seconds, notes, ready for JSON."""
    from importlib.metadata import version

    manager = task_manager(tasks, folder)
    bases: dict[str, Measurement] = {}
    rows: list[dict[str, Any]] = []
    notes, outcomes = [], {}
    seconds: dict[str, float] = {}
    for name, path in systems.items():
        model = load_model(path)
        base = f"{model.config.llm_name}, {model.config.llm_dtype}"
        if base not in bases:
            note("the base LLM on tasks of lm-evaluation-harness")
            plain = base_llm(model.config).to(best_device()) if model.config.llm_trained else model.llm
            bases[base] = measure(lm_of(plain, model.tokenizer), tasks, manager, config.items)
            seconds[f"base LLM ({base})"] = bases[base].seconds
        after = before = bases[base]
        if model.config.llm_trained:
            note(f"the LLM of {name} on the same")
            after = measure(as_lm(model), tasks, manager, config.items)
            seconds[name] = after.seconds
        else:
            notes.append(f"the LLM of {name} was not trained: its scores are the base's own, not measured again")
        rows += [row(name, key, before, after, config.bootstrap) for key in before.metrics]
        for system, found in ((f"before ({base})", before), (name, after)):
            for (task, metric), measured in found.metrics.items():
                outcomes[f"{task} | {metric} | {system}"] = measured.outcomes
    how = {"lm_eval": version("lm_eval"), "tasks": list(tasks), "items": config.items, "batch": BATCH}
    return {**how, "seconds": seconds, "rows": rows, "notes": notes, "outcomes": outcomes}


def row(system: str, key: tuple[str, str], before: Measurement, after: Measurement, resamples: int) -> dict[str, Any]:
    """A metric before and after, and the paired change with its 95 % interval; shares and their changes in per cent."""
    task, metric = key
    old, new = before.metrics[key], after.metrics[key]
    change = Estimate(new.value - old.value, new.n, None)
    if old.outcomes is not None and new.outcomes is not None:
        change = paired_difference(new.outcomes, old.outcomes, resamples)
    factor = 100.0 if metric.partition(" ")[0] in SHARES else 1.0
    change = change.scaled(factor)
    return {
        "task": task,
        "within": before.within.get(task, ""),
        "metric": metric,
        "system": system,
        "before": factor * old.value,
        "after": factor * new.value,
        "change": change.value,
        "ci95": change.ci95,
        "n": new.n,
        "unit": "%" if factor == 100 else "",
        "higher_is_better": old.higher_is_better,
    }
