"""`ssr align`: where every word and token of a recording lies."""

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ssr_connector.aligners.bundle import AlignerBundle

HELP = "find where every word and token lies in recordings"

EPILOG = """\
SOURCE is cuts of `ssr prepare`, or one recording. A recording without --text is aligned to what the aligner hears.

examples
  ssr align data/mine/train.jsonl.gz data/mine/dev.jsonl.gz --aligner runs/mine/aligner/aligner --out runs/mine/align
  ssr align talk.wav --aligner runs/demo/model --text "What was said."
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("sources", metavar="SOURCE", type=Path, nargs="+", help="cuts (.jsonl.gz), or one recording")
    parser.add_argument(
        "--aligner", metavar="DIR", type=Path, required=True, help="a trained aligner, or a whole model"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder for alignments.jsonl (cuts: needed)")
    parser.add_argument("--text", help="the transcript of a recording")
    parser.add_argument("--frames", metavar="DIR", type=Path, help="frames of `ssr encode`, instead of encoding again")
    parser.add_argument(
        "--batch-s", metavar="S", type=float, default=120.0, help="seconds of audio at once (default: 120)"
    )


def run(args: argparse.Namespace) -> int:
    """Align cuts into a folder, or show one recording."""
    from rich.console import Console

    from ssr_connector.aligners.bundle import load_bundle
    from ssr_connector.aligners.corpus import align_cuts
    from ssr_connector.errors import UserError
    from ssr_connector.progress import bar

    console = Console(highlight=False, markup=False)
    first: Path = args.sources[0]
    of_cuts = first.name.endswith((".jsonl", ".jsonl.gz"))
    for option, value, fits in (
        ("--text", args.text, not of_cuts),
        ("--out", args.out, of_cuts),
        ("--frames", args.frames, of_cuts),
    ):
        if value is not None and not fits:
            raise UserError(f"{option} goes with {'one recording' if of_cuts else 'cuts'}, not with {first}")
    if not first.is_file():
        raise UserError(f"there is no recording and no manifest {first}")
    if not of_cuts:
        if len(args.sources) > 1:
            raise UserError("give one recording at a time, or cuts of `ssr prepare` for many")
        show(load_bundle(args.aligner), first, args.text, console)
        return 0
    if args.out is None:
        raise UserError("where to? give --out DIR for the alignments of cuts")
    with bar(console, "aligning") as report:
        result = align_cuts(args.sources, load_bundle(args.aligner), args.out, args.batch_s, report, args.frames)
    console.print(
        f"{result.aligned} utterances aligned into {args.out}, {len(result.rejected)} rejected", soft_wrap=True
    )
    console.print(
        f"{result.tokens} tokens, {100 * result.shared / max(1, result.tokens):.2f} % share a frame", soft_wrap=True
    )
    for reason, n in Counter(r for _, r in result.rejected).most_common():
        console.print(f"  rejected: {n} × {reason}", soft_wrap=True)
    return 0


def show(bundle: "AlignerBundle", path: Path, text: str | None, console: Any) -> None:
    """Words and tokens of one recording, as a table."""
    from rich.table import Table

    from ssr_connector.aligners.words import timed_words
    from ssr_connector.data.audio import load_audio
    from ssr_connector.data.text import SpeechText
    from ssr_connector.errors import UserError
    from ssr_connector.types import Alignment

    clock = bundle.encoder.clock
    spoken = None if text is None else SpeechText(bundle.text_form)(text).text
    recording = load_audio(path, clock.sampling_rate_hz)
    if not bundle.encoder.hears(len(recording.samples)):
        raise UserError(f"{path}: {recording.duration_s:.3f} s are too short for the speech encoder")
    frames = bundle.encoder([recording])
    (result,) = bundle.aligner.align(frames, [spoken], bundle.tokenize)
    if not isinstance(result, Alignment):
        raise UserError(f"{path} cannot be aligned: {result.reason}")
    if not len(result):
        raise UserError(f"{path}: no speech was heard; give --text to force an alignment")
    console.print(f"{'heard' if text is None else 'text'}: {result.text}", soft_wrap=True)
    for title, rows in (
        ("word", [(w.text, w.start_s, w.end_s) for w in timed_words(result, clock)]),
        (
            "token",
            [
                (result.text[a:b], clock.edge_s(s), clock.edge_s(e))
                for (a, b), s, e in zip(result.char_spans, result.starts, result.ends, strict=True)
            ],
        ),
    ):
        table = Table(title, "start s", "end s")
        for word, start, end in rows:
            table.add_row(repr(word) if title == "token" else word, f"{start:.3f}", f"{end:.3f}")
        console.print(table)
