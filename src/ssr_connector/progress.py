"""Progress on the screen: a bar with time left on a terminal, a line now and then elsewhere."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

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
    "audio_s_per_s",
    "recordings_per_s",
)
LINE_EVERY_S = 20.0


@contextlib.contextmanager
def bar(console: Console | None, what: str) -> Iterator[Report]:
    """A function to call with (done, total, figures to show); without a console nothing is shown."""
    if console is None:
        yield lambda *_: None
        return
    if not console.is_terminal:
        yield lines(console, what)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=console, transient=True) as screen:
        task = screen.add_task(what, total=None, figures="")
        begun = False

        def report(done: int, total: int, figures: dict[str, float]) -> None:
            nonlocal begun
            if not begun:  # what an earlier run did says nothing of this one's speed
                screen.reset(task, completed=done, total=total)
                begun = True
            screen.update(task, completed=done, total=total, figures=summary(figures))

        yield report


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
