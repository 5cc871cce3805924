"""`ssr import-benchmark`: a published benchmark as it was downloaded, as tasks of `ssr evaluate`."""

import argparse
import os
import shlex
from pathlib import Path

HELP = "turn a published benchmark, as it was downloaded, into tasks of `ssr evaluate`"

EPILOG = """\
NAME is one of
  mmlu             Hendrycks' folder: test/*_test.csv (or val/), and dev/*_dev.csv for the examples; to be read
  storycloze       StoryCloze's CSV, folders sSC and tSC of recordings INDEX_STORYID_correct.wav, or both;
                   whole spoken stories are the tasks storycloze_whole and, of tSC, storycloze_topic
  swuggy, sblimp   ZeroSpeech 2021's folder: lexical/dev/gold.csv, syntactic/dev/gold.csv, recordings beside them
  salmon           SALMon's eight folders: bg_alignment/sample_0_0.wav (right), sample_0_1.wav (wrong) …
  table            a TSV or CSV with the columns positive and negative (recordings), perhaps id, group, speaker
  style            deliveries to tell apart: a folder of recordings for every label, or a TSV or CSV with the columns
                   audio and label, perhaps id, text, speaker; what is said must not give the label away
  blimp            BLiMP's folder of JSON lines (sentence_good, sentence_bad); to be read
  multiple_choice  JSON lines with query, choices, gold: a file or a folder; to be read

Recordings are checked from end to end, and neither copied nor changed. What cannot be used is left out, counted, and
listed with its reason in DIR/rejected.tsv. With --check nothing is written. Several benchmarks may share one DIR.
`ssr evaluate --check DIR` checks all that a folder of downloads holds.

examples
  ssr import-benchmark mmlu downloads/mmlu --check
  ssr import-benchmark swuggy downloads/zerospeech2021 --split dev --out data/benchmarks
  ssr evaluate runs/mine/distill/model --data data/benchmarks --tasks swuggy --out runs/mine/results
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("name", metavar="NAME", help="which benchmark")
    parser.add_argument("source", metavar="SOURCE", type=Path, help="its folder, or the file")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", metavar="DIR", type=Path, help="folder for the tasks' files, made if need be")
    target.add_argument(
        "--check",
        action="store_true",
        help="write nothing, only say what is missing or malformed; status 1 where something is left out, 2 where "
        "nothing is usable",
    )
    parser.add_argument(
        "--split",
        help="mmlu: test or val; swuggy, sblimp: dev or test (default: the first of them that is there); storycloze: "
        "part of the name of its CSV, where there are several",
    )
    parser.add_argument(
        "--shots", metavar="N", type=int, help="mmlu: examples before each question, 0 to 5 (default: 5)"
    )
    parser.add_argument("--no-header", action="store_true", help="mmlu: no line on the subject before the examples")
    parser.add_argument(
        "--jobs", metavar="N", type=int, help="processes that check recordings (default: one a processor)"
    )


def run(args: argparse.Namespace) -> int:
    """Read, check, write, and say what came of it; raises UserError where nothing is usable."""
    from rich.console import Console

    from ssr_connector.engine import build_engine
    from ssr_connector.errors import UserError
    from ssr_connector.evaluation.benchmarks.conversion import nothing_usable, read_benchmark, write_benchmark
    from ssr_connector.evaluation.benchmarks.layout import Options
    from ssr_connector.evaluation.benchmarks.words import faults, usable

    console = Console(highlight=False, markup=False)
    options = Options(args.split, args.shots, not args.no_header)
    engine = build_engine("local", os.cpu_count() if args.jobs is None else args.jobs)
    found = read_benchmark(args.name, args.source, options, engine, console)
    for line in usable(found) + faults(found.rejected, found.remarks):
        console.print(line, soft_wrap=True)
    if args.check:
        if not found.questions:
            raise UserError(nothing_usable(found))
        return int(bool(found.rejected))
    write_benchmark(found, args.out)
    if found.rejected:
        console.print(f"Everything that was left out, and why: {args.out / 'rejected.tsv'}", soft_wrap=True)
    command = [
        "ssr",
        "evaluate",
        "MODEL",
        "--data",
        str(args.out),
        "--tasks",
        ",".join(found.tasks),
        "--out",
        "RESULTS",
    ]
    console.print(f"\nNext:\n  {shlex.join(command)}", soft_wrap=True)
    return 0
