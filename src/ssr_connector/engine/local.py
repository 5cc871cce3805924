"""Shards on this machine: in this process, or in several."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path

from ssr_connector.engine.base import Stage
from ssr_connector.engine.shard import Shard, Tick, Work, commit
from ssr_connector.errors import UserError


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
        context = get_context("spawn")
        theirs, ours = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(jobs, context, _set_up, (stage, folder, jobs, theirs))
        try:
            for future in as_completed([pool.submit(_in_process, shard) for shard in shards]):
                tick(future.result())
        except BrokenProcessPool:
            raise UserError(
                "a process was killed, perhaps for want of memory: the same command goes on; with fewer --jobs?"
            ) from None
        finally:
            ours.close()  # what is half done is given up at once, nobody waits for the end of a shard
            pool.shutdown(cancel_futures=True)


_work: Work  # of a process, as `_set_up` leaves it
_folder: Path


def _set_up(stage: Stage, folder: Path, jobs: int, alive: Connection) -> None:
    global _work, _folder  # a pool gives its processes nowhere else to keep it
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    if "OMP_NUM_THREADS" not in os.environ:
        import torch

        torch.set_num_threads(max(1, (os.cpu_count() or 1) // jobs))
    _work, _folder = stage.load(), folder


def _end_with(alive: Connection) -> None:
    """End this process when the one that started it closes its side, or is killed."""
    wait([alive])
    os._exit(1)


def _in_process(shard: Shard) -> float:
    commit(_work, shard, _folder, lambda _: None)
    return shard.size
