"""`ssr encode`: encoder frames of cuts to disk, once and for all stages."""

import argparse
from pathlib import Path

from ssr_connector.cli.engine import add_duration_argument, add_engine_arguments

HELP = "run the frozen speech encoder over cuts once, and keep its frames on disk"

EPILOG = """\
It goes shard by shard: the same command goes on where it was cut off. --engine ray does the shards on a Ray cluster
(docs/clusters.md).

The encoder never changes, so training can read its frames instead of running it again in every epoch.
They take 2 bytes × encoder width × layers × frames: about 270 MB an hour for one layer of a 768-wide encoder at 50
frames/s. How much it will be is said before anything is encoded. Several layers lie side by side, and a weighted sum of
them is learnt by aligner and connector: the recipe then says encoder.layer: [4, 8, 12].

Whisper hears windows of 30 s filled up with silence, as it was trained; --unpadded hears recordings as long as they are
(encoder.padded: false), which is faster the shorter they are. Its frames drift: how far is said before.

example
  ssr encode data/mine/cuts.jsonl.gz --encoder facebook/hubert-base-ls960 --layer 9 --out data/mine/frames --jobs 4
  ssr train aligner --config recipes/own.yaml --data.frames data/mine/frames …
  ssr encode data/mine/cuts.jsonl.gz --encoder openai/whisper-small --layer 4,8,12 --unpadded --out data/mine/frames
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument(
        "cuts", metavar="CUTS", type=Path, nargs="+", help="cuts.jsonl.gz, or a Shar folder, of `ssr prepare`"
    )
    parser.add_argument(
        "--encoder", metavar="NAME", required=True, help="hub name or folder of a transformers speech encoder"
    )
    parser.add_argument(
        "--layer", metavar="K[,K…]", type=layers, help="hidden state to take, or several (default: the last)"
    )
    parser.add_argument("--unpadded", action="store_true", help="Whisper: no silence behind short recordings")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the frames")
    parser.add_argument(
        "--batch-s",
        metavar="S",
        type=float,
        default=120.0,
        help="seconds of audio, with padding, that go through the encoder at once (default: 120)",
    )
    add_engine_arguments(parser)
    add_duration_argument(parser)


def layers(text: str) -> int | list[int]:
    """`9`, or `4,8,12`."""
    found = [int(word) for word in text.split(",")]
    return found[0] if len(found) == 1 else found


def run(args: argparse.Namespace) -> int:
    """Encode, and say how much was written."""
    from rich.console import Console

    from ssr_connector.config import EncoderSection
    from ssr_connector.encoders.corpus import REJECTED, encode_cuts
    from ssr_connector.engine import build_engine
    from ssr_connector.progress import bar

    console = Console(highlight=False, markup=False)
    engine = build_engine(args.engine, args.jobs, args.address)
    with bar(console, "encoding") as report:
        n, rejected = encode_cuts(
            args.cuts,
            EncoderSection(args.encoder, args.layer, not args.unpadded),
            args.out,
            args.batch_s,
            report,
            engine,
            args.shard_s,
            lambda line: console.print(line, soft_wrap=True),
        )
    size = sum(f.stat().st_size for f in args.out.rglob("*") if f.is_file()) / 1e6
    console.print(f"{n} recordings encoded into {args.out}: {size:.0f} MB", soft_wrap=True)
    if rejected:
        ids = ", ".join(key for key, _ in rejected[:8])
        console.print(f"{len(rejected)} were left out ({args.out / REJECTED} says why): {ids}", soft_wrap=True)
    return 0
