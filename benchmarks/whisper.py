"""Whisper's encoder on windows filled up to 30 s against recordings as long as they are: time and drift, as a table.

    python benchmarks/whisper.py [--encoder openai/whisper-tiny] [--seconds 2,5,10,20,30,45] [--rounds 3]

Without --encoder it is Whisper-tiny's shape with random weights, on noise: times are those of any weights, the drift
says nothing of trained ones. `ssr encode --unpadded` prints it for your model and recordings.
"""

import argparse
import os
import statistics
import tempfile
import time

os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import numpy as np
import torch

from ssr_connector.encoders import PretrainedEncoder
from ssr_connector.encoders.drift import padding_drift
from ssr_connector.evaluation.comparison import commit, machine
from ssr_connector.types import Waveform

TINY = {"d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536}
RATE_HZ = 16000


def main() -> None:
    """Time both, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", metavar="NAME", help="hub name or folder (default: random, Whisper-tiny's shape)")
    parser.add_argument("--seconds", default="2,5,10,20,30,45")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        name = args.encoder or random_whisper(folder)
        padded, unpadded = (PretrainedEncoder.from_pretrained(name, None, p) for p in (True, False))
        print(f"{machine()}, {commit()}\n")
        print("| recording, s | padded, ms | unpadded, ms | ratio | difference, % | mean cosine |")
        print("|---|---|---|---|---|---|")
        rng = np.random.default_rng(0)
        for seconds in map(float, args.seconds.split(",")):
            noise = 0.1 * rng.standard_normal(round(seconds * RATE_HZ))
            recording = Waveform(noise.astype(np.float32), RATE_HZ)
            times = [milliseconds(encoder, recording, args.rounds) for encoder in (padded, unpadded)]
            drift = padding_drift([recording], name, None)
            print(
                f"| {seconds:g} | {times[0]:.0f} | {times[1]:.0f} | {times[0] / times[1]:.1f} "
                f"| {100 * drift.relative_rms:.1f} | {drift.cosine:.4f} |",
                flush=True,
            )


def random_whisper(folder: str) -> str:
    """Whisper-tiny's encoder and a small decoder, saved."""
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    torch.manual_seed(0)
    WhisperModel(WhisperConfig(**TINY, decoder_layers=1, decoder_attention_heads=6)).save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    return folder


def milliseconds(encoder: PretrainedEncoder, recording: Waveform, rounds: int) -> float:
    """The median, after one round to warm up."""
    found = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        encoder([recording])
        found.append(1000 * (time.perf_counter() - started))
    return statistics.median(found[1:])


if __name__ == "__main__":
    main()
