"""`ssr encode`: encoder frames of cuts to disk, once and for all stages."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ssr_connector.encoders import PretrainedEncoder
    from ssr_connector.progress import Report
    from ssr_connector.types import Frames

HELP = "run the frozen speech encoder over cuts once, and keep its frames on disk"

EPILOG = """\
The encoder never changes, so training can read its frames instead of running it again in every epoch.
They take 2 bytes × encoder width × frames: about 270 MB an hour for a 768-wide encoder at 50 frames/s.

example
  ssr encode data/mine/cuts.jsonl.gz --encoder facebook/hubert-base-ls960 --layer 9 --out data/mine/frames
  ssr train aligner --config recipes/tiny.yaml --data.frames data/mine/frames …
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("cuts", metavar="CUTS", type=Path, nargs="+", help="cuts.jsonl.gz of `ssr prepare`")
    parser.add_argument(
        "--encoder", metavar="NAME", required=True, help="hub name or folder of a transformers speech encoder"
    )
    parser.add_argument("--layer", metavar="K", type=int, help="hidden state to take (default: the last)")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the frames")
    parser.add_argument(
        "--batch-s", metavar="S", type=float, default=120.0, help="seconds of audio at once (default: 120)"
    )


def run(args: argparse.Namespace) -> int:
    """Encode, and say how much was written."""
    from rich.console import Console

    from ssr_connector.progress import bar

    console = Console(highlight=False, markup=False)
    with bar(console, "encoding") as report:
        n, too_short = encode(args.cuts, args.encoder, args.layer, args.out, args.batch_s, report)
    size = sum(f.stat().st_size for f in args.out.iterdir()) / 1e6
    console.print(f"{n} recordings encoded into {args.out}: {size:.0f} MB", soft_wrap=True)
    if too_short:
        console.print(
            f"{len(too_short)} are too short for a frame and were left out: {', '.join(too_short[:8])}", soft_wrap=True
        )
    return 0


def encode(
    manifests: Sequence[Path], name: str, layer: int | None, out: Path, batch_s: float, report: "Report"
) -> tuple[int, list[str]]:
    """Encode all cuts of some manifests into a frame store; returns how many, and the ids of those too short."""
    from ssr_connector.data.cuts import read_cuts
    from ssr_connector.encoders import PretrainedEncoder
    from ssr_connector.encoders.store import encoder_key, write_frames
    from ssr_connector.units import seconds_to_samples

    encoder = PretrainedEncoder.from_pretrained(name, layer)
    cuts = {cut.id: cut for path in manifests for cut in read_cuts(path)}
    rate = encoder.clock.sampling_rate_hz
    long_enough = [c for c in cuts.values() if encoder.hears(seconds_to_samples(c.duration, rate))]
    ordered = sorted(long_enough, key=lambda c: c.duration)
    n = write_frames(out, encoder_key(name, layer), encoder.clock, encoded(encoder, ordered, batch_s, report))
    return n, sorted(set(cuts) - {c.id for c in ordered})


def encoded(
    encoder: "PretrainedEncoder", cuts: Sequence[Any], batch_s: float, report: "Report"
) -> Iterator[tuple[list[str], "Frames"]]:
    """Batches of cut ids and their frames."""
    from ssr_connector.data.cuts import cut_audio

    total = sum(c.duration for c in cuts)
    group: list[Any] = []
    done = 0.0
    for k, cut in enumerate(cuts):
        group.append(cut)
        last = k == len(cuts) - 1
        if last or cuts[k + 1].duration * (len(group) + 1) > batch_s:
            recordings = [cut_audio(c, encoder.clock.sampling_rate_hz) for c in group]
            yield [c.id for c in group], encoder(recordings)
            done += sum(c.duration for c in group)
            report(round(done), round(total), {})
            group = []
