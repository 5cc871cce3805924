"""From a benchmark's download to the files of `ssr evaluate`: read, check every recording, write what is good.

Recordings stay where they are: the files hold their paths, relative where they lie under the same folder.
"""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from ssr_connector.data.audio import AudioError
from ssr_connector.data.entry import Rejected
from ssr_connector.data.inspection import inspect_files
from ssr_connector.data.output import write_together
from ssr_connector.data.preparation import rejected_lines
from ssr_connector.engine import Engine, LocalEngine
from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks import BENCHMARKS
from ssr_connector.evaluation.benchmarks.layout import Layout, Options
from ssr_connector.evaluation.choice import Choice, Spoken, read_choices
from ssr_connector.evaluation.tasks import TASKS
from ssr_connector.progress import bar

REJECTED, BUILD = "rejected.tsv", "build.json"  # the second: what `ssr build-benchmark` writes beside its tasks


@dataclass(frozen=True)
class Import:
    """What came of a benchmark: questions by file, what was left out, and what is odd but costs no question."""

    name: str
    questions: dict[str, list[Choice]]
    rejected: list[Rejected]
    remarks: list[Rejected]
    split: str = ""

    @property
    def tasks(self) -> list[str]:
        """The tasks of `ssr evaluate` that have questions."""
        return [task for task in BENCHMARKS[self.name].tasks if TASKS[task].file in self.questions]


def read_benchmark(
    name: str, source: Path, options: Options, engine: Engine | None = None, console: Console | None = None
) -> Import:
    """Read a benchmark in its original layout and decode its recordings, by `engine` (this process, if none is given).

    Raises UserError for an unknown name, an option that it does not take, or a layout that is not there.
    """
    if name not in BENCHMARKS:
        raise UserError(f"there is no benchmark {name!r}; known are {', '.join(BENCHMARKS)}")
    benchmark = BENCHMARKS[name]
    options.check(name, benchmark.options)
    layout = benchmark.read(source, options)
    questions = {file: distinct(items, layout) for file, items in layout.questions.items()}
    recordings = [Path(audio) for items in questions.values() for item in items for audio in audios(item)]
    with TemporaryDirectory() as folder, bar(console, "checking recordings") as report:
        facts = inspect_files(recordings, "decode", Path(folder), engine or LocalEngine(), report)
    good: dict[str, list[Choice]] = {}
    for file, items in questions.items():
        for item in items:
            faults = [facts[Path(audio)] for audio in audios(item)]
            fault = next((f for f in faults if isinstance(f, AudioError)), None)
            if fault is None:
                good.setdefault(file, []).append(item)
            else:
                layout.reject(item.id, fault.reason, str(fault))
    for items in good.values():
        remark_voices(items, layout)
    return Import(name, good, layout.rejected, layout.remarks, layout.split)


def distinct(items: list[Choice], layout: Layout) -> list[Choice]:
    """The first question of every id; the others are rejected."""
    first: dict[str, Choice] = {}
    for item in items:
        if item.id in first:
            layout.reject(item.id, "duplicate id", "the first question with this id is kept")
        else:
            first[item.id] = item
    return list(first.values())


def audios(item: Choice) -> list[str]:
    """Paths of a question's recordings."""
    return [part.audio for part in (*item.contexts, *item.choices) if part.audio]


def remark_voices(items: list[Choice], layout: Layout) -> None:
    """Name the pairs that are there in fewer voices than others: their mean is over those."""
    voices = Counter(item.cluster for item in items if item.cluster and item.speaker)
    most = max(voices.values(), default=0)
    for cluster, n in voices.items():
        if n < most:
            layout.remark(cluster, "a pair in fewer voices than others", f"{n} of {most}")


def write_benchmark(found: Import, out: Path) -> None:
    """Write the tasks' files and rejected.tsv, all or none. Raises UserError where no question is usable.

    Then rejected.tsv alone is written. What other imports left in it and beside it stays, unless none of its recordings
    do: then it is removed, and listed. Raises UserError for a folder of `ssr build-benchmark`.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: give a folder for the questions")
    if (out / BUILD).is_file():
        raise UserError(f"{out} holds a benchmark that was spoken ({BUILD}): give {found.name} another folder")
    files = {TASKS[task].file for task in BENCHMARKS[found.name].tasks} - found.questions.keys()
    silent = [file for file in sorted(files) if is_silent(out / file)]
    found.rejected.extend(Rejected(file, "", "removed", "no question of it has its recordings") for file in silent)
    rejected = {REJECTED: [*rejected_lines([]), *other_lines(out / REJECTED, found.name), *own_lines(found)]}
    if not found.questions:
        write_together(out, rejected)
        raise UserError(nothing_usable(found) + f"; {out / REJECTED} says why")
    write_together(out, rejected | {file: list(lines(items, out)) for file, items in found.questions.items()})
    for file in silent:
        (out / file).unlink()


def is_silent(path: Path) -> bool:
    """Whether it holds spoken questions of an earlier import, of which each has lost a recording."""
    if not path.is_file():
        return False
    lost = [any(not Path(audio).is_file() for audio in audios(item)) for item in read_choices(path)]
    return bool(lost) and all(lost)


def nothing_usable(found: Import) -> str:
    """The sentence for it."""
    reasons = Counter(r.reason for r in found.rejected)
    why = ", ".join(f"{reason} ({n})" for reason, n in reasons.most_common(3)) or "it is empty"
    return f"{found.name}: there is no usable question: {why}"


def own_lines(found: Import) -> Iterator[str]:
    """One line for everything that was left out, with the benchmark before its name."""
    named = (
        Rejected(f"{found.name}/{flat(r.id)}", flat(r.audio), flat(r.reason), flat(r.detail)) for r in found.rejected
    )
    rows = rejected_lines(named)
    next(rows)  # the header
    return rows


def other_lines(path: Path, name: str) -> list[str]:
    """What other benchmarks have in an earlier rejected.tsv."""
    if not path.is_file():
        return []
    found = path.read_text(encoding="utf-8").splitlines()[1:]
    return [line for line in found if not next(csv.reader([line], delimiter="\t"), [""])[0].startswith(f"{name}/")]


def flat(text: str) -> str:
    """On one line."""
    return " ".join(text.split())


def lines(items: list[Choice], folder: Path) -> Iterator[str]:
    """Questions as `read_choices` reads them."""
    return (json.dumps(row(item, folder), ensure_ascii=False) for item in items)


def row(item: Choice, folder: Path) -> dict[str, Any]:
    """A question without its empty fields."""
    fields: dict[str, Any] = {
        "group": item.group,
        "context": part(item.context, folder),
        "prompt": item.prompt,
        "written": item.written,
        "cluster": item.cluster,
        "speaker": item.speaker,
        "kinds": list(item.kinds),
        "examples": [{"context": part(e.context, folder), "written": e.written} for e in item.examples],
    }
    filled = {key: value for key, value in fields.items() if value}
    return {"id": item.id, **filled, "choices": [part(c, folder) for c in item.choices], "answer": item.answer}


def part(spoken: Spoken, folder: Path) -> dict[str, str]:
    """Text and recording; the path relative to `folder` where it lies under it, absolute where not."""
    fields = {"text": spoken.text, "audio": ""}
    if spoken.audio:
        path, root = Path(os.path.abspath(spoken.audio)), Path(os.path.abspath(folder))  # noqa: PTH100 - keeps symlinks
        fields["audio"] = str(path.relative_to(root) if path.is_relative_to(root) else path)
    return {key: value for key, value in fields.items() if value}
