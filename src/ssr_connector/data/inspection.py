"""What is known of the recordings of a corpus: each file is checked once, shard by shard, wherever that is done."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from ssr_connector.data.audio import AudioError, AudioFacts, inspect_audio
from ssr_connector.engine import Engine, Tick, Work
from ssr_connector.engine.run import run_shards
from ssr_connector.engine.shard import SHARD_MB, file_shards
from ssr_connector.progress import Report

FACTS = "facts.jsonl"  # of a shard, a line for each of its files

Check = Literal["decode", "header"]
Facts = dict[Path, AudioFacts | AudioError]


@dataclass(frozen=True)
class InspectStage:
    """The checks of `ssr prepare`."""

    check: Check

    uses_gpu: ClassVar[bool] = False

    def load(self) -> Work:
        """There is no model in it."""
        return partial(inspect_shard, self.check)


def inspect_files(
    paths: Sequence[Path],
    check: Check,
    folder: Path,
    engine: Engine,
    report: Report,
    shard_mb: float = SHARD_MB,
) -> Facts:
    """Check every file once; results lie in `folder`, by shards, and what an earlier run has left there is kept."""
    files, known = list(dict.fromkeys(paths)), [field.name for field in fields(AudioFacts)]
    shards = file_shards([file.absolute() for file in files], shard_mb, ["facts", check, known])
    folders = run_shards(InspectStage(check), shards, folder, engine, report, "recordings")
    found = (json.loads(line) for folder in folders for line in (folder / FACTS).read_text().splitlines())
    return {file: _facts(file, values) for file, values in zip(files, found, strict=True)}


def inspect_shard(check: Check, files: Sequence[Path], folder: Path, tick: Tick) -> None:
    """The facts of some files in `folder`, in their order; of a bad one what is wrong."""
    with (folder / FACTS).open("w") as lines:
        for file in files:
            try:
                found: dict[str, Any] = asdict(inspect_audio(file, decode=check == "decode"))
            except AudioError as error:
                found = {"reason": error.reason, "what_to_do": error.what_to_do}
            lines.write(json.dumps(found) + "\n")
            tick(1)


def _facts(file: Path, values: dict[str, Any]) -> AudioFacts | AudioError:
    return AudioError(file, **values) if "reason" in values else AudioFacts(**values)
