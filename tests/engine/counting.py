"""A stage that leaves a trace of every call, for tests that kill; as a script, a driver that can be killed itself."""

import os
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ssr_connector.config import EncoderSection
from ssr_connector.data import inspection, preparation
from ssr_connector.encoders import corpus
from ssr_connector.engine import LocalEngine, RayEngine

EncodeStage, InspectStage = STAGES = corpus.EncodeStage, inspection.InspectStage
SHARD_S, SHARD_MB = 4.0, 0.2
PATIENCE_S = 180  # on a busy machine Ray alone takes a minute


@dataclass(frozen=True)
class CountingStage:
    """One of the above, in no hurry; `dies_at` names the shard in whose middle the process kills itself, once."""

    number: int  # while it stands in for its class, that cannot be sent to another process
    values: tuple
    log: Path
    pause_s: float
    dies_at: str | None
    uses_gpu = False

    def load(self):
        work = STAGES[self.number](*self.values).load()
        self.write("load")

        def counted(items, folder, tick):
            name = name_of(items)
            self.write(f"begin {name}")
            work(items, folder, tick)  # now there is something, but nothing is committed
            if name == self.dies_at and Calls.read(self.log).begun[name] == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(self.pause_s)
            self.write(f"end {name}")

        return counted

    def write(self, line):
        with self.log.open("a") as lines:
            lines.write(f"{os.getpid()} {line}\n")


def name_of(items):
    """What a shard is called in the trace: its first cut, or file."""
    return getattr(items[0], "id", None) or items[0].stem


@dataclass(frozen=True)
class FailingStage:
    """One whose work does not succeed."""

    error: Exception
    uses_gpu = False

    def load(self):
        def work(cuts, folder, tick):
            raise self.error

        return work


@dataclass(frozen=True)
class TickingStage:
    """One that says of every cut that it is done, and ends no shard before somebody has heard of one."""

    heard: Path
    uses_gpu = False

    def load(self):
        def work(cuts, folder, tick):
            for cut in cuts:
                tick(cut.duration)
            until = time.monotonic() + 60
            while not self.heard.exists():
                assert time.monotonic() < until, "nobody heard that the cuts are done"
                time.sleep(0.01)

        return work


class SeenStage:
    """One that writes down which GPUs it is shown."""

    uses_gpu = True

    def load(self):
        def work(files, folder, tick):
            (folder / "seen").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
            time.sleep(1)

        return work


@dataclass(frozen=True)
class Calls:
    """What the trace says."""

    begun: Counter
    ended: Counter
    processes: set

    @classmethod
    def read(cls, log):
        rows = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
        begun = Counter(row[2] for row in rows if row[1] == "begin")
        ended = Counter(row[2] for row in rows if row[1] == "end")
        return cls(begun, ended, {int(row[0]) for row in rows})


def until(condition):
    """Wait for it."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def committed(folder):
    """Names of the shards whose results are there."""
    return {p.name for p in folder.iterdir() if ".tmp-" not in p.name} if folder.is_dir() else set()


def is_alive(pid):
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def stop(run, how, out, log):
    """Stop a driver by a signal when two shards are committed; returns what is, when all its workers are gone."""
    until(lambda: len(committed(out / "shards")) >= 2)
    run.send_signal(how)
    assert run.wait(PATIENCE_S) != 0
    until(lambda: not any(map(is_alive, Calls.read(log).processes)))
    return committed(out / "shards")


def files(folder):
    """Every file below a folder, and its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def encode(manifest, encoder, out, log, engine, pause_s=0.4, dies_at=None):
    """`ssr encode`, traced."""
    corpus.EncodeStage = lambda *values: CountingStage(0, values, Path(log), pause_s, dies_at)
    try:
        return corpus.encode_cuts(
            [Path(manifest)], EncoderSection(encoder), Path(out), 5.0, lambda *_: None, engine, SHARD_S
        )
    finally:
        corpus.EncodeStage = EncodeStage


def prepare(table, out, log, engine, dies_at=None):
    """`ssr prepare`, traced."""
    inspection.InspectStage = lambda *values: CountingStage(1, values, Path(log), 0.0, dies_at)
    try:
        return preparation.prepare(table, out, dev=4, engine=engine, shard_mb=SHARD_MB)
    finally:
        inspection.InspectStage = InspectStage


ENGINES = {"local": LocalEngine, "ray": RayEngine}

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    import counting  # for the processes it is a module, not __main__

    name, *words = sys.argv[1:]
    try:
        counting.encode(*words, ENGINES[name](2))
    except KeyboardInterrupt:
        sys.exit(130)
