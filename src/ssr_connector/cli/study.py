"""`ssr study`: a question about the method, answered by experiments."""

import argparse
from pathlib import Path

HELP = "answer a question about the method by experiments in the tiny world"
TAKES_RECIPE = True

EPILOG = """\
A study builds on a run of `ssr demo`, whose world, voices and base models it makes where they are missing, and writes
results.json, table.md and a picture. A stopped or repeated study goes on with what is there.

studies
  aligners    which aligner serves the connector best, and what does it cost?

examples
  ssr study aligners                                        on runs/demo; half an hour on 2 cores
  ssr study aligners --config smoke --demo runs/smoke
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("study", choices=["aligners"])
    parser.add_argument("--config", metavar="YAML", type=Path, default=Path("tiny"), help="the recipe (default: tiny)")
    parser.add_argument("--demo", metavar="DIR", type=Path, default=Path("runs/demo"), help="run that it builds on")
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder of the study (default: DIR/studies/STUDY)")


def run(args: argparse.Namespace) -> int:
    """Do the study, and print its table."""
    from rich.console import Console

    from ssr_connector.studies import STUDIES
    from ssr_connector.tiny.demo import Demo

    console = Console(highlight=False, markup=False)
    out = args.out or args.demo / "studies" / args.study
    question, study = STUDIES[args.study]
    console.print(f"{args.study}: {question}\nin {out}, on {args.demo}", soft_wrap=True)
    table = study(Demo(args.config, args.demo, args.overrides, console), out)
    console.print(f"\n{table}\n{out / 'table.md'}\n{out / 'results.json'}\n{out / 'cost.png'}", soft_wrap=True)
    return 0
