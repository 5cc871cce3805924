"""The alignment kernels against their peers: CPU time on one thread, interleaved in one process, as a Markdown table.

    python benchmarks/kernels.py [--rounds 15] [--only mas,ctc,hour,lexicon,cif,pooling,floor]

It installs nothing. A peer that is missing is named and its rows are skipped; where to get them, in an environment of
their own: `pip install --no-deps monotonic-align==1.0.0 ctc_forced_aligner==1.0.2 torch_cif==0.2.0`.
Every peer gets its own native layout, made beforehand; conversions that our functions make are part of their time.
"""

import argparse
import importlib
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from ssr_connector import kernels

Run = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    kernel: str
    size: str
    ours: str
    peer: str
    ratio: str
    target: str


def medians_ms(runs: list[Run], rounds: int) -> list[float]:
    """Median CPU time of each, all of them once in every round."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds + 1):
        for i, run in enumerate(runs):
            start = time.process_time()
            run()
            times[i].append(1000 * (time.process_time() - start))
    return [statistics.median(t[1:]) for t in times]  # the first round warms up


def versus(kernel: str, size: str, ours: Run, peer: Run, target: float, rounds: int) -> Row:
    """Ours against a peer."""
    a, b = medians_ms([ours, peer], rounds)
    return Row(kernel, size, f"{a:.3g} ms", f"{b:.4g} ms", f"{b / a:.1f}×", f"≥ {target:g}×")


def peer(module: str) -> types.ModuleType | None:
    """A module, or None with a word to the reader."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        print(f"skipped: {module} ({error})", file=sys.stderr)
        return None


def extra_memory_mib(code: str) -> float:
    """Peak memory that running `run()` adds, in a process of its own (Linux); `code` defines it."""
    measure = (
        "import torch\nfrom pathlib import Path\nfrom ssr_connector import kernels\ntorch.manual_seed(0)\n"
        "def kib(field):\n"
        "    return next(int(l.split()[1]) for l in Path('/proc/self/status').read_text().splitlines() if field in l)\n"
        f"{code}\nPath('/proc/self/clear_refs').write_text('5')\n"  # the peak counts from here
        "before = kib('VmRSS')\nrun()\nprint((kib('VmHWM') - before) / 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", measure], capture_output=True, text=True, check=True)
    return float(done.stdout)


MAS_SIZES = ((50, 500), (200, 2000), (800, 8000))


def mas_peer(scores: torch.Tensor, other: types.ModuleType) -> Run:
    """The peer on scores [B, T, N], in its own layout."""
    native = scores.transpose(1, 2).contiguous()
    mask = torch.ones_like(native)
    return lambda: other.maximum_path(native, mask)


def mas(rounds: int) -> Iterator[Row]:
    """Monotonic alignment search, 16 items."""
    other = peer("monotonic_align")
    for (N, T), target in zip(MAS_SIZES, (5, 12, 35), strict=True):
        if other is None:
            break
        scores = torch.randn(16, T, N)
        frames, labels = torch.full((16,), T), torch.full((16,), N)
        yield versus(
            "MAS",
            f"16 × {N} × {T}",
            lambda s=scores, f=frames, n=labels: kernels.monotonic_alignment_search(s, f, n),
            mas_peer(scores, other),
            target,
            max(3, rounds // 5) if T == 8000 else rounds,
        )
    code = (
        "x = torch.randn(16, 8000, 800); n = torch.full((16,), 8000); m = torch.full((16,), 800)\n"
        "kernels.monotonic_alignment_search(x[:, :40, :4], n.clamp(max=40), m.clamp(max=4))\n"
        "run = lambda: kernels.monotonic_alignment_search(x, n, m)"
    )
    yield Row("MAS, extra memory", "16 × 800 × 8000", f"{extra_memory_mib(code):.1f} MiB", "", "", "≤ 4 MiB")


def floor(rounds: int) -> Iterator[Row]:
    """What no search is faster than: reading its scores once, with the peer between so that no cache holds them."""
    other = peer("monotonic_align")
    for N, T in MAS_SIZES if other else ():
        scores = torch.randn(16, T, N)
        few = max(3, rounds // 5) if T == 8000 else rounds
        read = versus("MAS, no search: `scores.sum()`", f"16 × {N} × {T}", scores.sum, mas_peer(scores, other), 0, few)
        yield replace(read, target="")


def ctc(rounds: int) -> Iterator[Row]:
    """CTC forced alignment, 8 items."""
    for absent in ("librosa", "onnxruntime", "requests"):  # the peer loads recordings and models with them
        sys.modules.setdefault(absent, types.ModuleType(absent))
    other = peer("ctc_forced_aligner.ctc_aligner")
    if other is None:
        return
    for V, goal in ((32, 7), (5000, 10)):
        for T, L in ((500, 100), (1500, 300), (6000, 1200)):
            log_probs = torch.randn(8, T, V).log_softmax(-1)
            targets = torch.randint(1, V, (8, L))
            frames, labels = torch.full((8,), T), torch.full((8,), L)
            items = [(log_probs[i : i + 1].numpy(), targets[i : i + 1].numpy()) for i in range(8)]
            yield versus(
                f"CTC, V = {V}",
                f"8 × {T} × {L}",
                lambda p=log_probs, y=targets, f=frames, n=labels: kernels.ctc_forced_align(p, y, f, n),
                lambda items=items, o=other: [o.align_sequences(p, y, 0) for p, y in items],
                goal,
                max(5, rounds // 3) if T == 6000 else rounds,
            )


def hour() -> Iterator[Row]:
    """One hour of speech at once."""
    T, L = 180_000, 43_000
    log_probs, targets = torch.randn(1, T, 32).log_softmax(-1), torch.randint(1, 32, (1, L))
    (ms,) = medians_ms(
        [lambda: kernels.ctc_forced_align(log_probs, targets, torch.tensor([T]), torch.tensor([L]))], rounds=3
    )
    yield Row("CTC, one hour", f"1 × {T} × {L}", f"{ms / 1000:.2f} s", "", "", "≤ 4 s")
    code = (
        f"p = torch.randn(1, {T}, 32); y = torch.randint(1, 32, (1, {L}))\n"
        "kernels.ctc_forced_align(p[:, :50], y[:, :5], torch.tensor([50]), torch.tensor([5]))\n"
        f"run = lambda: kernels.ctc_forced_align(p, y, torch.tensor([{T}]), torch.tensor([{L}]))"
    )
    yield Row("CTC, one hour, memory", f"1 × {T} × {L}", f"{extra_memory_mib(code):.0f} MiB", "", "", "≤ 64 MiB")


def lexicon(rounds: int) -> Iterator[Row]:
    """CTC paths that spell pieces, 8 items of half a minute: pieces at random, a frame in twenty misheard."""
    B, T, V = 8, 1500, 32
    for n in (1_000, 30_000):
        pieces = [torch.randint(1, V, (length,)).tolist() for length in torch.randint(1, 9, (n,)).tolist()]
        spelt = torch.zeros(B, T + 64, dtype=torch.long)
        for row in spelt:
            at = 0
            while at < T:
                for label in pieces[int(torch.randint(n, ()))]:  # three frames and a blank a label: 12 labels a second
                    row[at : at + 3] = label
                    at += 4
        heard = torch.where(torch.rand(B, T) < 0.05, torch.randint(1, V, (B, T)), spelt[:, :T])
        log_probs = (torch.randn(B, T, V) + 8 * torch.nn.functional.one_hot(heard, V)).log_softmax(-1)
        known, lengths = kernels.Lexicon.of(pieces, [-4.0] * n), torch.full((B,), T)
        (ms,) = medians_ms(
            [lambda p=log_probs, k=known, t=lengths: kernels.ctc_lexicon_path(p, t, k)], max(3, rounds // 5)
        )
        yield Row(f"CTC through {n} pieces, V = {V}", f"{B} × {T}", f"{ms:.3g} ms", "", "", "")


def cif(rounds: int) -> Iterator[Row]:
    """Integrate-and-fire, forward alone and with its gradients."""
    other = peer("torch_cif")
    if other is None:
        return
    frames, weights = torch.randn(16, 1500, 512), torch.rand(16, 1500) * 0.4
    grown = frames.clone().requires_grad_(), weights.clone().requires_grad_()

    def backward(values: torch.Tensor) -> None:
        values.sum().backward()
        for leaf in grown:
            leaf.grad = None

    with torch.no_grad():
        ours, theirs = (
            lambda: kernels.integrate_and_fire(frames, weights),
            lambda: other.cif_function(frames, weights),
        )
        yield versus("CIF, forward", "16 × 1500 × 512", ours, theirs, 14, rounds)
    yield versus(
        "CIF, forward and backward",
        "16 × 1500 × 512",
        lambda: backward(kernels.integrate_and_fire(*grown).values),
        lambda: backward(other.cif_function(*grown)["cif_out"][0]),
        6,
        rounds,
    )


def pooling(rounds: int) -> Iterator[Row]:
    """Means of segments."""
    B, T, S, D = 16, 1500, 300, 512
    frames = torch.randn(B, T, D)
    edges = torch.stack([torch.randperm(T - 1)[: S - 1].sort().values + 1 for _ in range(B)])
    starts = torch.cat([torch.zeros(B, 1, dtype=torch.long), edges], 1)
    ends = torch.cat([edges, torch.full((B, 1), T)], 1)
    yield versus(
        "mean of segments",
        f"{B} × {T} × {D}, {S} segments",
        lambda: kernels.segment_pool(frames, starts, ends),
        lambda: torch.segment_reduce(frames.flatten(0, 1), "mean", lengths=(ends - starts).flatten(), unsafe=True),
        3,
        rounds,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each (default 15)")
    parser.add_argument("--only", default="mas,ctc,hour,lexicon,cif,pooling,floor", help="which kernels, with commas")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    sections: dict[str, Callable[[], Iterator[Row]]] = {
        "mas": lambda: mas(args.rounds),
        "ctc": lambda: ctc(args.rounds),
        "hour": hour,
        "lexicon": lambda: lexicon(args.rounds),
        "cif": lambda: cif(args.rounds),
        "pooling": lambda: pooling(args.rounds),
        "floor": lambda: floor(args.rounds),
    }
    load = os.getloadavg()[0]
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread, load {load:.1f}\n")
    print("| kernel | size | ours | peer | peer / ours | target |\n|---|---|---|---|---|---|")
    for name in args.only.split(","):
        for r in sections[name]():
            print(f"| {r.kernel} | {r.size} | {r.ours} | {r.peer} | {r.ratio} | {r.target} |", flush=True)
    print(f"\npeak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
