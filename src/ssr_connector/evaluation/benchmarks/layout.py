"""What the reader of a benchmark finds in a download, before any recording is checked."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ssr_connector.data.entry import Rejected
from ssr_connector.errors import UserError
from ssr_connector.evaluation.choice import Choice


@dataclass(frozen=True)
class Options:
    """What may be asked of a reader; each takes the options that its `Benchmark` lists."""

    split: str | None = None  # which part of the benchmark; None: the first of those that there are
    shots: int | None = None  # examples before every question; None: as published
    header: bool = True  # a line on what follows, before the examples

    def check(self, name: str, taken: Sequence[str]) -> None:
        """Raise UserError where something is asked for that is not among the options that a reader takes."""
        given = {"split": self.split is not None, "shots": self.shots is not None, "header": not self.header}
        for option, is_given in given.items():
            if is_given and option not in taken:
                takes = ", ".join(map(flag, taken)) or "no options"
                raise UserError(f"{name} does not take {flag(option)}: it takes {takes}")


def flag(option: str) -> str:
    """An option as the command line knows it."""
    return "--no-header" if option == "header" else f"--{option}"


@dataclass
class Layout:
    """Questions by the name of the task's file; what had to be left out; and what is odd but costs no question."""

    split: str = ""  # which part of the benchmark this is, where it has several
    questions: dict[str, list[Choice]] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    remarks: list[Rejected] = field(default_factory=list)

    def add(self, file: str, item: Choice) -> None:
        """Keep a question."""
        self.questions.setdefault(file, []).append(item)

    def reject(self, name: str, reason: str, detail: str = "") -> None:
        """Leave something out: `reason` is what it is counted under."""
        self.rejected.append(Rejected(name, "", reason, detail))

    def remark(self, name: str, reason: str, detail: str = "") -> None:
        """Say something about what is kept."""
        self.remarks.append(Rejected(name, "", reason, detail))


@dataclass(frozen=True)
class Benchmark:
    """How a benchmark is read; `read` raises UserError where the layout itself is not there."""

    holds: str  # its layout in a few words, for the help
    tasks: tuple[str, ...]  # of `ssr evaluate`, that its questions are for
    read: Callable[[Path, Options], Layout]
    options: tuple[str, ...] = ()
    is_in: Callable[[Path], bool] | None = None  # whether a folder holds it, at a glance; None: nothing gives it away


def first_folder(source: Path, names: Iterable[str], layout: str) -> Path:
    """The first of these folders of `source`. Raises UserError that describes the layout where there is none."""
    if not source.is_dir():
        raise UserError(f"{source} is not a folder: give {layout}")
    names = list(names)
    for name in names:
        if (source / name).is_dir():
            return source / name
    raise UserError(f"{source} holds no folder {' or '.join(names)}: give {layout}")


def in_sequence(name: str) -> tuple[tuple[int, str], ...]:
    """A sort key that puts 2 before 10, also inside of names with underscores, dashes and slashes."""
    parts = name.replace("/", "_").replace("-", "_").split("_")
    return tuple((int(p), "") if p.isdecimal() and p.isascii() else (-1, p) for p in parts)
