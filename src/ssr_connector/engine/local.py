"""Shards on this machine: in this process, or in several."""

from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ssr_connector.engine.base import Stage
from ssr_connector.engine.shard import Shard, Tick, Work, commit
from ssr_connector.processes import SPAWN, process_pool

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

LOOK_EVERY_S = 0.5  # for progress


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
        done = SPAWN.Value("d", 0.0)  # what all processes have ticked
        with process_pool(jobs, _set_up, stage, folder, done) as pool:
            left, told = {pool.submit(_in_process, shard) for shard in shards}, 0.0
            while left:
                finished, left = wait(left, LOOK_EVERY_S)
                for future in finished:
                    future.result()
                told, before = done.value, told
                tick(told - before)


_work: Work  # of a process, as `_set_up` leaves it
_folder: Path
_done: "Synchronized[float]"


def _set_up(stage: Stage, folder: Path, done: "Synchronized[float]") -> None:
    global _work, _folder, _done  # a pool gives its processes nowhere else to keep it
    _work, _folder, _done = stage.load(), folder, done


def _in_process(shard: Shard) -> None:
    commit(_work, shard, _folder, _tick)


def _tick(size: float) -> None:
    with _done.get_lock():
        _done.value += size
