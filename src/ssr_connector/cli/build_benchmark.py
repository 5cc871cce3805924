"""`ssr build-benchmark`: a written benchmark read out, as tasks of `ssr evaluate`."""

import argparse
import shlex
from pathlib import Path

HELP = "speak a written benchmark (MMLU, StoryCloze, BLiMP, multiple choice), as tasks of `ssr evaluate`"

EPILOG = """\
NAME is one of
  speech-mmlu             Hendrycks' folder: test/*_test.csv (or val/), and dev/*_dev.csv for the examples
  speech-storycloze       StoryCloze's CSV: beginnings and endings, for all modes of the task storycloze
  speech-blimp            BLiMP's folder of JSON lines (sentence_good, sentence_bad)
  speech-multiple-choice  JSON lines with query, choices, gold: a file or a folder

Numerals, signs, units, money and abbreviations are put into words. Questions that cannot be asked aloud (blanks,
tables, program text, formulae, figures, very long ones …) are left out by rules; each is named in DIR/rejected.tsv
with the rule and what in it was meant, and DIR/build.json states and counts the rules. The voices take turns, one a
question.

speech-mmlu comes in the paper's two modes: question and options spoken (task spoken_mmlu), and the question spoken with
the options written below it (spoken_mmlu_text_options). Its examples are the subject's first questions in dev/ that can
be asked aloud (then in val/, where test/ is asked), spoken by every voice that asks of the subject: `ssr evaluate …
--evaluation.shots 5` puts them before the question, in its mode: heard where it is heard, written where it is read
(default: none).

DIR gets audio/*.flac, the tasks' files, words.ctm (true word times, where eSpeak speaks), rejected.tsv, build.json. The
same command goes on after an interruption; recordings that are done are kept.

With --command any program speaks: it gets a text on its standard input and writes a recording to {out}, and {voice}
stands for the names of --voices in turn. No shell is involved.

examples
  ssr build-benchmark speech-mmlu downloads/mmlu --out data/speech-mmlu
  ssr build-benchmark speech-mmlu downloads/mmlu --out data/piper --voices amy.onnx,joe.onnx \\
      --command 'piper --model {voice} --output_file {out}'
  ssr evaluate runs/mine/distill/model --data data/speech-mmlu --evaluation.shots 5 --out runs/mine/results
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("name", metavar="NAME", help="which benchmark")
    parser.add_argument("source", metavar="SOURCE", type=Path, help="its folder, or the file")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder of its own, made if need be")
    parser.add_argument("--command", metavar="WORDS", help="a program that speaks (default: eSpeak, extra [tiny])")
    parser.add_argument("--voices", metavar="A,B", help="who speaks (default of eSpeak: the tiny world's test voices)")
    parser.add_argument(
        "--split",
        help="speech-mmlu: test or val (default: the first that is there); speech-storycloze: a part of the CSV's name",
    )
    parser.add_argument(
        "--shots", metavar="N", type=int, help="speech-mmlu: examples before every question, 0 to 5 (default: 5)"
    )
    parser.add_argument("--no-header", action="store_true", help="speech-mmlu: no line on the subject in the text task")
    parser.add_argument(
        "--max-words", metavar="N", type=int, default=120, help="longest question with its options (default: 120)"
    )
    parser.add_argument("--items", metavar="N", type=int, default=0, help="speak only N questions, drawn by the seed")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the voices' order and of --items")
    parser.add_argument("--jobs", metavar="N", type=int, help="processes that speak (default: one a processor)")


def run(args: argparse.Namespace) -> int:
    """Speak, write, and say what came of it; raises UserError where no question is left."""
    import os

    from rich.console import Console

    from ssr_connector.errors import UserError
    from ssr_connector.evaluation.benchmarks.layout import Options
    from ssr_connector.evaluation.benchmarks.words import counted
    from ssr_connector.evaluation.spoken.building import Plan, build
    from ssr_connector.evaluation.spoken.speaker import choose_speaker
    from ssr_connector.progress import bar

    for option, least in (("max_words", 1), ("items", 0), ("jobs", 1)):
        value = getattr(args, option)
        if value is not None and value < least:
            raise UserError(f"--{option.replace('_', '-')} {value}: give {least} or more")
    console = Console(highlight=False, markup=False)
    speaker, voices = choose_speaker(args.command, args.voices)
    jobs = args.jobs or os.cpu_count() or 1
    plan = Plan(speaker, voices, args.max_words, args.items, args.seed, jobs)
    options = Options(args.split, args.shots, not args.no_header)
    with bar(console, "speaking") as report:
        built = build(args.name, args.source, args.out, options, plan, lambda done, n: report(done, n, {}))
    where = f", from {built.split}" if built.split else ""
    for file, items in built.questions.items():
        console.print(f"{file}: {len(items)} of {built.n_read} questions{where}", soft_wrap=True)
    console.print(f"{built.duration_s / 3600:.2f} h of speech in {len(voices)} voices", soft_wrap=True)
    for line in counted("left out", [r for name in built.counts() for r in built.rejected if r.reason == name]):
        console.print(line, soft_wrap=True)
    for line in counted("to note", built.remarks):
        console.print(line, soft_wrap=True)
    if built.rejected:
        console.print(f"Everything that was left out, and why: {args.out / 'rejected.tsv'}", soft_wrap=True)
    words = ["ssr", "evaluate", "MODEL", "--data", str(args.out), "--tasks", ",".join(built.tasks), "--out", "RESULTS"]
    console.print(f"\nNext:\n  {shlex.join(words)}", soft_wrap=True)
    return 0
