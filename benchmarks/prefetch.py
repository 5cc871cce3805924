"""What threads that read ahead save, where a step on a device takes as long as its batch takes to read.

    OMP_NUM_THREADS=1 python benchmarks/prefetch.py [--batches 40]

FLAC recordings of 5 to 15 s at 44.1 kHz, read, resampled to 16 kHz and mixed with noise, 60 s a batch, one such batch
for every step; the step is time in which this process waits, as for a GPU.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from ssr_connector.config import AugmentSection
from ssr_connector.data.audio import inspect_audio
from ssr_connector.data.augment import Augmentation
from ssr_connector.data.cuts import cut_audio, make_cut, make_recording
from ssr_connector.data.entry import Entry
from ssr_connector.encoders.source import Change, FrameSource
from ssr_connector.training.batches import Batches, SpeechBatches
from ssr_connector.types import Frames
from ssr_connector.units import FrameClock

BATCH_S, RATE = 60.0, 44_100


class ReadAlone(FrameSource):
    """Recordings are read; their frames are nothing."""

    def has(self, cut: Any) -> bool:  # noqa: ARG002
        """All have some."""
        return True

    def read(self, cuts: Sequence[Any], change: Change | None = None) -> Callable[[], Frames]:
        """As for an encoder."""
        for cut in cuts:
            recording = cut_audio(cut)
            if change:
                change(cut.id, recording)
        return partial(Frames, torch.zeros(len(cuts), 1, 1), torch.ones(len(cuts)), FrameClock(16_000, 320, 0.0))


def main() -> None:
    """Time them, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=40, help="to time with each number of workers (default: 40)")
    n = parser.parse_args().batches
    with tempfile.TemporaryDirectory() as name:
        cuts = recordings(Path(name), 150)
        augmentation = Augmentation(AugmentSection(noise="generated"), 0)
        named, texts = {cut.id: cut for cut in cuts}, {cut.id: "" for cut in cuts}
        batches = SpeechBatches(named, ReadAlone(), texts, None, BATCH_S, 0, augmentation=augmentation)
        timed(batches, 0, n, 0.0)  # warms up
        reading = timed(batches, 0, n, 0.0)
        print(f"reading alone: {1000 * reading:.0f} ms a batch; a step of as long\n")
        print("| workers | ms a batch | waits, ms |\n|---|---|---|")
        for workers in (0, 1, 2, 4):
            taken = timed(batches, workers, n, reading)
            print(f"| {workers} | {1000 * taken:.0f} | {1000 * (taken - reading):.0f} |")


def recordings(folder: Path, n: int) -> list[Any]:
    """Cuts of noise."""
    rng, cuts = np.random.default_rng(0), []
    for k in range(n):
        path = folder / f"{k}.flac"
        soundfile.write(path, 0.1 * rng.standard_normal(rng.integers(5 * RATE, 15 * RATE)), RATE)
        cuts.append(make_cut(Entry(str(k), path, "x"), make_recording(str(k), path, inspect_audio(path, decode=False))))
    return cuts


def timed(batches: SpeechBatches, workers: int, n: int, step_s: float) -> float:
    """Seconds a batch."""
    started = time.perf_counter()
    for _ in Batches(batches, None, workers).from_position(0, 0, 0, n):
        time.sleep(step_s)
    return (time.perf_counter() - started) / n


if __name__ == "__main__":
    main()
