"""`ssr demo`: from nothing to a trained, measured SpeechLM in one folder."""

import argparse
from pathlib import Path

HELP = "make a tiny world, train everything on it, measure it, and show the result"
TAKES_RECIPE = True

EPILOG = """\
Nothing is downloaded: text, voices (eSpeak NG), a tiny LLM and a tiny speech encoder are made here; from then on the
commands are those for your own models. A stopped or repeated run goes on with what is there. The recipes tiny, smoke
and tiny-full come with the package.

examples
  ssr demo                                     every stage, about 15 minutes on 2 cores
  ssr demo --smoke                             every stage, as small as can be
  ssr demo --config tiny-full --out runs/full --seed 1
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--config", metavar="YAML", type=Path, help="the recipe (default: tiny)")
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder of the run (default: runs/demo)")
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=int,
        default=2,
        help="stages at the same time, which share the processors (default: 2)",
    )
    parser.add_argument("--smoke", action="store_true", help="the recipe smoke into runs/smoke: under 2 minutes")


def run(args: argparse.Namespace) -> int:
    """Go through all stages; write results.json, report.html and report.md; print the table and the next commands."""
    from rich.console import Console

    from ssr_connector.errors import UserError

    if args.jobs < 1:
        raise UserError("--jobs is at least 1")
    console = Console(highlight=False, markup=False)
    config = args.config or Path("smoke" if args.smoke else "tiny")
    out = args.out or Path("runs") / ("smoke" if args.smoke else "demo")
    try:
        import espeakng_loader  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise UserError("the tiny world's voices need eSpeak NG: pip install -e '.[tiny]'") from error
    from ssr_connector.evaluation.report import print_summary, write_results
    from ssr_connector.tiny.demo import Demo

    console.print(f"Demo by {config} in {out}", soft_wrap=True)
    results = Demo(config, out, args.overrides, console).run(args.jobs)
    page, text, figures = write_results(results, out)
    print_summary(results, console)
    console.print(f"\nThe picture: {page}\nThe figures: {figures}, {text}", soft_wrap=True)
    return 0
