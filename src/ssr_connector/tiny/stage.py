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


@dataclass
class Stages:
    """The stages of a run, with what each cost."""

    folder: Path
    console: Console
    keys: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def do(
        self,
        name: str,
        what: str,
        inputs: Any,
        after: Sequence[str],
        outputs: Sequence[Path],
        work: Callable[[Report], str],
    ) -> None:
        """Do a stage unless it is done.

        `inputs` are plain values that its result follows from, together with the stages in `after`. `work` returns one
        line that says what came of it, and must itself go on from a state that it was stopped in.
        """
        key = self.keys[name] = content_key(inputs, [self.keys[a] for a in after])
        marker = self.marker(name)
        state = json.loads(marker.read_text()) if marker.is_file() else {}
        number = list(self.keys).index(name) + 1
        if is_done(state, key, outputs):
            self.seconds[name] = state["seconds"]
            self.console.print(f"{number:2}. {name}: {state['result']} (done before)", soft_wrap=True)
            return
        if state.get("key") != key:
            for output in outputs:
                remove(output)
            state = {"key": key, "seconds": 0.0}
            write_json(marker, state)
        self.console.print(f"{number:2}. {name}: {what}", soft_wrap=True)
        started = time.monotonic()
        try:
            with bar(self.console, f"    {name}") as report:
                result = work(report)
        finally:
            state["seconds"] += time.monotonic() - started
            write_json(marker, state)
        write_json(marker, {**state, "result": result})
        self.seconds[name] = state["seconds"]
        self.console.print(f"    {result}  [{state['seconds']:.0f} s]", soft_wrap=True)

    def marker(self, name: str) -> Path:
        """The file that says how far a stage is."""
        return self.folder / "stages" / f"{name}.json"


@dataclass
class Foreseen(Stages):
    """Goes through stages without doing them: which are left."""

    left: list[str] = field(default_factory=list)

    def do(
        self,
        name: str,
        what: str,  # noqa: ARG002 - one signature for both
        inputs: Any,
        after: Sequence[str],
        outputs: Sequence[Path],
        work: Callable[[Report], str],  # noqa: ARG002
    ) -> None:
        """Take note of a stage's key, and whether it is done."""
        key = self.keys[name] = content_key(inputs, [self.keys[a] for a in after])
        marker = self.marker(name)
        if not (marker.is_file() and is_done(json.loads(marker.read_text()), key, outputs)):
            self.left.append(name)


def is_done(state: Mapping[str, Any], key: str, outputs: Sequence[Path]) -> bool:
    """Whether a stage came to its end, from the same and with everything still there."""
    return state.get("key") == key and bool(state.get("result")) and all(o.exists() for o in outputs)


def content_key(inputs: Any, after: Sequence[str]) -> str:
    """The same for the same plain values and the same keys of the stages before."""
    return hashlib.blake2b(json.dumps([inputs, list(after)], sort_keys=True).encode()).hexdigest()[:16]


def remove(path: Path) -> None:
    """A file or folder that may not be there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
