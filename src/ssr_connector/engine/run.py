"""A stage over all shards: what is committed is kept, and only the rest is done."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ssr_connector.engine.base import Engine, Stage
from ssr_connector.engine.shard import Shard, committed
from ssr_connector.files import clear_unfinished
from ssr_connector.progress import Report


def run_shards(
    stage: Stage,
    shards: Sequence[Shard],
    folder: Path,
    engine: Engine,
    report: Report,
    unit: Literal["audio_s", "recordings"] = "audio_s",
) -> list[Path]:
    """The folders of the shards' results, in the order of the shards.

    Progress is reported in the `unit` of the shards' sizes. One run at a time may write to `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clear_unfinished(folder)
    there = committed(folder)
    left = [shard for shard in shards if shard.key not in there]
    total = sum(shard.size for shard in shards)
    kept = total - sum(shard.size for shard in left)
    started, new = time.monotonic(), 0.0

    def tick(size: float) -> None:
        nonlocal new
        new += size
        took_s = max(time.monotonic() - started, 1e-9)
        report(round(kept + new), round(total), {f"{unit}_per_s": new / took_s})

    report(round(kept), round(total), {})
    try:
        if left:
            engine.run(stage, left, folder, tick)
    finally:
        clear_unfinished(folder)
    there = committed(folder)
    missing = [shard.key for shard in shards if shard.key not in there]
    if missing:  # an engine that loses work must not end in a corpus with holes
        raise RuntimeError(f"{len(missing)} of {len(shards)} shards are missing in {folder}, {missing[0]} first")
    return [folder / shard.key for shard in shards]


def keep_only(shards: Sequence[Shard], folder: Path) -> None:
    """Remove results of other runs: of other models, options or cuts."""
    keys = {shard.key for shard in shards}
    for path in folder.iterdir():
        if path.name not in keys:
            shutil.rmtree(path)


def discard(folder: Path) -> None:
    """Remove all results, and the folder that holds theirs where nothing else is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.parent.is_dir() and not any(folder.parent.iterdir()):
        folder.parent.rmdir()
