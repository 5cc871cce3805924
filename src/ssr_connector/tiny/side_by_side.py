"""Stages that do not wait for one another, at the same time: each in a process of its own."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from io import TextIOBase
from multiprocessing.queues import SimpleQueue

from rich.console import Console

from ssr_connector.processes import SPAWN, process_pool, share_of, use_threads
from ssr_connector.progress import Bars, Report
from ssr_connector.tiny.stage import Stage, Stages

Remake = Callable[[Console], Sequence[Stage]]  # the same stages in another process; can be pickled
Progress = tuple[int, int, dict[str, float]]
News = SimpleQueue[tuple[str, str | Progress]]  # of a stage: a text for the screen, or how far it is
LISTEN_EVERY_S = 0.1


def do_side_by_side(stages: Stages, planned: Sequence[Stage], jobs: int, remake: Remake) -> None:
    """Do those of the planned stages that are not done, up to `jobs` at a time, in their order as far as they can."""
    waiting = [stage for stage in planned if not stages.reuse(stage)]
    if not waiting:
        return
    news: News = SPAWN.SimpleQueue()
    running: dict[Future[str], Stage] = {}
    reports: dict[str, Report] = {}
    given = "OMP_NUM_THREADS" in os.environ  # then it holds for every process
    with (
        ExitStack() as given_up,  # last of all: by then no process works any more
        Bars(stages.console) as bars,
        process_pool(jobs, _set_up, remake, news, stages.console.width) as pool,
    ):
        given_up.callback(lambda: [stages.stop(stage) for stage in running.values()])
        while waiting or running:
            left = {stage.name for stage in (*waiting, *running.values())}
            ready = [s for s in waiting if not left & set(s.after)][: jobs - len(running)]
            at_once = len(running) + len(ready)
            for stage in ready:
                waiting.remove(stage)
                stages.begin(stage)
                reports[stage.name] = bars.add(f"    {stage.name}")
                running[pool.submit(_do, stage.name, None if given else share_of(at_once))] = stage
            done, _ = wait(running, LISTEN_EVERY_S, FIRST_COMPLETED)
            while not news.empty():
                name, said = news.get()
                if isinstance(said, str):
                    stages.console.print(said, soft_wrap=True)
                else:
                    reports[name](*said)
            for future in done:
                result = future.result()
                stage = running.pop(future)
                bars.drop(f"    {stage.name}")
                stages.end(stage, result)


# --- in another process ---

_stages: dict[str, Stage]  # as `_set_up` leaves them
_voice: "_Voice"


class _Voice(TextIOBase):
    """Whole lines of what a stage prints, sent to the process that has the screen."""

    def __init__(self, news: News) -> None:
        self.news, self.stage, self.begun = news, "", ""

    def write(self, text: str) -> int:
        *lines, self.begun = (self.begun + text).split("\n")
        for line in lines:
            self.news.put((self.stage, line))
        return len(text)


def _set_up(remake: Remake, news: News, width: int) -> None:
    global _stages, _voice  # a pool gives its processes nowhere else to keep them
    _voice = _Voice(news)
    console = Console(file=_voice, width=width, highlight=False, markup=False)  # type: ignore[arg-type]
    _stages = {stage.name: stage for stage in remake(console)}


def _do(name: str, threads: int | None) -> str:
    """Do a stage, on its share of the processors: all of them where nothing else goes on beside it."""
    if threads is not None:
        use_threads(threads)
    _voice.stage = name
    return _stages[name].work(lambda *progress: _voice.news.put((name, progress)))
