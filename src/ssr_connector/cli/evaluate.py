"""`ssr evaluate`: what was gained, and what was kept."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from ssr_connector.config import Recipe

HELP = "measure models: speech tasks from audio alone, text tasks, word errors, boundaries"
TAKES_RECIPE = True

EPILOG = """\
MODEL is a folder, or NAME=FOLDER to call it something; the first one is compared with the others, with the hard
cascade (its own aligner's transcript into the text LLM), with the text ceiling, with the oracle (aligned along the true
texts, where every recording has one) and with the controls (another item's audio, no context): in every spoken mode.
Tasks are JSON lines, one question a line; recordings are relative to the file:
  {"id": "q1", "group": "geography", "context": {"text": "…", "audio": "q1.flac"}, "prompt": " The answer is:",
   "choices": [{"text": "A"}, {"text": "B"}], "answer": 0}
Examples may come before it, as many as --evaluation.shots says (default: none): heard in spoken modes, else written:
   "examples": [{"context": {"text": "…", "audio": "e1.flac"}, "written": " The answer is: B\\n\\n"}]
`ssr import-benchmark` makes them of MMLU, StoryCloze, sWUGGY, sBLIMP, SALMon and others as they are downloaded.
A task is left out, with a note, in the modes for which its file holds no recordings, or no texts.
--harness runs text tasks of lm-evaluation-harness on the base LLM and on the LLM of every model, with the paired change
and its 95 % interval; --evaluation.items takes the first of theirs, and a random sample of tasks.
What was heard and scored is kept in DIR/journal: the same command goes on where it was stopped, and a system or a task
that is added is scored alone. What has changed (a model, a task, a recording, this package's code) is scored anew. The
folder holds the encoder's frames and may be removed when all is done.

examples
  ssr evaluate runs/mine/distill/model --cuts data/mine/dev.jsonl.gz --out runs/mine/results
  ssr evaluate runs/mine/distill/model --cuts LibriSpeech/test-clean --evaluation.beams 4 --evaluation.asr_shots 3 \\
      --out runs/mine/asr
  ssr evaluate ssr=runs/demo/distill/model multitask=runs/demo/multitask/model --data runs/demo/speech/tests \\
      --tasks storycloze,spoken_mmlu --evaluation.items 100 --out runs/check
  ssr evaluate --check downloads
  ssr evaluate runs/mine/finetune/model --harness mmlu,hellaswag --fail-if-text-drops 1 --out runs/mine/text
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("models", metavar="MODEL", nargs="*")
    parser.add_argument(
        "--check",
        metavar="DIR",
        type=Path,
        help="measure nothing: say what is missing or malformed in a download, or in the folders right in DIR, of the "
        "benchmarks of `ssr import-benchmark` and LibriSpeech; with --tasks: of what these need; status 1 if so",
    )
    parser.add_argument("--data", metavar="DIR", type=Path, help="folder with the tasks' files")
    parser.add_argument(
        "--tasks", metavar="A,B", help="which tasks (default: every one whose file is there; asr: that of --cuts)"
    )
    parser.add_argument(
        "--cuts",
        metavar="CUTS",
        type=Path,
        help="transcribed speech, for word errors and closeness: cuts (a Shar folder, too), or a corpus's folder as "
        "`ssr prepare` reads it",
    )
    parser.add_argument(
        "--subset", metavar="NAME", help="which part of the corpus in --cuts, where its layout has parts"
    )
    parser.add_argument("--config", metavar="YAML", type=Path, help="a recipe, for its section `evaluation`")
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="folder for results.json, report.html and report.md; with --harness for harness.json, item by item",
    )
    parser.add_argument(
        "--submission",
        metavar="DIR",
        type=Path,
        help="also write the first model's scores of sWUGGY and sBLIMP as ZeroSpeech 2021 wants them: of all "
        "recordings of the splits dev and test, where these are, and meta.yaml",
    )
    parser.add_argument(
        "--harness",
        metavar="TASK,TASK",
        help="text tasks of lm-evaluation-harness, before and after training (needs the extra `eval`)",
    )
    parser.add_argument("--harness-dir", metavar="DIR", type=Path, help="folder with tasks of your own for --harness")
    parser.add_argument(
        "--fail-if-text-drops",
        metavar="POINTS",
        type=float,
        help="exit with status 3 where a text task, written or of --harness, lost more than this against the base LLM: "
        "the paired drop itself in per cent points, not a bound of its interval (the sentence gives the interval)",
    )


def run(args: argparse.Namespace) -> int:
    """Measure, and write results.json, report.html and report.md, and harness.json with every item's outcome."""
    if args.check:
        return check_downloads(args)
    check(args)
    from rich.console import Console

    from ssr_connector.config import load_recipe
    from ssr_connector.errors import UserError
    from ssr_connector.evaluation.figure_names import SLUGS
    from ssr_connector.evaluation.labels import RESERVED, system_name

    console = Console(highlight=False, markup=False)
    recipe = load_recipe(args.config, None, args.overrides)
    systems: dict[str, Path] = {}
    for model in args.models:
        name, folder = named(model)
        same = next((known for known in systems if system_name(known) == system_name(name)), None)
        if same is not None:
            raise UserError(f"two models are called {name!r}; call them something: one={systems[same]} other={folder}")
        if name in RESERVED or name in map(SLUGS.get, RESERVED):
            raise UserError(f"{name!r} is a row of its own; call the model something else: mine={folder}")
        systems[name] = folder
    harness = run_harness(args, systems, recipe, console) if args.harness else {}
    results = run_tasks(args, systems, recipe, console) if args.data or args.cuts else {}
    report(args, recipe, results, harness, console)
    return 0 if args.fail_if_text_drops is None else text_limit(args, systems, results, harness)


def check_downloads(args: argparse.Namespace) -> int:
    """Say what --check finds; status 1 where not everything is there and well-formed."""
    import os

    from rich.console import Console

    from ssr_connector.engine import build_engine
    from ssr_connector.errors import UserError
    from ssr_connector.evaluation.benchmarks.check import check_folder
    from ssr_connector.evaluation.benchmarks.words import faults

    if args.models or args.data or args.cuts or args.harness:
        raise UserError("--check goes with --tasks alone: it measures nothing, and takes no model")
    console = Console(highlight=False, markup=False)
    engine = build_engine("local", os.cpu_count())
    n, n_whole = 0, 0
    for found in check_folder(args.check, args.tasks.split(",") if args.tasks else [], engine, console):
        lines = [*found.usable, *([found.fault] if found.fault else []), *faults(found.rejected, found.remarks)]
        console.print(f"{found.name} in {found.folder}:", *lines, sep="\n  ", soft_wrap=True)
        n, n_whole = n + 1, n_whole + found.is_whole
    rest = f", {n - n_whole} not: see above" if n > n_whole else ""
    console.print(f"{n_whole} of {n} are there and well-formed{rest}", soft_wrap=True)
    return int(n > n_whole)


def named(model: str) -> tuple[str, Path]:
    """NAME=FOLDER, or a folder, called what the one around it is; `runs/lr=3e-4/model` has no name before it."""
    name, equals, folder = model.partition("=")
    if equals and "/" not in name and not Path(model).is_dir():
        return name or Path(folder).resolve().parent.name, Path(folder)
    return Path(model).resolve().parent.name, Path(model)


def check(args: argparse.Namespace) -> None:
    """Raise UserError where the options ask for nothing, or for what cannot be."""
    from ssr_connector.errors import UserError

    if not args.models or args.out is None:
        raise UserError("give a MODEL to measure and --out DIR for what comes of it; or --check DIR")
    if args.data is None and args.cuts is None and args.harness is None:
        raise UserError(
            "nothing to measure on: give --data DIR with tasks, --cuts CUTS with transcribed speech, --harness TASK, "
            "or several of them"
        )
    if args.harness_dir and args.harness is None:
        raise UserError("--harness-dir is of no use without --harness TASK")
    check_subset(args)
    if args.submission and args.data is None:
        raise UserError("--submission needs --data DIR with the tasks to submit")
    if args.fail_if_text_drops is not None:
        if not args.fail_if_text_drops >= 0:
            raise UserError(f"--fail-if-text-drops {args.fail_if_text_drops:g}: give 0 or more points")
        if args.data is None and args.harness is None:
            raise UserError("--fail-if-text-drops needs text tasks: give --data DIR or --harness TASK")


def check_subset(args: argparse.Namespace) -> None:
    """Raise UserError where it is not said, or cannot be, which part of a corpus is measured."""
    from ssr_connector.errors import UserError

    if args.cuts is None or not is_corpus(args.cuts):
        if args.subset is not None:
            raise UserError(f"--subset {args.subset} goes with --cuts and the folder of a corpus, not with cuts")
        return
    from ssr_connector.data import CORPORA
    from ssr_connector.data.preparation import detect

    layout = detect(args.cuts)
    corpus = CORPORA[layout]
    if corpus.has_subsets and args.subset is None:
        raise UserError(
            f"{args.cuts} is laid out as {layout}, which may have training data in it, too: say with --subset what is "
            "measured (`ssr prepare --help` names the subsets), or prepare it before and give its cuts"
        )
    if len(parts := corpus.parts(args.cuts)) > 1:
        raise UserError(f"{args.cuts} holds {', '.join(parts)}: give the folder of the one that is measured")


def is_corpus(cuts: Path) -> bool:
    """Whether it is to be prepared first: a folder, but not one of cuts."""
    from ssr_connector.data.shar import is_shar

    return cuts.is_dir() and not is_shar(cuts)


def prepared(args: argparse.Namespace, console: "Console") -> Path:
    """The cuts of a corpus, in the folder of the results."""
    from ssr_connector.data.preparation import prepare

    out: Path = args.out / "cuts"
    found = prepare(args.cuts, out, subset=args.subset, console=console)
    part = f", subset {args.subset}" if args.subset else ""
    console.print(
        f"  {args.cuts} ({found.corpus}{part}): {found.cuts} cuts, {found.hours:.2f} h are measured; "
        f"{sum(found.rejected.values())} rejected ({out / 'rejected.tsv'})",
        soft_wrap=True,
    )
    return out / "cuts.jsonl.gz"


def run_tasks(
    args: argparse.Namespace, systems: Mapping[str, Path], recipe: "Recipe", console: "Console"
) -> dict[str, Any]:
    """Tasks and transcribed speech."""
    from ssr_connector.config import to_dict
    from ssr_connector.evaluation.comparison import Spec, compare
    from ssr_connector.evaluation.report import print_summary
    from ssr_connector.progress import bar

    cuts = prepared(args, console) if args.cuts is not None and is_corpus(args.cuts) else args.cuts
    tasks = chosen_tasks(args.tasks, args.data, cuts)
    journal = args.out / "journal"
    spec = Spec(systems, tasks, args.data, cuts, recipe.evaluation, journal, args.submission)
    with bar(console, "listening") as report:
        results = compare(spec, lambda line: console.print(f"  {line}"), lambda _, done, total: report(done, total, {}))
    results |= {"command": command(), "recipe": to_dict(recipe), "seed": recipe.seed}
    results |= {"cost": [], "curves": {}, "next": []}
    print_summary(results, console)
    return results


def report(
    args: argparse.Namespace,
    recipe: "Recipe",
    results: Mapping[str, Any],
    harness: Mapping[str, Any],
    console: "Console",
) -> None:
    """Write the results; those of --harness alone beside what an earlier run left in the folder."""
    import json

    from ssr_connector.config import to_dict
    from ssr_connector.evaluation.report import write_results

    earlier = args.out / "results.json"
    if harness and not results and earlier.is_file():
        results = json.loads(earlier.read_text(encoding="utf-8"))
    elif not results:
        results = {k: harness[k] for k in ("command", "commit", "machine")}
        results = {**results, "title": "SSR-Connector", "recipe": to_dict(recipe), "seed": recipe.seed}
    if harness:
        results = {**results, "harness": {k: v for k, v in harness.items() if k != "outcomes"}}
    console.print("\n".join(map(str, write_results(results, args.out))), soft_wrap=True)


def run_harness(
    args: argparse.Namespace, systems: Mapping[str, Path], recipe: "Recipe", console: "Console"
) -> dict[str, Any]:
    """Text tasks of lm-evaluation-harness."""
    from rich.table import Table

    from ssr_connector.evaluation.comparison import commit, machine
    from ssr_connector.evaluation.harness import before_and_after
    from ssr_connector.evaluation.harness_table import HEADINGS, harness_rows
    from ssr_connector.files import write_json

    def say(line: str) -> None:
        console.print(f"  {line}")

    tasks = args.harness.split(",")
    found = before_and_after(systems, tasks, args.harness_dir, recipe.evaluation, say)
    found = {"command": command(), "commit": commit(), "machine": machine(), **found}
    write_json(args.out / "harness.json", found)
    table = Table(*HEADINGS)
    for row in harness_rows(found):
        table.add_row(*row)
    console.print(table)
    for line in found["notes"]:
        say(line)
    console.print(str(args.out / "harness.json"), soft_wrap=True)
    return found


def text_limit(
    args: argparse.Namespace, systems: Mapping[str, Path], results: Mapping[str, Any], harness: Mapping[str, Any]
) -> int:
    """Whether the text tasks kept to --fail-if-text-drops, as an exit status."""
    import sys

    from ssr_connector.evaluation import gate
    from ssr_connector.model import SSRConfig

    changes = gate.text_changes(results, harness)
    gate.check_measured(changes, [n for n, path in systems.items() if SSRConfig.from_pretrained(path).llm_trained])
    if sentence := gate.broken_limit(changes, args.fail_if_text_drops):
        print(f"ssr: {sentence}", file=sys.stderr)
        return gate.EXIT_CODE
    return 0


def command() -> str:
    """As it was typed."""
    import shlex
    import sys

    return shlex.join(["ssr", *sys.argv[1:]])


def chosen_tasks(asked: str | None, folder: Path | None, cuts: Path | None) -> list[str]:
    """Names of tasks, checked against what there is; a task that is only spoken brings the same in writing along.

    `asr` is what is done with cuts anyway.
    """
    from ssr_connector.errors import UserError
    from ssr_connector.evaluation.tasks import CEILINGS, FORMS, TASKS

    names = [name for name in (asked or "").split(",") if name and name != "asr"]
    if asked and "asr" in asked.split(",") and cuts is None:
        raise UserError("the task asr needs recordings and what is said in them: give --cuts")
    if folder is None:
        if names:
            raise UserError(f"the task {names[0]} needs the folder that holds it: give --data")
        return []
    there = [name for name, task in TASKS.items() if (folder / task.file).is_file()]
    if asked is None:
        if not there:
            raise UserError(f"{folder} holds no task: none of {', '.join(sorted({t.file for t in TASKS.values()}))}")
        return there
    for name, forms in FORMS.items():
        if name in names:
            k = names.index(name)
            names[k : k + 1] = [form for form in forms if form in there] or forms[:1]
    for name in names:
        if name not in TASKS:
            raise UserError(f"there is no task {name!r}; known are asr, {', '.join([*FORMS, *TASKS])}")
        if name not in there:
            raise UserError(f"the task {name} needs {folder / TASKS[name].file}, which is missing")
    return list(dict.fromkeys([*names, *(CEILINGS[name] for name in names if name in CEILINGS)]))
