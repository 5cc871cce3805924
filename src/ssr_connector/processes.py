"""Processes of this machine that work for this one, and end when it does."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

from ssr_connector.errors import UserError

SPAWN = get_context("spawn")  # not fork: this process may run torch's threads


class _Pool(ProcessPoolExecutor):
    """Its processes are started by `submit`, and are deaf to Ctrl-C from their first moment on."""

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a process begins with its parent's
        try:
            return super().submit(*args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextlib.contextmanager
def process_pool(jobs: int, set_up: Callable[..., object] | None = None, *args: Any) -> Iterator[ProcessPoolExecutor]:
    """A pool of `jobs` processes that share the processors' threads; `set_up` is called with `args` in each.

    At the end, or when this process is killed, what is half done is given up at once. Raises UserError where one of
    them was killed.
    """
    theirs, ours = SPAWN.Pipe(duplex=False)
    pool = _Pool(jobs, SPAWN, _begin, (jobs, theirs, set_up, args))
    try:
        yield pool
    except BrokenProcessPool:
        raise UserError(
            "a process was killed, perhaps for want of memory: the same command goes on; with fewer --jobs?"
        ) from None
    finally:
        ours.close()
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """SIGTERM, by which schedulers end a job before they kill it, as Ctrl-C; in the main thread, which alone has it.

    Not where whoever started this process had it ignored, or handles it outside of Python.
    """
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or before in (signal.SIG_IGN, None):
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _begin(jobs: int, alive: Connection, set_up: Callable[..., object] | None, args: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    if "OMP_NUM_THREADS" not in os.environ:
        use_threads(share_of(jobs))
    if set_up:
        set_up(*args)


def share_of(n: int) -> int:
    """Threads for each of so many processes that work at the same time."""
    return max(1, (os.cpu_count() or 1) // n)


def use_threads(n: int) -> None:
    """Let torch compute on so many threads, whether it is loaded yet or not."""
    os.environ["OMP_NUM_THREADS"] = str(n)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(n)


def _end_with(alive: Connection) -> None:
    """End this process when the one that started it closes its side, or is killed."""
    wait([alive])
    os._exit(1)
