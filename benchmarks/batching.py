"""Batches by duration against a fixed number of recordings in random order: seconds of audio a second of training.

    OMP_NUM_THREADS=1 python benchmarks/batching.py [--batches 20]

Lengths like LJSpeech's (normal, mean 6.6 s, spread 2.2, 1.1 to 10.1 s), random frames at 50 a second, a connector of 4
layers, 256 wide; forward, loss and backward on some batches of each, evenly chosen from an epoch, interleaved batch by
batch. Both take about 60 s of speech a step.
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lhotse import MonoCut
from transformers import LlamaConfig

from ssr_connector.config import ConnectorConfig
from ssr_connector.connectors.decoder import FrameDecoder
from ssr_connector.training.batches import SpeechBatches

BATCH_S, FRAMES_PER_S, WIDTH = 60.0, 50, 256


def main() -> None:
    """Time both, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=1500, help="to make batches of (default: 1500)")
    parser.add_argument("--batches", type=int, default=20, help="of each kind to time (default: 20)")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    seconds = rng.normal(6.6, 2.2, args.recordings).clip(1.1, 10.1).round(2)
    cuts = [MonoCut(f"u{i}", 0, float(s), 0) for i, s in enumerate(seconds)]
    named = {c.id: c for c in cuts}
    planned = SpeechBatches(named, Everything(), {}, None, BATCH_S, 0).plan(0)
    n = round(BATCH_S / seconds.mean())
    order = rng.permutation(len(cuts))
    plans = {
        "by duration": [[named[i] for i in ids] for ids in planned],
        f"{n} at random": [[cuts[i] for i in order[k : k + n]] for k in range(0, len(cuts), n)],
    }
    shape = {"hidden_size": WIDTH, "intermediate_size": 688, "num_attention_heads": 4, "num_key_value_heads": 2}
    decoder = FrameDecoder(ConnectorConfig(layers=4), WIDTH, LlamaConfig(num_hidden_layers=4, **shape))
    step(decoder, [10.0] * 6)  # warms up
    spent, heard = dict.fromkeys(plans, 0.0), dict.fromkeys(plans, 0.0)
    for k in range(args.batches):
        for name, plan in plans.items():
            durations = [c.duration for c in plan[k * len(plan) // args.batches]]
            spent[name] += step(decoder, durations)
            heard[name] += sum(durations)
    print("| batches | padding, % | audio-s a s |")
    print("|---|---|---|")
    rates = {name: heard[name] / spent[name] for name in plans}
    for name, plan in plans.items():
        padded = sum(len(group) * max(c.duration for c in group) for group in plan)
        print(f"| {name} | {100 * (1 - seconds.sum() / padded):.1f} | {rates[name]:.0f} |")
    ours, theirs = rates.values()
    timed = f"{args.batches} batches of {len(cuts)} recordings, CPU time"
    print(f"\nratio {ours / theirs:.2f}x; {torch.get_num_threads()} threads, {timed}")


class Everything:
    """A source that has frames of everything."""

    def has(self, cut: Any) -> bool:  # noqa: ARG002 - one contract for all sources
        """It has."""
        return True

    def frames(self, cuts: Sequence[Any]) -> Any:
        """Not asked for here."""
        raise NotImplementedError


def step(decoder: FrameDecoder, durations: Sequence[float]) -> float:
    """Seconds of a step on recordings padded to the longest."""
    x = torch.randn(len(durations), round(max(durations) * FRAMES_PER_S), WIDTH)
    started = time.process_time()
    decoder(x).square().mean().backward()
    return time.process_time() - started


if __name__ == "__main__":
    main()
