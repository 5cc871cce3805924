"""What hearing costs: SSR at the text's rate against frame stacking at fixed rates on one LLM, as a Markdown table.

    python benchmarks/cost.py [--llm FOLDER] [--tokens-per-s 3.5] [--seconds 10,60,600] [--pieces 30000] [--rounds 3]

Operations and the cache are those of a real size (Llama 3 8B's shape, or that of the configuration in FOLDER; no
weights): one utterance through the connector's and the LLM's forward on tensors without contents, attention counted in
full. The cache is layers × key-value heads × head width × 2 × positions × 2 bytes.
Times are measured on this machine's CPU, on a small random Llama and a connector in the same proportion (1 layer to 8):
time to first token is aligner, connector, prefill and one token; the real-time factor is that and the further tokens,
by the seconds of speech. SSR's aligner is a CHAR-CTC head of the default size in windows of a minute, and the search
for the best path through the LLM's tokens, here over planted scores (random pieces, a frame in twenty misheard): a
random head's would be flat, and no path let go. The encoder, which is the same for all, is not counted. SSR's attention
is the causal one, over all frames before; the block-wise variant's does not grow with the square of the length.
"""

import argparse
import os
import statistics
import time
from dataclasses import dataclass
from typing import Any, Self

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig

from ssr_connector.aligners import build_aligner
from ssr_connector.config import AlignerSection, ConnectorConfig
from ssr_connector.connectors import build_connector
from ssr_connector.evaluation.comparison import commit, machine
from ssr_connector.kernels import Lexicon, ctc_lexicon_path
from ssr_connector.training.footprint import count_flops, pretend
from ssr_connector.types import Frames, Segments
from ssr_connector.units import FrameClock

FRAMES_HZ = 50
ENCODER_WIDTH = 1024  # wav2vec2-BERT
CLOCK = FrameClock(16000, 16000 // FRAMES_HZ, 200.0)
LLAMA_3_8B = {
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
}  # fmt: skip
SMALL = {
    "hidden_size": 128, "intermediate_size": 448, "num_hidden_layers": 16, "num_attention_heads": 4,
    "num_key_value_heads": 1, "vocab_size": 4096, "max_position_embeddings": 131072,
}  # fmt: skip
ALIGNER = {
    **{key: getattr(AlignerSection(), key) for key in ("type", "width", "layers", "heads")},
    "alphabet": " '-.,?!ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
}
WINDOW_FRAMES = 60 * FRAMES_HZ
LLM_LAYERS_EACH = 8  # to one layer of the connector: 4 to Llama 3 8B's 32


@dataclass(frozen=True)
class System:
    """A connector and how many positions a second of speech takes."""

    name: str
    connector: ConnectorConfig
    positions_hz: float

    @property
    def aligns(self) -> bool:
        """Whether its positions are the text's tokens."""
        return self.connector.type == "ssr"

    def positions(self, duration_s: float) -> int:
        """Of an utterance."""
        return -(-round(duration_s * self.positions_hz * 1000) // 1000)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llm", metavar="FOLDER", help="with the config.json of an LLM (default: Llama 3 8B's shape)")
    parser.add_argument("--tokens-per-s", type=float, default=3.5, help="the LLM's tokens in a second (default: 3.5)")
    parser.add_argument("--seconds", default="10,60,600", help="lengths of utterances (default: 10,60,600)")
    parser.add_argument("--new-tokens", type=int, default=32, help="that the LLM answers with (default: 32)")
    parser.add_argument("--pieces", type=int, default=30_000, help="tokens that are searched (default: 30000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is taken (default: 3)")
    args = parser.parse_args()
    shape = AutoConfig.from_pretrained(args.llm) if args.llm else LlamaConfig(**LLAMA_3_8B)
    text = shape.get_text_config()
    seconds = [float(word) for word in args.seconds.split(",")]
    search = Search.of(args.pieces)
    print(f"{machine()}; commit {commit()}; {args.rounds} rounds, medians (slowest)")
    print(
        f"{shape.model_type}, {text.num_hidden_layers} layers, {text.hidden_size} wide; times: "
        f"{SMALL['num_hidden_layers']} layers, {SMALL['hidden_size']} wide, {args.new_tokens} new tokens, a search of "
        f"{args.pieces} pieces\n"
    )
    print(
        "| speech | system | positions | a second | aligner, TFLOP | connector, TFLOP | prefill, TFLOP | KV cache, MiB "
        "| first token, s | real-time factor |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for duration_s in seconds:
        systems = systems_at(args.tokens_per_s, -(-text.num_hidden_layers // LLM_LAYERS_EACH))
        small = systems_at(args.tokens_per_s, SMALL["num_hidden_layers"] // LLM_LAYERS_EACH)
        times = measured(small, search, duration_s, args.new_tokens, args.rounds)
        for system, (first, whole) in zip(systems, times, strict=True):
            aligner, connector, prefill = (flops / 1e12 for flops in operations(system, shape, duration_s))
            n = system.positions(duration_s)
            print(
                f"| {duration_s:g} s | {system.name} | {n} | {system.positions_hz:g} | {aligner:.2g} | {connector:.2f} "
                f"| {prefill:.2f} | {cache_bytes(text, n) / 2**20:.1f} | {spread(first)} "
                f"| {spread([s / duration_s for s in whole])} |",
                flush=True,
            )


def systems_at(tokens_per_s: float, layers: int) -> list[System]:
    """SSR, and stacking as most use it: an MLP on the frames."""
    stacks = [System(f"stacking, {FRAMES_HZ / k:g} Hz", stacking(k), FRAMES_HZ / k) for k in (5, 4)]
    return [System("SSR", ConnectorConfig(type="ssr", layers=layers), tokens_per_s), *stacks]


def stacking(frames: int) -> ConnectorConfig:
    """Of so many frames."""
    return ConnectorConfig(type="stack", layers=0, stack=frames)


def spread(values: list[float]) -> str:
    """The median, and the largest."""
    return f"{statistics.median(values):.3g} ({max(values):.3g})"


def utterance(system: System, duration_s: float) -> tuple[Frames, Segments]:
    """Frames of one utterance, and tokens of equal length."""
    T, S = round(duration_s * FRAMES_HZ), system.positions(duration_s)
    ends = ((torch.arange(S) + 1) * T // S)[None]
    starts = torch.nn.functional.pad(ends[:, :-1], (1, 0))
    segments = Segments(torch.zeros(1, S, dtype=torch.long), starts, ends, torch.full((1,), S))
    return Frames(torch.zeros(1, T, ENCODER_WIDTH), torch.full((1,), T), CLOCK), segments


@dataclass(frozen=True)
class Search:
    """The search for the best path through pieces, and scores of a minute of speech that spell some."""

    lexicon: Lexicon
    log_probs: Tensor  # [1, WINDOW_FRAMES, V]

    @classmethod
    def of(cls, n: int) -> Self:
        """`n` pieces of 1 to 8 characters; spoken at 12 a second."""
        V = len(ALIGNER["alphabet"]) + 1  # and the blank
        rng = torch.Generator().manual_seed(0)

        def draw(low: int, high: int, shape: tuple[int, ...]) -> Tensor:
            return torch.randint(low, high, shape, generator=rng)

        pieces = [draw(1, V, (length,)).tolist() for length in draw(1, 9, (n,)).tolist()]
        spelt = torch.tensor([label for i in draw(0, n, (WINDOW_FRAMES,)).tolist() for label in pieces[i]])
        frames = torch.nn.functional.pad(spelt[:, None].expand(-1, 3), (0, 1)).flatten()[:WINDOW_FRAMES]  # and a blank
        misheard = torch.rand(WINDOW_FRAMES, generator=rng) < 0.05
        heard = torch.where(misheard, draw(1, V, (WINDOW_FRAMES,)), frames)
        noise = torch.randn(WINDOW_FRAMES, V, generator=rng)
        log_probs = (noise + 8 * torch.nn.functional.one_hot(heard, V)).log_softmax(-1)
        return cls(Lexicon.of(pieces, [-4.0] * n), log_probs[None])

    def __call__(self, n_frames: int) -> list[Tensor]:
        """The pieces of a window."""
        return ctc_lexicon_path(self.log_probs[:, :n_frames], torch.tensor([n_frames]), self.lexicon)


def spell(aligner: Any, frames: Frames, search: Search | None = None) -> None:
    """The aligner's head and the search, window by window."""
    for values in frames.values.split(WINDOW_FRAMES, dim=1):
        n = values.shape[1]
        aligner(Frames(values, torch.tensor([n]), frames.clock))
        if search is not None:
            search(n)


def operations(system: System, shape: Any, duration_s: float) -> tuple[int, int, int]:
    """Floating-point operations of the aligner, of the connector and of the LLM's prefill."""
    with torch.no_grad(), count_flops() as spelling:
        if system.aligns:
            spell(build_aligner(ALIGNER, ENCODER_WIDTH).eval(), utterance(system, duration_s)[0])
    with pretend(), torch.no_grad():
        llm = AutoModelForCausalLM.from_config(shape).eval()
        connector = build_connector(system.connector, ENCODER_WIDTH, shape).eval()
        with count_flops() as hearing:
            values = connector(*utterance(system, duration_s)).values  # [1, S, D]
        with count_flops() as reading:
            llm(inputs_embeds=values, logits_to_keep=1)
    if values.shape[1] != system.positions(duration_s):
        raise ValueError(f"{system.name} makes {values.shape[1]} positions, not {system.positions(duration_s)}")
    return spelling.get_total_flops(), hearing.get_total_flops(), reading.get_total_flops()


def cache_bytes(text: Any, positions: int) -> int:
    """Keys and values of all layers at two bytes a number."""
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return int(text.num_hidden_layers * heads * width * 2 * positions * 2)


@torch.no_grad()
def measured(
    systems: list[System], search: Search, duration_s: float, new_tokens: int, rounds: int
) -> list[tuple[list[float], list[float]]]:
    """Seconds to the first token and to the last of every system in every round; all systems once a round."""
    torch.manual_seed(0)
    shape = LlamaConfig(**SMALL)
    llm = AutoModelForCausalLM.from_config(shape).eval()
    connectors = [build_connector(s.connector, ENCODER_WIDTH, shape).eval() for s in systems]
    aligners = [build_aligner(ALIGNER, ENCODER_WIDTH).eval() if s.aligns else None for s in systems]
    times: list[tuple[list[float], list[float]]] = [([], []) for _ in systems]
    answer(aligners[0], search, connectors[0], llm, utterance(systems[0], 2.0), 2)  # warms up
    for _ in range(rounds):
        for system, aligner, connector, (first, whole) in zip(systems, aligners, connectors, times, strict=True):
            seconds = answer(aligner, search, connector, llm, utterance(system, duration_s), new_tokens)
            first.append(seconds[0])
            whole.append(seconds[-1])
    return times


def answer(
    aligner: Any, search: Search, connector: Any, llm: Any, heard: tuple[Frames, Segments], new_tokens: int
) -> list[float]:
    """Seconds from the frames to every new token, greedily chosen."""
    started = time.perf_counter()
    if aligner is not None:
        spell(aligner, heard[0], search)
    out = llm(inputs_embeds=connector(*heard).values, use_cache=True, logits_to_keep=1)
    seconds = []
    for _ in range(new_tokens):
        token = out.logits[:, -1:].argmax(-1)  # [1, 1]
        seconds.append(time.perf_counter() - started)
        if len(seconds) < new_tokens:
            out = llm(input_ids=token, past_key_values=out.past_key_values, use_cache=True)
    return seconds


if __name__ == "__main__":
    main()
