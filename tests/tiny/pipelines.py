"""Stages for tests of stages, in a module that other processes can import; as a script, a run that hangs."""

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from rich.console import Console

from ssr_connector.errors import UserError
from ssr_connector.tiny.side_by_side import do_side_by_side
from ssr_connector.tiny.stage import Stage, Stages


def note(folder, text):
    """A line in a file that processes share."""
    with (folder / "log").open("a") as log:
        log.write(f"{text}\n")


def noted(folder):
    return (folder / "log").read_text().split()


def work(folder, console, name, fails, report):
    note(folder, name)
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "made").touch()
    report(1, 2, {"loss": 0.5})
    console.print(f"{name} speaks")
    if name == fails:
        raise UserError(f"{name} fails")
    return f"{name} is done"


def pipeline(folder, first, second, fails, console):
    """Two stages, of which the second depends on the first."""
    inputs = {"one": first, "two": second}
    after = {"one": [], "two": ["one"]}
    return [
        Stage(
            name,
            f"the work of {name}",
            inputs[name],
            after[name],
            [folder / name],
            partial(work, folder, console, name, fails),
        )
        for name in inputs
    ]


def meet(folder, name, others, _):
    """Work that ends only when all of the others have begun."""
    note(folder, name)
    (folder / f"{name}.threads").write_text(os.environ["OMP_NUM_THREADS"])
    deadline = time.monotonic() + 60
    while not set(others) <= set(noted(folder)):
        assert time.monotonic() < deadline, f"{name} waited in vain for {others}"
    return f"{name}, process {os.getpid()}, parent {os.getppid()}"


def diamond(folder, console):
    """Two stages that wait for each other between two that stand alone."""
    needs = {"top": [], "left": ["right"], "right": ["left"], "end": ["left", "right"]}
    after = {"top": [], "left": ["top"], "right": ["top"], "end": ["left", "right"]}
    return [Stage(n, n, "", after[n], [], partial(meet, folder, n, needs[n])) for n in needs]


def hang(folder, name, _):
    (folder / f"{name}.pid").write_text(str(os.getpid()))
    while True:
        signal.pause()


def two_that_hang(folder, console):
    return [Stage(name, name, "", [], [], partial(hang, folder, name)) for name in ("left", "right")]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    stages = Stages(folder, Console(quiet=True))
    planned = two_that_hang(folder, stages.console)
    stages.plan(planned)
    do_side_by_side(stages, planned, 2, partial(two_that_hang, folder))
