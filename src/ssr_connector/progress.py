"""Progress on the screen: a bar with time left on a terminal, a line now and then elsewhere."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

Report = Callable[[int, int, dict[str, float]], None]

SHOWN = ("loss", "cosine", "dev_cosine", "ctc", "speech_lm", "transcribe", "continuation_kl", "text", "accuracy")
LINE_EVERY_S = 20.0


@contextlib.contextmanager
def bar(console: Console, what: str) -> Iterator[Report]:
    """A function to call with (done, total, figures to show)."""
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
        yield lambda done, total, figures: screen.update(task, completed=done, total=total, figures=summary(figures))


def lines(console: Console, what: str) -> Report:
    """One line every while, with time left."""
    started = time.monotonic()
    last = started

    def report(done: int, total: int, figures: dict[str, float]) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < LINE_EVERY_S or not done:
            return
        last = now
        left = (now - started) / done * (total - done)
        console.print(f"  {what}: {done}/{total}, about {left:.0f} s left  {summary(figures)}", soft_wrap=True)

    return report


def summary(figures: dict[str, float]) -> str:
    """The figures worth a glance."""
    return "  ".join(f"{name} {figures[name]:.3f}" for name in SHOWN if name in figures)
