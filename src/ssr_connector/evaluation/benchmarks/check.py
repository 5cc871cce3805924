"""What of a download is missing or malformed: of every benchmark, and of LibriSpeech, that a folder holds."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from ssr_connector.data.entry import Rejected
from ssr_connector.data.inspection import inspect_files
from ssr_connector.data.librispeech import is_librispeech, read_librispeech
from ssr_connector.data.preparation import MAX_DURATION_S, judge, screen
from ssr_connector.engine import Engine
from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks import BENCHMARKS
from ssr_connector.evaluation.benchmarks.conversion import read_benchmark
from ssr_connector.evaluation.benchmarks.layout import Options
from ssr_connector.evaluation.benchmarks.words import usable
from ssr_connector.progress import bar

ASR, LIBRISPEECH = "asr", "librispeech"
AT_A_GLANCE = tuple(name for name, benchmark in BENCHMARKS.items() if benchmark.is_in)
UTTERANCES = {  # of LibriSpeech's subsets, as published
    "dev-clean": 2703,
    "dev-other": 2864,
    "test-clean": 2620,
    "test-other": 2939,
    "train-clean-100": 28539,
    "train-clean-360": 104014,
    "train-other-500": 148688,
}


@dataclass(frozen=True)
class Found:
    """What one download holds, in words, and what is wrong with it."""

    name: str
    folder: Path
    usable: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    remarks: list[Rejected] = field(default_factory=list)
    fault: str = ""  # why nothing could be read

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, malformed or odd."""
        return bool(self.usable) and not (self.rejected or self.remarks or self.fault)


def check_folder(source: Path, tasks: Sequence[str], engine: Engine, console: Console) -> Iterator[Found]:
    """Read all that `source`, or a folder right in it, holds; with `tasks` what they need, which then must be there.

    Raises UserError where nothing is recognised.
    """
    if not source.is_dir():
        raise UserError(f"--check {source}: give the folder of a download")
    for task in {*tasks} - {ASR}:
        if not any(task in BENCHMARKS[name].tasks for name in AT_A_GLANCE):
            known = ", ".join([ASR, *(task for name in AT_A_GLANCE for task in BENCHMARKS[name].tasks)])
            raise UserError(f"--check --tasks {task}: no download is known for it at a glance; one is for {known}")
    wanted = [name for name, benchmark in BENCHMARKS.items() if not tasks or {*tasks} & {*benchmark.tasks}]
    places = {name: folders_of(name, source) for name in wanted}
    with_librispeech = (not tasks or ASR in tasks) and is_librispeech(source)
    if not tasks and not any(places.values()) and not with_librispeech:
        raise UserError(
            f"{source} holds none of the layouts that are known at a glance ({', '.join(AT_A_GLANCE)}, {LIBRISPEECH}): "
            "give the folder as it was unpacked, or name the benchmark, `ssr import-benchmark NAME DIR --check`"
        )
    for name, folders in places.items():
        for folder in folders:
            yield benchmark(name, folder, engine, console)
        if tasks and not folders:
            yield Found(name, source, fault=f"it is not there: wanted is {BENCHMARKS[name].holds}")
    if with_librispeech:
        yield librispeech(source, engine, console)
    elif ASR in tasks:
        yield Found(LIBRISPEECH, source, fault="it is not there: wanted is a folder of LibriSpeech, with *.trans.txt")


def folders_of(name: str, source: Path) -> list[Path]:
    """Where a benchmark is, at a glance: here, or in the folders right in it."""
    holds = BENCHMARKS[name].is_in
    if holds is None:
        return []
    return [source] if holds(source) else sorted(f for f in source.iterdir() if f.is_dir() and holds(f))


def benchmark(name: str, folder: Path, engine: Engine, console: Console) -> Found:
    """One benchmark, its recordings decoded."""
    try:
        found = read_benchmark(name, folder, Options(), engine, console)
    except UserError as error:
        return Found(name, folder, fault=str(error))
    return Found(name, folder, usable(found), found.rejected, found.remarks)


def librispeech(folder: Path, engine: Engine, console: Console) -> Found:
    """All transcripts, all recordings, and whether there are as many as were published."""
    entries, rejected = screen(read_librispeech(folder))
    with TemporaryDirectory() as scratch, bar(console, "checking recordings") as report:
        facts = inspect_files([entry.audio for entry in entries], "decode", Path(scratch), engine, report)
    good, unfit = judge(entries, facts, MAX_DURATION_S)
    transcribed = {entry.audio for entry in entries} | {Path(row.audio) for row in rejected}
    remarks = [
        Rejected(path.name, str(path), "a recording without a transcript", "")
        for path in sorted(folder.rglob("*.flac"))
        if path not in transcribed
    ]
    subsets = Counter(entry.audio.absolute().parents[2].name for entry in entries)
    remarks += [
        Rejected(subset, "", "fewer utterances than were published", f"{subsets[subset]} of {n}")
        for subset, n in UTTERANCES.items()
        if 0 < subsets[subset] < n
    ]
    speakers = len({entry.speaker for entry in good})
    said = [f"{len(good)} utterances of {speakers} speakers"] if good else []
    return Found(LIBRISPEECH, folder, said, rejected + unfit, remarks)
