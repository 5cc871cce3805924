"""`ssr plan`: will it fit, and how long will it take?"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from ssr_connector.training.plan import Plan

HELP = "say what a training stage will take: parameters, memory of each GPU, steps, hours of speech, time"
TAKES_RECIPE = True

EPILOG = """\
The models are built from their configurations without weights, and one step is run through them on tensors that have
shapes and no contents, so a plan of an 8B model takes seconds and no memory on a laptop. Where data.train is there, the
shapes are those of its utterances; else give --utterance-s and --tokens-per-s. An aligner's labels are counted in its
transcripts; else they are assumed to be 60 characters, 15 a second, or all tokens of the LLM.
Time needs a rate: --measure times the stage's own shapes on this machine (two layers stand for a large LLM), or
--tflops says what one GPU will sustain. Without a GPU --measure also finds what a process takes here beside its
tensors, and the plan is one for this machine.

examples
  ssr plan aligner  --config recipes/own.yaml --aligner.type sub_ctc --tflops 100
  ssr plan distill  --config recipes/mls-llama3-8b-dinosr.yaml --gpus 32 --gpu-gib 80 --tflops 350
  ssr plan finetune --config recipes/mls-llama3-8b-dinosr.yaml --training.adapter lora --llm.dtype bfloat16
  ssr plan distill  --config recipes/own.yaml --data.train data/mine/train.jsonl.gz --measure
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("stage", choices=["aligner", "distill", "finetune"])
    parser.add_argument("--config", metavar="YAML", type=Path, help="the recipe")
    parser.add_argument("--variant", metavar="NAME", help="which of its variants (default: the stage's own name)")
    parser.add_argument("--gpus", metavar="N", type=int, default=1, help="how many share the work (default: 1)")
    parser.add_argument(
        "--sharding",
        choices=["none", "fsdp"],
        help="none: each GPU holds everything; fsdp: weights, gradients and AdamW's state are divided (default: the "
        "recipe's training.sharding)",
    )
    parser.add_argument(
        "--gpu-gib", metavar="N,N", default="24,48,80", help="cards that it is to fit on (default: 24,48,80)"
    )
    parser.add_argument("--utterance-s", metavar="S", type=float, default=12.0, help="mean length (default: 12)")
    parser.add_argument(
        "--tokens-per-s", metavar="N", type=float, default=4.0, help="the LLM's tokens in a second (default: 4)"
    )
    speed = parser.add_mutually_exclusive_group()
    speed.add_argument("--measure", action="store_true", help="take a few steps here, for a minute or so")
    speed.add_argument("--tflops", metavar="N", type=float, help="what one GPU sustains, 10^12 operations a second")


def run(args: argparse.Namespace) -> int:
    """Plan, and print."""
    from rich.console import Console

    from ssr_connector.config import load_recipe
    from ssr_connector.errors import UserError
    from ssr_connector.training.plan import make_plan, measure, speech_of

    if args.gpus < 1:
        raise UserError(f"--gpus {args.gpus}: give 1 or more")
    try:
        cards = [float(word) for word in args.gpu_gib.split(",")]
    except ValueError:
        raise UserError(f"--gpu-gib {args.gpu_gib}: give numbers with commas between them, such as 24,48,80") from None
    console = Console(highlight=False, markup=False)
    overrides = [*args.overrides, *([f"--training.sharding={args.sharding}"] if args.sharding else [])]
    recipe = load_recipe(args.config, args.variant or args.stage, overrides)
    speech = speech_of(recipe, args.utterance_s, args.tokens_per_s)
    here = measure(args.stage, recipe, speech) if args.measure else None
    plan = make_plan(args.stage, recipe, speech, args.gpus, here)
    rate = here.flops_per_s if here else args.tflops * 1e12 if args.tflops else None
    for table in tables(plan, args.gpus, cards):
        console.print(table)
    console.print(time_line(plan, rate, args.gpus), soft_wrap=True)
    shape = f"utterances of {speech.utterance_s:.1f} s, {speech.tokens_per_s:.1f} tokens a second"
    for note in (shape, *plan.notes):
        console.print(f"  {note}", soft_wrap=True)
    return 0


def tables(plan: "Plan", gpus: int, cards: list[float]) -> list["Table"]:
    """Parameters, and memory."""
    from rich.table import Table

    from ssr_connector.training.footprint import GIB

    parameters = Table("parameters", "in all", "that learn")
    for name, (total, learning) in plan.parameters.items():
        parameters.add_row(name, f"{total / 1e6:,.1f} M", f"{learning / 1e6:,.1f} M" if learning else "-")
    memory = Table("memory of each GPU" if gpus > 1 else "memory", "GiB")
    for name, size in plan.memory.items():
        memory.add_row(name, f"{size / GIB:.2f}")
    memory.add_row("in all", f"{plan.total_bytes / GIB:.2f}")
    fit = Table("a card of", "")
    for card in cards:
        room = card - plan.total_bytes / GIB
        fit.add_row(f"{card:g} GiB", f"fits, {room:.1f} GiB to spare" if room > 0 else f"{-room:.1f} GiB too small")
    return [parameters, memory, fit]


def time_line(plan: "Plan", rate: float | None, gpus: int) -> str:
    """Steps, hours of speech, and how long they take."""
    line = f"{plan.steps} steps hear {plan.speech_hours:,.1f} h of speech"
    if plan.epochs is not None:
        line += f", {plan.epochs:.1f} times all there is"
    line += f"; {plan.flops / 1e12:.2f} TFLOP a step and {'GPU' if gpus > 1 else 'device'}"
    if rate is None:
        return f"{line}; --measure or --tflops N turns this into hours"
    return f"{line}: {plan.hours(rate):.2f} h at {rate / 1e12:.3f} TFLOP/s each"
