"""Scores laid out as task × mode × condition against systems."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ssr_connector.evaluation.labels import (
    BASELINE,
    MODES,
    OURS,
    SYSTEMS,
    TASKS,
    WRITTEN_AS,
    family,
    in_order,
    number,
    system_name,
    task_name,
)

CLEAN = "clean"
STAGE_1 = "SSR stage 1"


@dataclass(frozen=True)
class Cell:
    """One score, in percent."""

    task: str
    mode: str
    condition: str
    system: str
    value: float
    n: int
    ci95: tuple[float, float] | None
    chance: float | None
    ties: float | None  # percent of the items
    seconds: float | None  # that scoring took
    groups: Mapping[str, float]
    voices: Mapping[str, float]
    family: str  # what kind of system it is

    @property
    def asides(self) -> list[str]:
        """Ties and seconds in words, where they are known."""
        ties = [] if self.ties is None else [f"ties {number(self.ties)} %"]
        return ties if self.seconds is None else [*ties, f"{number(self.seconds, 's')} s"]

    @property
    def at_chance(self) -> bool:
        """Whether the interval holds the chance level, so that the score shows nothing."""
        return self.chance is not None and self.ci95 is not None and self.ci95[0] <= self.chance <= self.ci95[1]


@dataclass(frozen=True)
class Line:
    """All systems on one task in one mode under one condition."""

    task: str
    mode: str
    condition: str
    cells: Mapping[str, Cell]

    @property
    def name(self) -> str:
        """`StoryCloze S→T`, with the condition where it is not clean."""
        return f"{task_name(self.task)} {self.how}"

    @property
    def how(self) -> str:
        """Mode, with the condition where it is not clean."""
        return self.mode if self.condition == CLEAN else f"{self.mode} {self.condition}"

    @property
    def chance(self) -> float | None:
        """Chance level, the same for every system."""
        return next((cell.chance for cell in self.cells.values() if cell.chance is not None), None)

    @property
    def items(self) -> str:
        """How many items the systems were scored on: `200`, or `198–200`."""
        counts = [cell.n for cell in self.cells.values()]
        return str(counts[0]) if min(counts) == max(counts) else f"{min(counts)}–{max(counts)}"


@dataclass(frozen=True)
class Pivot:
    """The lines in the order of presentation, and the systems that any of them has."""

    lines: Sequence[Line]
    systems: Sequence[str]
    main: str | None  # the system that the others are compared with

    def find(self, task: str, system: str, *, mode: str | None = None, condition: str = CLEAN) -> Cell | None:
        """The score of a system; without a mode, of the first in which something is spoken."""
        for line in self.lines:
            right_mode = line.mode != "T" if mode is None else line.mode == mode
            if line.task == task and right_mode and line.condition == condition and system in line.cells:
                return line.cells[system]
        return None

    def ceiling(self, task: str) -> Cell | None:
        """What the text model makes of a task when it reads it."""
        for written in (task, WRITTEN_AS.get(task, task)):
            if cell := self.find(written, "text model", mode="T"):
                return cell
        return None


def pivot(rows: Sequence[Mapping[str, Any]], baselines: Iterable[str] = (), main: str | None = None) -> Pivot:
    """Lay out the rows of `results.json`; `main`: the system that controls and paired figures are of, where it says.

    Raises ValueError where two rows are about the same thing.
    """
    rivals = {system_name(name) for name in baselines}
    lines: dict[tuple[str, str, str], dict[str, Cell]] = {}
    for row in rows:
        cell = read_cell(row, rivals)
        cells = lines.setdefault((cell.task, cell.mode, cell.condition), {})
        if cell.system in cells:
            raise ValueError(f"two scores of {cell.system!r} on {cell.task} {cell.mode} {cell.condition}")
        cells[cell.system] = cell
    found = [system for cells in lines.values() for system in cells]
    own = [name for row in rows if family(name := system_name(row["system"]), rivals) in (OURS, BASELINE)]
    if main is None:
        main = STAGE_1 if STAGE_1 in found else next(iter(own), None)
    systems = in_order(found, SYSTEMS)
    tasks = in_order((task for task, _, _ in lines), TASKS)
    modes = in_order((mode for _, mode, _ in lines), MODES)
    conditions = in_order((condition for _, _, condition in lines), [CLEAN])
    ranks = (tasks.index, modes.index, conditions.index)
    ordered = sorted(lines, key=lambda key: tuple(rank(part) for rank, part in zip(ranks, key, strict=True)))
    laid_out = [Line(*key, {s: lines[key][s] for s in systems if s in lines[key]}) for key in ordered]
    return Pivot(laid_out, systems, main and system_name(main))


def read_cell(row: Mapping[str, Any], baselines: Container[str] = ()) -> Cell:
    """One row of `results.json`."""
    system = system_name(row["system"])
    return Cell(
        task=row["task"],
        mode=row["mode"],
        condition=row.get("condition", CLEAN),
        system=system,
        value=row["value"],
        n=row["n"],
        ci95=read_interval(row.get("ci95")),
        chance=row.get("chance"),
        ties=row.get("ties"),
        seconds=row.get("seconds"),
        groups=row.get("groups") or {},
        voices=row.get("voices") or {},
        family=family(system, baselines),
    )


def read_interval(ci95: Sequence[float] | None) -> tuple[float, float] | None:
    """A pair, or nothing."""
    return None if ci95 is None else (ci95[0], ci95[1])


def intervals_overlap(a: tuple[float, float] | None, b: tuple[float, float] | None) -> bool:
    """Whether two intervals are known to: one that is missing overlaps with nothing."""
    return a is not None and b is not None and max(a[0], b[0]) <= min(a[1], b[1])
