"""A limit on what text tasks may lose, for use in continuous integration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ssr_connector.errors import UserError
from ssr_connector.evaluation.labels import interval, number

EXIT_CODE = 3  # neither success nor an error: measured, and found to have lost too much


@dataclass(frozen=True)
class TextChange:
    """What a text task gained (or, below zero, lost) against the base LLM over the same items, in points."""

    system: str
    task: str
    points: float
    ci95: tuple[float, float] | None
    n: int


def text_changes(results: Mapping[str, Any], harness: Mapping[str, Any]) -> list[TextChange]:
    """Of all text tasks in what `compare` and `before_and_after` found; either may be empty.

    Of lm-evaluation-harness only metrics in per cent, and groups instead of the tasks within them.
    """
    found = [
        TextChange(f["system"], f["task"], f["value"], f["ci95"], f["n"])
        for f in results.get("figures", ())
        if "system" in f and f["name"] == f"{f['task']}_text_change_{f['system']}"
    ]
    return found + [
        TextChange(r["system"], f"{r['task']} ({r['metric']})", r["change"], r["ci95"], r["n"])
        for r in harness.get("rows", ())
        if r["unit"] == "%" and r["higher_is_better"] is not False and not r["within"]
    ]


def check_measured(changes: Sequence[TextChange], trained: Sequence[str]) -> None:
    """Raise UserError where a system's LLM was trained and no text task says what that did to it."""
    for system in trained:
        if all(change.system != system for change in changes):
            raise UserError(
                f"--fail-if-text-drops: no text task measured {system} in per cent; "
                "give --data DIR with written tasks, or --harness TASK"
            )


def broken_limit(changes: Sequence[TextChange], points: float) -> str:
    """A sentence that names the task with the largest drop where that is more than `points`; else nothing.

    What counts is the paired drop itself, not a bound of its interval.
    """
    worst = min(changes, key=lambda change: change.points, default=None)
    if worst is None or -worst.points <= points:
        return ""
    drop = f"{worst.system} lost {number(-worst.points, 'points')} points on the text task {worst.task}"
    ci = f"95 % interval of the change {interval(worst.ci95, 'points')}, " if worst.ci95 else ""
    return f"{drop} ({ci}n = {worst.n}), more than the {points:g} that --fail-if-text-drops allows"
