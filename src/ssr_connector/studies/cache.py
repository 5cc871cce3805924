"""Steps of studies, each done once: what is equal between arms, seeds and studies is found by what it follows from."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from ssr_connector.files import write_json
from ssr_connector.progress import Report
from ssr_connector.tiny.stage import Stages, content_key

Facts = Mapping[str, Any]  # what a step leaves beside its files; plain values
FACTS = "facts.json"


@dataclass(frozen=True)
class Step:
    """Something to be made in a folder of its own. `work` returns facts, and goes on from where it was stopped."""

    stage: str
    what: str  # for the screen
    inputs: Any  # plain values that it follows from, together with the steps before it
    before: tuple["Step", ...]
    work: Callable[[Path, Report], Facts]
    seconds: float | None = None  # that it is expected to take; None: nobody knows
    guess: Facts = field(default_factory=dict)  # facts that are assumed while it is not done

    @cached_property
    def key(self) -> str:
        """The same for all steps that would make the same."""
        return content_key([self.stage, self.inputs], [step.key for step in self.before])

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.stage}-{self.key}"


class Maker(Protocol):
    """Who sees to steps: it takes them, or finds out what they would cost."""

    def folder(self, step: Step) -> Path:
        """Where a step's files are, or would be."""

    def make(self, step: Step) -> Facts:
        """Its facts, with `seconds`, those that it took."""


class Cache:
    """Takes steps, unless they were taken before."""

    def __init__(self, root: Path, console: Console) -> None:
        self.root, self.stages = root, Stages(root, console)
        self.facts: dict[str, Facts] = {}

    def folder(self, step: Step) -> Path:
        """One for each key."""
        return self.root / step.name

    def make(self, step: Step) -> Facts:
        """Whatever comes before it first."""
        if step.key in self.facts:
            return self.facts[step.key]
        for before in step.before:
            self.make(before)
        folder = self.folder(step)

        def work(report: Report) -> str:
            facts = step.work(folder, report)
            write_json(folder / FACTS, facts)
            return f"{step.what}: {said(facts)}"

        before_it = [before.name for before in step.before]
        inputs = [step.stage, step.inputs]
        self.stages.do(step.name, step.what, inputs, before_it, [folder, folder / FACTS], work)
        self.facts[step.key] = {**read_facts(folder), "seconds": self.stages.seconds[step.name]}
        return self.facts[step.key]


@dataclass
class Forecast:
    """Goes through steps without taking them: the seconds of those that are left."""

    root: Path
    seconds: float = 0.0
    done: int = 0
    left: int = 0
    unknown: set[str] = field(default_factory=set)  # stages of which nobody knows how long they take
    facts: dict[str, Facts] = field(default_factory=dict)

    def folder(self, step: Step) -> Path:
        """As `Cache` has it."""
        return self.root / step.name

    def make(self, step: Step) -> Facts:
        """Its facts where it is done, else what is assumed of them."""
        if step.key in self.facts:
            return self.facts[step.key]
        for before in step.before:
            self.make(before)
        marker = self.root / "stages" / f"{step.name}.json"
        state = json.loads(marker.read_text()) if marker.is_file() else {}
        spent = float(state.get("seconds", 0.0))
        facts: Facts
        if state.get("result") and (self.folder(step) / FACTS).is_file():
            self.done += 1
            facts = read_facts(self.folder(step))
        else:
            facts = step.guess
            self.expect(step.stage, None if step.seconds is None else max(0.0, step.seconds - spent))
        self.facts[step.key] = {**facts, "seconds": spent}
        return self.facts[step.key]

    def expect(self, stage: str, seconds: float | None) -> None:
        """One more thing that is left to do."""
        self.left += 1
        if seconds is None:
            self.unknown.add(stage)
        else:
            self.seconds += seconds


def read_facts(folder: Path) -> dict[str, Any]:
    """What a step left."""
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return facts


def said(facts: Facts) -> str:
    """The plain figures among facts, for the screen."""
    figures = [f"{name} {value:.4g}" for name, value in facts.items() if isinstance(value, int | float)]
    return ", ".join(figures) or "done"
