"""`ssr study`: a question about the method, answered by experiments."""

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from ssr_connector.tiny.demo import Demo

HELP = "answer a question about the method by experiments in the tiny world"
TAKES_RECIPE = True

EPILOG = """\
A study builds on a run of `ssr demo`, whose world, voices and base models it makes where they are missing;
`languages` makes its own after the same recipe, in DIR/languages. It says beforehand how long all this will take, and
writes results.json, a picture, and report.md with table and paragraph. A stopped or repeated study goes on with what
is there; what arms, seeds and studies have in common is done once, in DIR/studies/cache.

studies
{studies}

examples
  ssr study aligners --seeds 1                              on runs/demo
  ssr study connectors --quick                              at most a quarter of an hour on 2 cores
  ssr study connectors --arms mean_pool,stack --share 0.5 --evaluation.items 500
  ssr study encoders --encoders facebook/hubert-base-ls960:9,openai/whisper-small
  ssr study connectors --config smoke --demo runs/smoke
  ssr study beyond --config tiny-full --demo runs/full-0,runs/full-1,runs/full-2
  ssr study noise --noises data/noise --cuts calls=data/calls/cuts.jsonl.gz
  ssr study languages --quick --cuts mls_de=data/mls_german/dev.jsonl.gz
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    from ssr_connector.studies import STUDIES

    width = max(map(len, STUDIES))
    lines = [
        textwrap.fill(study.question, 118, initial_indent=f"  {name:{width}}  ", subsequent_indent=" " * (width + 4))
        for name, study in STUDIES.items()
    ]
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG.format(studies="\n".join(lines))
    parser.add_argument("study", metavar="STUDY", choices=list(STUDIES), help=", ".join(STUDIES))
    parser.add_argument("--config", metavar="YAML", type=Path, default=Path("tiny"), help="the recipe (default: tiny)")
    parser.add_argument(
        "--demo",
        metavar="DIR,…",
        type=names,
        default=("runs/demo",),
        help="run that it builds on (default: runs/demo); several, which differ in their --seed: all of them, with one "
        "training seed each",
    )
    parser.add_argument("--seeds", metavar="N", type=int, help="training seeds (default: 3; of several runs 1 each)")
    parser.add_argument(
        "--arms",
        metavar="NAME,…",
        type=names,
        default=(),
        help="only some of its rows, and the ones that they are compared with; a wrong name lists them",
    )
    parser.add_argument(
        "--share", metavar="S", type=float, default=1.0, help="of the steps of connectors and stage 2 (default: 1)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one seed, fewer arms, items and steps: at most 15 minutes on 2 cores, once the world is made",
    )
    parser.add_argument(
        "--encoders",
        metavar="NAME[:LAYER],…",
        type=names,
        default=(),
        help="encoders: more of them, hub names or folders, each with its last layer or the one given",
    )
    parser.add_argument(
        "--noises", metavar="DIR", default="", help="noise: hear the tests also in recordings of a folder or table"
    )
    parser.add_argument(
        "--cuts",
        metavar="NAME=CUTS",
        action="append",
        default=[],
        help="noise, domains, languages: measure also transcribed cuts of `ssr prepare`, without tasks; again for "
        "several",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder of the results (default: DEMO/studies/STUDY)")


def names(text: str) -> tuple[str, ...]:
    """Those of `A,B`."""
    return tuple(text.split(","))


def named(cuts: str) -> tuple[str, str]:
    """The name and the manifest of `NAME=CUTS`. Raises UserError for anything else."""
    from ssr_connector.errors import UserError

    name, equals, path = cuts.partition("=")
    if not (name and equals and path):
        raise UserError(f"--cuts {cuts}: give a name and a manifest, NAME=cuts.jsonl.gz")
    return name, path


def demos_of(args: argparse.Namespace, console: "Console") -> "list[Demo]":
    """The runs of --demo: one as the options say, of several each with the seed that made it.

    Raises UserError where a seed is not known, or one of several.
    """
    import json

    from ssr_connector.errors import UserError
    from ssr_connector.tiny.demo import Demo

    folders = [Path(name) for name in args.demo]
    if len(folders) == 1:
        return [Demo(args.config, folders[0], args.overrides, console)]
    if args.quick:
        raise UserError("--quick takes one --demo")
    if any(word.partition("=")[0] == "--seed" for word in args.overrides):
        raise UserError("--seed goes with one --demo: of several each has the seed that made it")
    demos: dict[int, Demo] = {}
    for folder in folders:
        results = folder / "results.json"
        if not results.is_file():
            raise UserError(f"{folder} holds no finished run of `ssr demo`, so its seed is not known")
        seed = json.loads(results.read_text(encoding="utf-8"))["seed"]
        if seed in demos:
            raise UserError(f"{folder} and {demos[seed].out} have the same seed {seed}: they are one world")
        demos[seed] = Demo(args.config, folder, [*args.overrides, f"--seed={seed}"], console)
    return list(demos.values())


def run(args: argparse.Namespace) -> int:
    """Do the study, and print its table and its paragraph."""
    from rich.console import Console

    from ssr_connector.errors import UserError
    from ssr_connector.studies import STUDIES
    from ssr_connector.studies.run import carry_out
    from ssr_connector.studies.study import Own

    if args.seeds is not None and args.seeds < 1:
        raise UserError(f"--seeds {args.seeds}: give 1 or more")
    if not 0 < args.share <= 1:
        raise UserError(f"--share {args.share:g}: give a share of the steps, above 0 and at most 1")
    console = Console(highlight=False, markup=False)
    study = STUDIES[args.study]
    out = args.out or Path(args.demo[0], "studies", f"{study.name}{'-quick' if args.quick else ''}")
    console.print(f"{study.name}: {study.question}\nin {out}, on {', '.join(args.demo)}", soft_wrap=True)
    own = Own(args.noises, dict(named(cuts) for cuts in args.cuts), args.encoders)
    if len(own.cuts) < len(args.cuts):
        raise UserError("--cuts: give every corpus a name of its own")
    for option in (name for name, value in vars(own).items() if value):
        if option not in study.takes:
            who = ", ".join(other.name for other in STUDIES.values() if option in other.takes)
            raise UserError(f"{study.name} takes no --{option}: that is for {who}")
    if own != Own() and study.extended:
        study = study.extended(study, own)
    demos = demos_of(args, console)
    n_seeds = args.seeds or (3 if len(demos) == 1 else 1)
    found = carry_out(study, demos, out, n_seeds=n_seeds, quick=args.quick, only=args.arms, share=args.share)
    console.print(f"\n{found.table}\n{found.paragraph}\n", soft_wrap=True)
    console.print("\n".join(map(str, found.files)), soft_wrap=True)
    return 0
