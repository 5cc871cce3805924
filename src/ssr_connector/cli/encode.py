"""`ssr encode`: encoder frames of cuts to disk, once and for all stages."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ssr_connector.encoders import PretrainedEncoder
    from ssr_connector.progress import Report
    from ssr_connector.types import Frames, Waveform

HELP = "run the frozen speech encoder over cuts once, and keep its frames on disk"

REJECTED = "rejected.tsv"

EPILOG = """\
The encoder never changes, so training can read its frames instead of running it again in every epoch.
They take 2 bytes × encoder width × frames: about 270 MB an hour for a 768-wide encoder at 50 frames/s.

example
  ssr encode data/mine/cuts.jsonl.gz --encoder facebook/hubert-base-ls960 --layer 9 --out data/mine/frames
  ssr train aligner --config recipes/own.yaml --data.frames data/mine/frames …
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
        n, rejected = encode(args.cuts, args.encoder, args.layer, args.out, args.batch_s, report)
    size = sum(f.stat().st_size for f in args.out.iterdir()) / 1e6
    console.print(f"{n} recordings encoded into {args.out}: {size:.0f} MB", soft_wrap=True)
    if rejected:
        ids = ", ".join(key for key, _ in rejected[:8])
        console.print(f"{len(rejected)} were left out ({args.out / REJECTED} says why): {ids}", soft_wrap=True)
    return 0


def encode(
    manifests: Sequence[Path], name: str, layer: int | None, out: Path, batch_s: float, report: "Report"
) -> tuple[int, list[tuple[str, str]]]:
    """Encode all cuts of some manifests into a frame store.

    Returns how many, and (id, reason) of those left out, which `rejected.tsv` lists too.
    """
    from ssr_connector.data.cuts import read_manifests
    from ssr_connector.encoders import PretrainedEncoder
    from ssr_connector.encoders.store import encoder_key, write_frames
    from ssr_connector.files import replace_file

    encoder = PretrainedEncoder.from_pretrained(name, layer)
    rejected: list[tuple[str, str]] = []
    batches = encoded(encoder, read_manifests(manifests), batch_s, report, rejected)
    n = write_frames(out, encoder_key(name, layer), encoder.clock, batches)
    with replace_file(out / REJECTED) as new:
        new.write_text("id\treason\n" + "".join(f"{key}\t{reason}\n" for key, reason in rejected))
    return n, rejected


def encoded(
    encoder: "PretrainedEncoder",
    cuts: Sequence[Any],
    batch_s: float,
    report: "Report",
    rejected: list[tuple[str, str]],
) -> Iterator[tuple[list[str], "Frames"]]:
    """Batches of cut ids and their frames; (id, reason) of cuts that cannot be heard are put on `rejected`.

    Raises UserError where none can.
    """
    from ssr_connector.data.audio import AudioError
    from ssr_connector.data.cuts import cut_audio, in_groups
    from ssr_connector.errors import UserError

    total = sum(c.duration for c in cuts)
    done = 0.0
    for group in in_groups(cuts, batch_s):
        heard: dict[str, Waveform] = {}
        for cut in group:
            try:
                recording = cut_audio(cut, encoder.clock.sampling_rate_hz)
            except AudioError as error:
                rejected.append((cut.id, str(error)))
                continue
            if encoder.hears(len(recording.samples)):
                heard[cut.id] = recording
            else:
                rejected.append((cut.id, "too short for a frame"))
        if heard:
            yield list(heard), encoder(list(heard.values()))
        done += sum(c.duration for c in group)
        report(round(done), round(total), {})
    if len(rejected) == len(cuts):
        raise UserError(f"none of the {len(cuts)} recordings could be encoded; the first: {rejected[0][1]}")
