"""Stage 1 from frames that `ssr encode` kept against stage 1 from audio, encoded anew at every step.

    OMP_NUM_THREADS=1 python benchmarks/cache.py runs/demo [--steps 40] [--rounds 3]

Give it where the demo was run: the recipe names its folder from there. `ssr train distill` with the recipe of a
finished demo, begun anew in a folder of its own, the two in turn, each a process of its own; the time of the training
loop alone, without loading what is trained.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from ssr_connector.tiny.base import TRAINED_ON

SOURCES = {"kept frames": [], "audio": ["--data.frames="]}


def main() -> None:
    """Time both, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of `ssr demo`")
    parser.add_argument("--steps", type=int, default=40, help="of each run (default: 40)")
    parser.add_argument("--rounds", type=int, default=3, help="runs from each source (default: 3)")
    args = parser.parse_args()
    run = args.run.resolve()
    recipe = run / "distill" / "recipe.json"
    batch_s = json.loads(recipe.read_text())["training"]["batch_s"]
    rates: dict[str, list[float]] = {name: [] for name in SOURCES}
    for _ in range(args.rounds):
        for name, options in SOURCES.items():
            rates[name].append(args.steps * batch_s / loop_s(recipe, args.steps, options))
    print("| stage 1 from | at most so many audio-s a s, median (least–most) |\n|---|---|")
    for name, found in rates.items():
        print(f"| {name} | {statistics.median(found):.0f} ({min(found):.0f}–{max(found):.0f}) |")
    kept, encoded = (statistics.median(found) for found in rates.values())
    summaries = [run / "data" / part / "summary.json" for part in TRAINED_ON]
    hours = sum(json.loads(path.read_text())["hours"] for path in summaries)
    n_bytes = sum(file.stat().st_size for file in (run / "frames").rglob("*") if file.is_file())
    how = f"{args.rounds} runs of {args.steps} steps, up to {batch_s:g} s each"
    print(f"\nratio {kept / encoded:.2f}x; {how}; frames of {hours:.1f} h of speech take {n_bytes / 2**20:.0f} MiB")


def loop_s(recipe: Path, steps: int, options: list[str]) -> float:
    """Seconds of that many steps."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "distill"
        command = [sys.executable, "-m", "ssr_connector", "train", "distill", "--config", str(recipe)]
        command += [f"--out={out}", f"--training.steps={steps}", "--data.dev=", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        return float(json.loads((out / "training.json").read_text())["seconds_this_run"])


if __name__ == "__main__":
    main()
