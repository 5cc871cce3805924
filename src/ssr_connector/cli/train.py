"""`ssr train`: aligner, distill (stage 1), finetune (stage 2)."""

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssr_connector.config import Recipe
    from ssr_connector.types import Logged

HELP = "train the aligner, the connector (stage 1: distill) or the LLM (stage 2: finetune)"
TAKES_RECIPE = True

EPILOG = """\
A recipe (YAML) drives every stage. Its `variants` hold what is particular to a stage; the variant of the stage's own
name is taken unless --variant names another. Any value can be set on the command line: --training.lr 3e-4.
A stopped run goes on where it was when the same command is given again. Beside it: metrics.jsonl and TensorBoard's
files, training.json (the last figures, steps skipped, share of padding), curves.svg (figures of data.dev and, in stage
2, what is lost on data.dev_text, drawn at every evaluation: --training.evaluate_every), rejected.tsv (recordings that
could not be read and were left out), bad_batches.jsonl (steps without a finite loss; --training.bad_batches skip goes
on), and an aligner's development.json (words misheard, word ends off).

A batch holds up to --training.batch_s seconds of audio; --training.batch_transcript_tokens bounds its text, too.

data.train, data.dev, data.frames and data.alignments may name several corpora, with commas or as a YAML list; ids must
differ. data.text may be larger than memory: plain text, JSON lines, either with .gz, a folder of such files, or a
Hugging Face dataset on disk. augment changes recordings (without data.frames), anew in every epoch and after a restart
just as before:
  --augment.speed [0.9,1,1.1]                 at one of these speeds; alignments are scaled along
  --augment.reverb DIR --augment.reverb_share 0.3  in a room measured there; "generated": in a room at random
  --augment.noise DIR --augment.snr_db [5,20] with a part of a recording there; "generated": speech-shaped noise

examples
  ssr train aligner  --config recipes/own.yaml --out runs/mine/aligner --data.train data/mine/train.jsonl.gz
  ssr train distill  --config recipes/own.yaml --out runs/mine/distill --training.aligner runs/mine/aligner/aligner
  ssr train finetune --config recipes/own.yaml --out runs/mine/finetune --training.start_from runs/mine/distill/model
  ssr train distill  --config recipes/tiny.yaml --variant stack_plain --print-recipe
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("stage", choices=["aligner", "distill", "finetune"])
    parser.add_argument("--config", metavar="YAML", type=Path, help="the recipe")
    parser.add_argument(
        "--variant", metavar="NAME", help="which of the recipe's variants (default: the stage's own name)"
    )
    parser.add_argument("--print-recipe", action="store_true", help="print the resolved recipe and stop")


def run(args: argparse.Namespace) -> int:
    """Train, and print the last figures."""
    from ssr_connector.config import load_recipe, to_dict

    recipe = load_recipe(args.config, args.variant or args.stage, args.overrides)
    if args.print_recipe:
        import yaml

        print(yaml.safe_dump(to_dict(recipe), sort_keys=False, allow_unicode=True), end="")
        return 0
    from rich.console import Console

    from ssr_connector.progress import bar, summary
    from ssr_connector.training import stages
    from ssr_connector.training.curves import PICTURE
    from ssr_connector.training.loop import BAD_BATCHES
    from ssr_connector.training.run import inherited, refuse_inherited
    from ssr_connector.training.stages import INFEASIBLE
    from ssr_connector.training.unreadable import REJECTED

    console = Console(highlight=False, markup=False, quiet=os.environ.get("RANK", "0") != "0")  # one of all speaks
    train = {"aligner": stages.train_aligner, "distill": stages.train_connector, "finetune": stages.finetune}[
        args.stage
    ]
    if args.stage == "finetune":
        refuse_inherited(recipe, (word[2:].partition("=")[0] for word in args.overrides if word.startswith("--")))
    for line in inherited(recipe):
        console.print(f"  differs from stage 1: {line}", soft_wrap=True)
    with bar(console, f"training {args.stage}") as report:
        figures = train(recipe, report)
    for name, corpus in (("left_out", "data.train"), ("dev_left_out", "data.dev")):
        if n := figures.get(name):
            console.print(f"{n:.0f} utterances of {corpus} were left out: no frames, or no alignment", soft_wrap=True)
    if figures.get("alone"):
        console.print(
            f"{figures['alone']:.0f} transcripts have more than training.batch_transcript_tokens tokens; each was a "
            "batch of its own",
            soft_wrap=True,
        )
    for name, what, listed in (
        ("unreadable", "recordings could not be read and were left out", REJECTED),
        ("skipped_steps", "steps were skipped, as their loss or gradient was no number", BAD_BATCHES),
        ("infeasible", "recordings are too short for their transcripts and were left out", INFEASIBLE),
        ("malformed_text", "lines of text were left out", "malformed_text.tsv"),
    ):
        if figures.get(name):
            console.print(f"{figures[name]:.0f} {what} ({Path(recipe.out) / listed} lists them)", soft_wrap=True)
    for line in development(figures, recipe) if args.stage == "aligner" and figures else []:
        console.print(line, soft_wrap=True)
    if "padding_this_run" in figures:
        console.print(f"{figures['padding_this_run']:.0%} of the frames of a batch were padding", soft_wrap=True)
    picture = Path(recipe.out) / PICTURE
    if figures and picture.is_file():
        console.print(f"{picture} shows the figures of development data over the steps", soft_wrap=True)
    result = Path(recipe.out) / ("aligner" if args.stage == "aligner" else "model")
    console.print(f"{summary(figures) or 'already done'}\n{result}", soft_wrap=True)
    console.print(f"\nNext:\n  {next_command(args, recipe, result)}", soft_wrap=True)
    return 0


def next_command(args: argparse.Namespace, recipe: "Recipe", result: Path) -> str:
    """What to do with what was trained."""
    from ssr_connector.config import paths_of

    train, dev = paths_of(recipe.data.train), paths_of(recipe.data.dev)
    words: list[str | Path] = ["generate", "ask", result, "question.wav", " The answer is:"]
    if args.stage == "aligner":
        words = ["align", *train, *dev, "--aligner", result, "--out", Path(recipe.out) / "aligned"]
    elif args.stage == "finetune" and len(dev) == 1:
        words = ["evaluate", result, "--cuts", *dev, "--out", Path(recipe.out) / "results"]
    return shlex.join(["ssr", *map(str, words)])


def development(figures: "Logged", recipe: "Recipe") -> list[str]:
    """What an aligner does on development data, in words."""
    if not recipe.data.dev:
        return ["the aligner was not measured, nor its delay fitted, as there is no data.dev: give --data.dev CUTS"]
    said = []
    if "dev_wer" in figures:
        said.append(f"of the words in data.dev, {figures['dev_wer']:.1f} % are misheard without their transcripts")
    if "delay_frames" in figures:
        late, off_ms = figures["delay_frames"], figures["dev_boundary_ms"]
        said.append(
            f"word ends in data.dev lay {late:+.0f} frames off: its delay. Without it, {off_ms:.0f} ms on average"
        )
    else:
        said.append("the aligner's delay was not fitted: data.dev has no word times (ssr prepare --words)")
    return said
