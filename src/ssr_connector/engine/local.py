"""Shards on this machine: in this process, or in several."""

from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path

from ssr_connector.engine.base import Stage
from ssr_connector.engine.shard import Shard, Tick, Work, commit
from ssr_connector.processes import process_pool


@dataclass(frozen=True)
class LocalEngine:
    """`jobs` processes, or fewer where there are fewer shards; one is this process itself."""

    jobs: int = 1

    def run(self, stage: Stage, shards: Sequence[Shard], folder: Path, tick: Tick) -> None:
        """As every engine does."""
        work = stage.load()  # its errors come before any process starts
        jobs = min(self.jobs, len(shards))
        if jobs <= 1:
            for shard in shards:
                commit(work, shard, folder, tick)
            return
        del work
        with process_pool(jobs, _set_up, stage, folder) as pool:
            for future in as_completed([pool.submit(_in_process, shard) for shard in shards]):
                tick(future.result())


_work: Work  # of a process, as `_set_up` leaves it
_folder: Path


def _set_up(stage: Stage, folder: Path) -> None:
    global _work, _folder  # a pool gives its processes nowhere else to keep it
    _work, _folder = stage.load(), folder


def _in_process(shard: Shard) -> float:
    commit(_work, shard, _folder, lambda _: None)
    return shard.size
