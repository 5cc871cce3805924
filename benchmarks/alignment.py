"""How far aligners put the ends of words from where they are, how many utterances they lose, and how fast they are.

    python benchmarks/alignment.py TABLE.tsv GOLD.ctm --aligner pocketsphinx --aligner runs/demo/aligner/aligner
    python benchmarks/alignment.py --timit FOLDER --aligner pocketsphinx --aligner uniform

A table as `ssr prepare` takes it with the true times of its words; or a folder of TIMIT, with its `.wrd` files.
Errors are of word ends, in milliseconds; 95 % intervals by a bootstrap over utterances. One thread.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from ssr_connector.aligners.formats import read_jsonl
from ssr_connector.aligners.words import end_differences_s
from ssr_connector.cli import main as ssr
from ssr_connector.data.words import read_ctm
from ssr_connector.evaluation.labels import interval
from ssr_connector.evaluation.stats import clustered_ratio
from ssr_connector.types import TimedWord

RESAMPLES = 2000


def timit(folder: Path, out: Path) -> tuple[Path, Path]:
    """A transcript table and a CTM of all utterances under a folder, from their `.wrd` files (samples at 16 kHz)."""
    rows, times = ["id\taudio\ttext"], []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() == ".wrd"):
        beside = (p for p in sorted(path.parent.iterdir()) if p.stem == path.stem and p.suffix.lower() == ".wav")
        audio = next(beside, path.with_suffix(".wav"))
        words = [line.split() for line in path.read_text().splitlines() if line.strip()]
        key = f"{path.parent.name}-{path.stem}"
        rows.append(f"{key}\t{audio.resolve()}\t{' '.join(w[2] for w in words)}")
        times += [f"{key} 1 {int(a) / 16000} {(int(b) - int(a)) / 16000} {word}" for a, b, word in words]
    (out / "table.tsv").write_text("\n".join(rows) + "\n")
    (out / "gold.ctm").write_text("\n".join(times) + "\n")
    return out / "table.tsv", out / "gold.ctm"


def measure(table: Path, gold: Path, aligners: list[str]) -> Iterator[str]:
    """One row of Markdown for each aligner."""
    known = {key: [TimedWord(w.word, w.start_s, w.end_s) for w in words] for key, words in read_ctm(gold).items()}
    for aligner in aligners:
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            failed = ssr(["align", str(table), "--aligner", aligner, "--out", folder, "--format", "jsonl"])
            took_s = time.perf_counter() - started
            found = {} if failed else read_jsonl(Path(folder) / "words.jsonl")
            rejected = Path(folder) / "rejected.tsv"
            lost = len(rejected.read_text().splitlines()) - 1 if rejected.is_file() else "all"
        errors = [1000 * np.abs(end_differences_s(words, known[key])) for key, words in found.items() if key in known]
        errors = [e for e in errors if len(e)]
        if not errors:
            yield f"| {aligner} | none | | | | {lost} | |"
            continue
        all_ms = np.concatenate(errors)
        utterances = list(map(str, range(len(errors))))
        mean = clustered_ratio([e.sum() for e in errors], utterances, RESAMPLES, [len(e) for e in errors])
        around = f" ({interval(mean.ci95, 'ms')})" if mean.ci95 else ""
        within = ", ".join(f"{100 * (all_ms <= ms).mean():.0f}" for ms in (20, 50, 100))
        yield (
            f"| {Path(aligner).name} | {mean.value:.1f}{around} | {np.median(all_ms):.1f} "
            f"| {within} | {len(all_ms)} in {len(errors)} | {lost} | {took_s:.1f} s |"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, nargs="?", help="transcript table")
    parser.add_argument("gold", type=Path, nargs="?", help="CTM with the true times")
    parser.add_argument("--timit", type=Path, metavar="FOLDER", help="instead of both")
    parser.add_argument("--aligner", action="append", required=True, help="as `ssr align` takes it; may come again")
    args = parser.parse_args()
    if (args.timit is None) == (args.gold is None):
        parser.error("give TABLE and GOLD, or --timit FOLDER")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        table, gold = (args.table, args.gold) if args.timit is None else timit(args.timit, Path(folder))
        rows = list(measure(table, gold, args.aligner))
    print("\n| aligner | mean, ms (95 %) | median | within 20, 50, 100 ms, % | words, utterances | lost | took |")
    print("|---|---|---|---|---|---|---|", *rows, sep="\n")
    print(
        f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB; the time includes loading"
    )


if __name__ == "__main__":
    main()
