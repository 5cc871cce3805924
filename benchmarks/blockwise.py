"""A stage-1 step block-wise, against the same step with a dense mask: vectorised, SDPA, right-padded, the same weights.

Ours is SSR's own, whose last layer has no feed-forward where nothing is read; the other is what one writes first.

    OMP_NUM_THREADS=1 python benchmarks/blockwise.py [--utterances 8] [--rounds 3]

Utterances of about 30 s at 50 frames a second, 4 tokens a second, a connector of 4 layers, 512 wide; forward,
loss and backward, the two interleaved. Memory is what a step holds beyond weights at its peak (training/footprint.py).
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import LlamaConfig

from ssr_connector.config import ConnectorConfig
from ssr_connector.connectors.decoder import FrameDecoder
from ssr_connector.training.footprint import LiveBytes
from ssr_connector.types import Segments

SECONDS, FRAMES_PER_S, TOKENS_PER_S, WIDTH, SLACK = 30, 50, 4, 512, 1


def main() -> None:
    """Time both, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=8, help="in a batch (default: 8)")
    parser.add_argument("--rounds", type=int, default=3, help="of both steps in turn (default: 3)")
    args = parser.parse_args()
    torch.manual_seed(0)
    frames, segments = batch(args.utterances)
    llm = LlamaConfig(
        hidden_size=WIDTH, intermediate_size=1376, num_attention_heads=8, num_key_value_heads=4, num_hidden_layers=4
    )
    ours, dense = (
        FrameDecoder(ConnectorConfig(layers=4, attention=kind, slack_frames=SLACK, dropout=0.0), WIDTH, llm)
        for kind in ("blockwise", "causal")
    )
    dense.load_state_dict(ours.state_dict())
    steps: dict[str, Callable[[], Tensor]] = {
        "block-wise": lambda: ours(frames, segments, last_frames(segments))[segments.mask],
        "dense mask": lambda: selected(with_mask(dense, frames, dense_mask(segments, frames.shape[1])), segments),
    }
    a, b = (step().detach() for step in steps.values())
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(args.rounds):
        for name, step in steps.items():
            started = time.process_time()
            step().square().mean().backward()
            seconds[name].append(time.process_time() - started)
    print(f"largest difference of the outputs: {float((a - b).abs().max()):.1e}; {torch.get_num_threads()} threads")
    print("| step | s, median of CPU time | least, most | MiB at the peak |")
    print("|---|---|---|---|")
    for name, step in steps.items():
        s = seconds[name]
        print(f"| {name} | {statistics.median(s):.2f} | {min(s):.2f}, {max(s):.2f} | {peak(step) / 2**20:.0f} |")
    ratio = statistics.median(seconds["dense mask"]) / statistics.median(seconds["block-wise"])
    print(f"\ndense / block-wise: {ratio:.1f}x")


def batch(B: int) -> tuple[Tensor, Segments]:
    """Random frames and segments, the shortest utterance a tenth shorter than the longest."""
    lengths = torch.linspace(0.9, 1.0, B).mul(SECONDS * FRAMES_PER_S).long()
    n_tokens = lengths * TOKENS_PER_S // FRAMES_PER_S
    S = int(n_tokens.max())
    ends = torch.zeros(B, S, dtype=torch.long)
    for i, (n_frames, n) in enumerate(zip(lengths.tolist(), n_tokens.tolist(), strict=True)):
        cuts = torch.randperm(n_frames - 1)[: n - 1].sort().values + 1
        ends[i, :n] = torch.cat([cuts, torch.tensor([n_frames])])
    starts = torch.cat([ends.new_zeros(B, 1), ends[:, :-1]], 1)
    segments = Segments(torch.zeros_like(ends), starts, ends, n_tokens)
    return torch.randn(B, int(lengths.max()), WIDTH), segments


def dense_mask(segments: Segments, T: int) -> Tensor:
    """[B, 1, T, T] additive: a frame sees its own segment so far, and SLACK frames before it."""
    B, places = len(segments.ends), torch.arange(T)
    ends = segments.ends.masked_fill(~segments.mask, T)
    index = torch.searchsorted(ends, places.expand(B, T).contiguous(), right=True).clamp(max=ends.shape[1] - 1)
    first = segments.starts.gather(1, index) - SLACK  # [B, T]
    seen = (places <= places[:, None]) & (places >= first[:, :, None])
    return torch.zeros(B, 1, T, T).masked_fill(~seen[:, None], torch.finfo(torch.float32).min)


def with_mask(decoder: FrameDecoder, frames: Tensor, mask: Tensor) -> Tensor:
    """The decoder's layers under a dense mask."""
    x = decoder.dropout(decoder.project(frames))
    positions = torch.arange(x.shape[1]).expand(x.shape[:2])
    out: Any = decoder.decoder(inputs_embeds=x, attention_mask=mask, position_ids=positions, use_cache=False)
    states: Tensor = out.last_hidden_state
    return states


def last_frames(segments: Segments) -> Tensor:
    """[B, S] of the tokens."""
    return (segments.ends - 1).clamp(min=0)


def selected(states: Tensor, segments: Segments) -> Tensor:
    """[n, D] the states at the tokens' last frames."""
    picked = states.gather(1, last_frames(segments)[..., None].expand(-1, -1, states.shape[2]))
    return picked[segments.mask]


def peak(step: Callable[[], Tensor]) -> int:
    """Bytes that a real step holds at most."""
    live = LiveBytes()
    with live:
        step().square().mean().backward()
    return live.peak


if __name__ == "__main__":
    main()
