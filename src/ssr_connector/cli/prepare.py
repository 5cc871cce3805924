"""``ssr prepare``: recordings and transcripts become lhotse cuts, checked."""

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ssr_connector.cli.engine import SHARD_MB, add_engine_arguments

if TYPE_CHECKING:
    from rich.table import Table

    from ssr_connector.data.summary import Summary

HELP = "turn recordings and transcripts into checked lhotse cuts"

EPILOG = """\
SOURCE is one of
  table        TSV, CSV or JSON lines with the columns audio (path, relative to the table) and text;
               optional: id, speaker, language, start_s and end_s (a part of the recording, in seconds)
  ljspeech     the folder of LJSpeech, or of another corpus in its layout (metadata.csv, wavs/)
  librispeech  the folder of LibriSpeech, or of one of its subsets, in its original layout
  mls          a language folder of Multilingual LibriSpeech (mls_german), or one of its subsets;
               --subset train, dev or test (default: all that are there)
  commonvoice  a language folder of Common Voice (clips/, train.tsv), or a folder that holds several;
               --subset train, dev, test, validated, other or invalidated (default: train)
  gigaspeech   the folder with GigaSpeech.json; --subset XL, L, M, S, XS, DEV or TEST (default: all);
               <COMMA> and the like become punctuation
  huggingface  an audio dataset that `save_to_disk` wrote, or Parquet files of the hub (needs pyarrow);
               --subset train or another part of it (default: all);
               recordings inside of it are written to DIR/audio
  vctk         the folder of VCTK 0.92 or 0.80; --subset mic1 or mic2 (default: mic1)
  l2arctic     the folder of L2-ARCTIC, or of one of its speakers, with its word and phone times
  ami          the folder of AMI's recordings with ami_public_manual_1.6.2 in it, with its word times;
               --subset ihm, ihm-mix or sdm (default: ihm, the headsets)
  timit        the folder of TIMIT, or of a part of it, with its word and phone times
  switchboard  the folder of Switchboard-1 (.sph) with swb_ms98_transcriptions in it, with its word times

Recordings may be WAV, FLAC, MP3, Ogg (Vorbis, Opus) or SPHERE at any sampling rate; they are neither copied nor
changed, and the average of their channels is what will be used (of Switchboard each channel by itself).

What cannot be used is left out, counted, and listed with its reason in DIR/rejected.tsv: recordings that are missing,
empty, truncated, not audio or hold NaN; transcripts that are empty, unspeakable or of more than 40 characters a second;
ids that occur again; parts that lie outside of their recording or are longer or shorter than the limits.

Recordings are checked shard by shard: the same command goes on where it was cut off, and --engine ray checks them on a
Ray cluster (docs/clusters.md).

examples
  ssr prepare my/table.tsv --out data/mine --dev 0.05
  ssr prepare LibriSpeech/train-clean-100 --out data/clean100 --jobs 8
  ssr prepare cv-corpus-17.0/cy --out data/cy --subset validated --min-duration-s 1
  ssr prepare LJSpeech-1.1 --out data/lj --words lj.ctm
  ssr prepare LibriSpeech --out /scratch/ls --shar 1000       # then --data.train /scratch/ls/cuts-shar
  ssr prepare mls_english_opus --subset train --out data/mls --engine ray --address auto
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("source", metavar="SOURCE", type=Path, help="a transcript table, or the folder of a corpus")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the cuts, made if need be")
    parser.add_argument(
        "--corpus", metavar="NAME", default="auto", help="one of those below (default: seen from SOURCE)"
    )
    parser.add_argument("--subset", metavar="NAME", help="a part of the corpus, where one is named below")
    parser.add_argument(
        "--words", metavar="CTM", type=Path, help="word times to attach: lines `id channel start duration word`"
    )
    parser.add_argument(
        "--dev",
        metavar="N",
        type=float,
        help="also part a development set of about N cuts (1 or more) or that share (below 1): speakers that are not "
        "in the training set where there are several (those of one recording together), else recordings",
    )
    parser.add_argument("--seed", type=int, default=0, help="for the choice of the development set (default: 0)")
    parser.add_argument(
        "--min-duration-s", metavar="S", type=float, default=0.0, help="reject shorter utterances (default: 0)"
    )
    parser.add_argument(
        "--max-duration-s", metavar="S", type=float, default=60.0, help="reject longer utterances (default: 60)"
    )
    parser.add_argument(
        "--check",
        choices=["decode", "header"],
        default="decode",
        help="decode every recording from end to end, or only read its header: quick for a corpus of many thousand "
        "hours, but blind to NaN and to truncated FLAC and MP3 files, and not for --shar (default: decode)",
    )
    parser.add_argument(
        "--shar",
        metavar="N",
        type=int,
        help="also write the cuts with their audio (one channel, FLAC of 16 bits) as lhotse Shar, N cuts in a shard, "
        "into DIR/cuts-shar, or DIR/train-shar and DIR/dev-shar: every command takes such a folder for a cuts.jsonl.gz",
    )
    add_engine_arguments(parser, jobs="every processor")
    parser.add_argument(
        "--shard-mb",
        metavar="MB",
        type=float,
        default=SHARD_MB,
        help=f"megabytes of recordings in a shard, which is checked as a whole or again (default: {SHARD_MB:.0f})",
    )


def run(args: argparse.Namespace) -> int:
    """Prepare the corpus, print what it holds and what to type next; raises UserError."""
    from rich.console import Console

    from ssr_connector.data.preparation import prepare
    from ssr_connector.engine import build_engine

    console = Console(highlight=False, markup=False)
    jobs = os.cpu_count() if args.jobs is None and args.engine == "local" else args.jobs
    engine = build_engine(args.engine, jobs, args.address)
    console.print(f"Preparing {args.source} into {args.out}", soft_wrap=True)
    summary = prepare(
        args.source,
        args.out,
        corpus=args.corpus,
        subset=args.subset,
        words=args.words,
        dev=args.dev,
        check=args.check,
        min_duration_s=args.min_duration_s,
        max_duration_s=args.max_duration_s,
        seed=args.seed,
        shar=args.shar,
        engine=engine,
        shard_mb=args.shard_mb,
        console=console,
    )
    console.print(summary_table(summary))
    if summary.rejected:
        console.print(f"Every rejected utterance and its reason: {args.out / 'rejected.tsv'}", soft_wrap=True)
    if args.shar:
        folders = " and ".join(str(folder) for folder in sorted(args.out.glob("*-shar")))
        console.print(f"Shards with their audio: {folders}", soft_wrap=True)
    console.print(f"\nNext:\n  {next_command(args.out, summary)}", soft_wrap=True)
    return 0


def summary_table(summary: "Summary") -> "Table":
    """The summary for the screen."""
    from rich.table import Table

    rows: list[tuple[str, str]] = [
        ("corpus", f"{summary.corpus}: {summary.source}"),
        ("cuts", f"{summary.cuts}, {summary.shortest_s:.2f} to {summary.longest_s:.2f} s"),
        ("speech", f"{summary.hours:.2f} h ({summary.hours * 60:.1f} min)"),
        ("recordings", ", ".join(f"{n} at {rate} Hz" for rate, n in summary.sampling_rates_hz.items())),
        ("speakers", str(summary.speakers) if summary.speakers else "not named"),
        ("characters a second", f"{summary.characters_per_s:.1f}"),
    ]
    if summary.dev_cuts is not None:
        rows.append(("training, development", f"{summary.cuts - summary.dev_cuts}, {summary.dev_cuts} cuts"))
    rows += [(f"words: {what}", str(n)) for what, n in (summary.words or {}).items() if n]
    rows.append(("rejected", str(sum(summary.rejected.values()))))
    rows += [(f"rejected: {reason}", str(n)) for reason, n in summary.rejected.items()]
    rows += [(f"warning: {what}", str(n)) for what, n in summary.warnings.items()]
    table = Table(show_header=False)
    for row in rows:
        table.add_row(*row)
    return table


def next_command(out: Path, summary: "Summary") -> str:
    """How to train an aligner on what was prepared."""
    command = ["ssr", "train", "aligner", "--config", "recipes/own.yaml", "--out", "runs/aligner"]
    if summary.dev_cuts is None:
        command += ["--data.train", str(out / "cuts.jsonl.gz")]
    else:
        command += ["--data.train", str(out / "train.jsonl.gz"), "--data.dev", str(out / "dev.jsonl.gz")]
    return shlex.join(command)
