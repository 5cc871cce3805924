"""A stage that leaves a trace of every call, for tests that kill; as a script, a driver that can be killed itself."""

import os
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ssr_connector.encoders import corpus
from ssr_connector.engine import LocalEngine, RayEngine

EncodeStage = corpus.EncodeStage
SHARD_S = 4.0


@dataclass(frozen=True)
class CountingStage:
    """That of `ssr encode`, in no hurry."""

    values: tuple
    log: Path
    pause_s: float

    def load(self):
        work = EncodeStage(*self.values).load()
        self.write("load")

        def counted(cuts, folder, tick):
            self.write(f"begin {cuts[0].id}")
            work(cuts, folder, tick)
            time.sleep(self.pause_s)  # now there is something, but nothing is committed
            self.write(f"end {cuts[0].id}")

        return counted

    def write(self, line):
        with self.log.open("a") as lines:
            lines.write(f"{os.getpid()} {line}\n")


@dataclass(frozen=True)
class FailingStage:
    """One whose work does not succeed."""

    error: Exception

    def load(self):
        def work(cuts, folder, tick):
            raise self.error

        return work


@dataclass(frozen=True)
class Calls:
    """What the trace says."""

    begun: Counter
    ended: Counter
    busy: list  # processes in the middle of a shard

    @classmethod
    def read(cls, log):
        rows = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
        begun = Counter(row[2] for row in rows if row[1] == "begin")
        ended = Counter(row[2] for row in rows if row[1] == "end")
        last = {int(row[0]): row[1] for row in rows}
        return cls(begun, ended, [pid for pid, what in last.items() if what == "begin"])


def until(condition, timeout_s=90):
    """Wait for it."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def kill_a_busy_worker(log):
    """A thread that kills one which is at a shard, as soon as another shard is done; it is started."""

    def kill():
        until(lambda: sum(Calls.read(log).ended.values()) >= 1 and Calls.read(log).busy)
        os.kill(Calls.read(log).busy[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    return killer


def files(folder):
    """Every file below a folder, and its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def encode(manifest, encoder, out, log, engine, pause_s=0.4):
    """`ssr encode`, traced."""
    corpus.EncodeStage = lambda *values: CountingStage(values, Path(log), pause_s)
    try:
        return corpus.encode_cuts([Path(manifest)], encoder, None, Path(out), 5.0, lambda *_: None, engine, SHARD_S)
    finally:
        corpus.EncodeStage = EncodeStage


ENGINES = {"local": LocalEngine, "ray": RayEngine}

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    import counting  # for the processes it is a module, not __main__

    name, *words = sys.argv[1:]
    try:
        counting.encode(*words, ENGINES[name](2))
    except KeyboardInterrupt:
        sys.exit(130)
