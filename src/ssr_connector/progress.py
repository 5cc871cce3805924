"""Progress on the screen: a bar with time left on a terminal, a line now and then elsewhere."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

Report = Callable[[int, int, dict[str, float]], None]

SHOWN = (
    "loss",
    "cosine",
    "dev_cosine",
    "ctc",
    "speech_lm",
    "transcribe",
    "continuation_kl",
    "text",
    "accuracy",
    "dev_wer",
    "audio_s_per_s",
    "recordings_per_s",
)
LINE_EVERY_S = 20.0


class Bars:
    """Progress of several things at once; without a console nothing is shown."""

    def __init__(self, console: Console | None) -> None:
        self.console = console
        self._screen: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        if console is not None and console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[figures]}"),
            )
            self._screen = Progress(*columns, console=console, transient=True)

    def __enter__(self) -> Self:
        if self._screen:
            self._screen.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._screen:
            self._screen.stop()

    def add(self, what: str) -> Report:
        """A bar of that name. Returns a function to call with (done, total, figures to show)."""
        if self.console is None:
            return lambda *_: None
        if self._screen is None:
            return lines(self.console, what)
        screen, begun = self._screen, False
        task = self._tasks[what] = screen.add_task(what, total=None, figures="")

        def report(done: int, total: int, figures: dict[str, float]) -> None:
            nonlocal begun
            if not begun:  # what an earlier run did says nothing of this one's speed
                screen.reset(task, completed=done, total=total)
                begun = True
            screen.update(task, completed=done, total=total, figures=summary(figures))

        return report

    def drop(self, what: str) -> None:
        """Take a bar away."""
        if self._screen:
            self._screen.remove_task(self._tasks.pop(what))


@contextlib.contextmanager
def bar(console: Console | None, what: str) -> Iterator[Report]:
    """One bar alone: a function to call with (done, total, figures to show)."""
    with Bars(console) as bars:
        yield bars.add(what)


def lines(console: Console, what: str) -> Report:
    """One line every while, with time left."""
    started = time.monotonic()
    last = started
    first: int | None = None
    before = 0

    def report(done: int, total: int, figures: dict[str, float]) -> None:
        nonlocal started, last, first, before
        now = time.monotonic()
        if first is None or done < before:  # what an earlier run did says nothing of this one's speed
            started, first = now, done
        before = done
        if now - last < LINE_EVERY_S or done <= first:
            return
        last = now
        left = (now - started) / (done - first) * (total - done)
        console.print(f"  {what}: {done}/{total}, about {left:.0f} s left  {summary(figures)}", soft_wrap=True)

    return report


def summary(figures: dict[str, float]) -> str:
    """The figures worth a glance."""
    return "  ".join(f"{name} {figures[name]:.3f}" for name in SHOWN if name in figures)
