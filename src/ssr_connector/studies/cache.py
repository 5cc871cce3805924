"""Steps of studies, each done once: what is equal between arms, seeds and studies is found by what it follows from."""

import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from ssr_connector.files import write_json
from ssr_connector.progress import Report
from ssr_connector.tiny.stage import Stage, Stages, content_key, length, spans_of

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


class Maker(ABC):
    """Who sees to steps: it takes them, or finds out what they would cost."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.facts: dict[str, Facts] = {}

    def folder(self, step: Step) -> Path:
        """Where a step's files are, or would be: one for each key."""
        return self.root / step.name

    def make(self, step: Step) -> Facts:
        """Its facts, with `seconds`, those that it took; whatever comes before it first, and nothing twice."""
        if step.key not in self.facts:
            for before in step.before:
                self.make(before)
            self.facts[step.key] = self.take(step)
        return self.facts[step.key]

    @abstractmethod
    def take(self, step: Step) -> Facts:
        """See to one whose steps before are seen to."""


class Cache(Maker):
    """Takes steps, unless they were taken before. Keys hold no code: training is not repeated for every change of it.

    So facts say at which `commit` they were made.
    """

    def __init__(self, root: Path, console: Console) -> None:
        super().__init__(root)
        self.stages = Stages(root, console)

    @property
    def commits(self) -> list[str]:
        """Of all code that made what was asked for so far."""
        return sorted({facts.get("commit", "unknown") for facts in self.facts.values()})

    @contextlib.contextmanager
    def alone(self, step: Step) -> Iterator[None]:
        """While no other study is at the same step: what that one makes is then found done."""
        path = self.stages.marker(step.name).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            self.stages.console.print(f"    {step.name}: another study is at it; waiting", soft_wrap=True)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def take(self, step: Step) -> Facts:
        """From where it was stopped."""
        folder = self.folder(step)

        def work(report: Report) -> str:
            from ssr_connector.evaluation.comparison import commit

            facts = step.work(folder, report)
            write_json(folder / FACTS, {**facts, "commit": commit()})
            return f"{step.what}: {said(facts)}"

        before_it = [before.name for before in step.before]
        inputs = [step.stage, step.inputs]
        stage = Stage(step.name, step.what, inputs, before_it, [folder, folder / FACTS], work)
        self.stages.plan([stage])
        with self.alone(step):
            self.stages.do(stage)
        return {**read_facts(folder), "seconds": self.stages.seconds[step.name]}


class Forecast(Maker):
    """Goes through steps without taking them: the seconds of those that are left."""

    def __init__(self, root: Path, afresh: bool = False) -> None:
        super().__init__(root)
        self.afresh = afresh  # as though none were taken yet
        self.seconds = 0.0
        self.done = self.left = 0
        self.unknown: set[str] = set()  # stages of which nobody knows how long they take

    def take(self, step: Step) -> Facts:
        """What it left where it is done, else what is assumed."""
        marker = self.root / "stages" / f"{step.name}.json"
        state = json.loads(marker.read_text()) if marker.is_file() and not self.afresh else {}
        spent = length(spans_of(state))
        if state.get("result") and (self.folder(step) / FACTS).is_file():
            self.done += 1
            return {**read_facts(self.folder(step)), "seconds": spent}
        self.expect(step.stage, None if step.seconds is None else max(0.0, step.seconds - spent))
        return {**step.guess, "seconds": spent}

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
