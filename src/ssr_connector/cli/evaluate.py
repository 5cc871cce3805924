"""`ssr evaluate`: what was gained, and what was kept."""

import argparse
from pathlib import Path

HELP = "measure models: speech tasks from audio alone, text tasks, word errors, boundaries"
TAKES_RECIPE = True

EPILOG = """\
MODEL is a folder, or NAME=FOLDER to call it something; the first one is compared with the others, with the hard
cascade (its own aligner's transcript into the text LLM), with the text ceiling and with the controls.
Tasks are JSON lines, one question a line; recordings are relative to the file:
  {"id": "q1", "group": "geography", "context": {"text": "…", "audio": "q1.flac"}, "prompt": " The answer is:",
   "choices": [{"text": "A"}, {"text": "B"}], "answer": 0}
`ssr import-benchmark` makes them of MMLU, StoryCloze, sWUGGY, sBLIMP, SALMon and others as they are downloaded.
A task is left out, with a note, in the modes for which its file holds no recordings, or no texts.

examples
  ssr evaluate runs/mine/distill/model --cuts data/mine/dev.jsonl.gz --out runs/mine/results
  ssr evaluate runs/mine/distill/model --cuts LibriSpeech/test-clean --evaluation.beams 4 --evaluation.asr_shots 3 \\
      --out runs/mine/asr
  ssr evaluate ssr=runs/demo/distill/model multitask=runs/demo/multitask/model --data runs/demo/speech/tests \\
      --tasks storycloze,spoken_mmlu --evaluation.items 100 --out runs/check
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("models", metavar="MODEL", nargs="+")
    parser.add_argument("--data", metavar="DIR", type=Path, help="folder with the tasks' files")
    parser.add_argument("--tasks", metavar="A,B", help="which tasks (default: every one whose file is there)")
    parser.add_argument(
        "--cuts",
        metavar="CUTS",
        type=Path,
        help="transcribed speech, for word errors and closeness: cuts, or a corpus's folder as `ssr prepare` reads it",
    )
    parser.add_argument("--config", metavar="YAML", type=Path, help="a recipe, for its section `evaluation`")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="folder for results.json and report.html"
    )
    parser.add_argument(
        "--submission",
        metavar="DIR",
        type=Path,
        help="also write the first model's scores as ZeroSpeech 2021 wants them",
    )


def run(args: argparse.Namespace) -> int:
    """Measure, and write results.json and report.html."""
    from ssr_connector.errors import UserError

    if args.data is None and args.cuts is None:
        raise UserError(
            "nothing to measure on: give --data DIR with tasks, --cuts CUTS with transcribed speech, or both"
        )
    import shlex
    import sys

    from rich.console import Console

    from ssr_connector.config import load_recipe, to_dict
    from ssr_connector.evaluation.comparison import Spec, compare
    from ssr_connector.evaluation.report import print_summary, write_report
    from ssr_connector.files import write_json
    from ssr_connector.progress import bar

    console = Console(highlight=False, markup=False)
    recipe = load_recipe(args.config, None, args.overrides)
    systems: dict[str, Path] = {}
    for model in args.models:
        name, _, folder = model.rpartition("=")
        name = name or Path(folder).resolve().parent.name
        if name in systems:
            raise UserError(f"two models are called {name!r}; call them something: one={systems[name]} other={folder}")
        systems[name] = Path(folder)
    cuts = args.cuts
    if cuts is not None and cuts.is_dir():
        from ssr_connector.data.preparation import prepare

        prepare(cuts, args.out / "cuts", console=console)
        cuts = args.out / "cuts" / "cuts.jsonl.gz"
    spec = Spec(
        systems,
        chosen_tasks(args.tasks, args.data),
        args.data,
        cuts,
        recipe.evaluation,
        args.submission,
    )
    with bar(console, "listening") as report:
        results = compare(spec, lambda line: console.print(f"  {line}"), lambda _, done, total: report(done, total, {}))
    results |= {"command": shlex.join(["ssr", *sys.argv[1:]]), "recipe": to_dict(recipe), "seed": recipe.seed}
    results |= {"cost": [], "curves": {}, "next": []}
    write_json(args.out / "results.json", results)
    write_report(results, args.out / "report.html")
    print_summary(results, console)
    console.print(f"{args.out / 'results.json'}\n{args.out / 'report.html'}", soft_wrap=True)
    return 0


def chosen_tasks(asked: str | None, folder: Path | None) -> list[str]:
    """Names of tasks, checked against what there is."""
    from ssr_connector.errors import UserError
    from ssr_connector.evaluation.tasks import TASKS

    if folder is None:
        return []
    there = [name for name, task in TASKS.items() if (folder / task.file).is_file()]
    if asked is None:
        if not there:
            raise UserError(f"{folder} holds no task: none of {', '.join(sorted({t.file for t in TASKS.values()}))}")
        return there
    names = asked.split(",")
    for name in names:
        if name not in TASKS:
            raise UserError(f"there is no task {name!r}; known are {', '.join(TASKS)}")
        if name not in there:
            raise UserError(f"the task {name} needs {folder / TASKS[name].file}, which is missing")
    return names
