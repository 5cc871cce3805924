"""Stages of a pipeline: done once, taken up where stopped, and done anew when what they depend on changed."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from ssr_connector.files import write_json
from ssr_connector.progress import Report, bar


@dataclass(frozen=True)
class Stage:
    """Something to do in a run.

    `inputs` are plain values that its result follows from, together with the stages in `after`. `work` returns one
    line that says what came of it, and must itself go on from a state that it was stopped in.
    """

    name: str
    what: str  # for the screen
    inputs: Any
    after: Sequence[str]
    outputs: Sequence[Path]
    work: Callable[[Report], str]


@dataclass
class Stages:
    """The stages of a run, with what each cost."""

    folder: Path
    console: Console
    keys: dict[str, str] = field(default_factory=dict)  # of all that is planned, in its order
    spans: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # of all that is done: from when to when
    begun: dict[str, float] = field(default_factory=dict)  # when, of all that goes on

    def plan(self, stages: Sequence[Stage]) -> list[str]:
        """Take note of stages, each behind those that it comes after. Returns the names of those that are left."""
        for stage in stages:
            self.keys[stage.name] = content_key(stage.inputs, [self.keys[name] for name in stage.after])
        return [stage.name for stage in stages if not self.is_done(stage)]

    def done_otherwise(self, stages: Sequence[Stage]) -> list[str]:
        """Which of these came to their end here from something else: what `do` would write over."""
        self.plan(stages)
        known = {stage.name: self.noted(stage.name) for stage in stages}
        return [name for name, state in known.items() if state.get("result") and state["key"] != self.keys[name]]

    def do(self, stage: Stage) -> None:
        """Do one that is planned unless it is done."""
        if self.reuse(stage):
            return
        with bar(self.console, f"    {stage.name}") as report:
            self.begin(stage)
            try:
                result = stage.work(report)
            except BaseException:
                self.stop(stage)
                raise
        self.end(stage, result)

    # --- what stands on disk and on the screen ---

    def marker(self, name: str) -> Path:
        """The file that says how far a stage is."""
        return self.folder / "stages" / f"{name}.json"

    def noted(self, name: str) -> dict[str, Any]:
        """What that file says, whatever the stage was begun from; nothing where there is none."""
        marker = self.marker(name)
        found: dict[str, Any] = json.loads(marker.read_text()) if marker.is_file() else {}
        return found

    def state(self, stage: Stage) -> dict[str, Any]:
        """What is known of a stage: nothing where it was begun from something else."""
        state = self.noted(stage.name)
        return state if state.get("key") == self.keys[stage.name] else {}

    def is_done(self, stage: Stage) -> bool:
        """Whether it came to its end, from the same and with everything still there."""
        return bool(self.state(stage).get("result")) and all(output.exists() for output in stage.outputs)

    def reuse(self, stage: Stage) -> bool:
        """Say what came of a stage if it is done."""
        if not self.is_done(stage):
            return False
        state = self.state(stage)
        self.spans[stage.name] = spans_of(state)
        self.console.print(f"{self.number(stage)}. {stage.name}: {state['result']} (done before)", soft_wrap=True)
        return True

    def begin(self, stage: Stage) -> None:
        """Say what comes; what was made from something else is removed."""
        if not self.state(stage):
            for output in stage.outputs:
                remove(output)
            write_json(self.marker(stage.name), {"key": self.keys[stage.name], "spans": []})
        self.begun[stage.name] = time.time()
        self.console.print(f"{self.number(stage)}. {stage.name}: {stage.what}", soft_wrap=True)

    def stop(self, stage: Stage) -> dict[str, Any]:
        """Take note of the time spent."""
        state = self.state(stage)
        state = {**state, "spans": [*spans_of(state), (self.begun.pop(stage.name), time.time())]}
        write_json(self.marker(stage.name), state)
        return state

    def end(self, stage: Stage, result: str) -> None:
        """Take note of what came of it, and say it."""
        state = self.stop(stage)
        write_json(self.marker(stage.name), {**state, "result": result})
        self.spans[stage.name] = state["spans"]
        self.console.print(f"    {stage.name}: {result}  [{self.seconds[stage.name]:.0f} s]", soft_wrap=True)

    def number(self, stage: Stage) -> str:
        """Its place among all."""
        return f"{list(self.keys).index(stage.name) + 1:2}"

    # --- what it cost ---

    @property
    def seconds(self) -> dict[str, float]:
        """What each stage took that is done."""
        return {name: length(spans) for name, spans in self.spans.items()}

    @property
    def elapsed(self) -> float:
        """What they took in all; less than the sum where some went on at the same time."""
        total = end = 0.0
        for a, b in sorted(span for spans in self.spans.values() for span in spans):
            total += max(0.0, b - max(a, end))
            end = max(end, b)
        return total


def spans_of(state: Mapping[str, Any]) -> list[tuple[float, float]]:
    """From when to when a stage was worked on, by its marker."""
    return [(a, b) for a, b in state.get("spans", ())]


def length(spans: Sequence[tuple[float, float]]) -> float:
    """Of all of them together."""
    return sum(b - a for a, b in spans)


def content_key(inputs: Any, after: Sequence[str]) -> str:
    """The same for the same plain values and the same keys of the stages before."""
    return hashlib.blake2b(json.dumps([inputs, list(after)], sort_keys=True).encode()).hexdigest()[:16]


def remove(path: Path) -> None:
    """A file or folder that may not be there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
