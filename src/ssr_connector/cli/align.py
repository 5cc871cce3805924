"""`ssr align`: where every word and token of a recording lies."""

import argparse
import csv
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssr_connector.cli.engine import add_duration_argument, add_engine_arguments

if TYPE_CHECKING:
    from ssr_connector.aligners.formats import TimedUtterance
    from ssr_connector.engine import Engine
    from ssr_connector.types import Waveform

OF_FRAMES = ("engine", "address", "frames", "batch_s", "shard_s")  # options of trained aligners on a corpus
OF_CORPUS = (*OF_FRAMES, "jobs")
MOST_REASONS = 10  # of rejection, on the screen

HELP = "find where every word and token lies in recordings"

EPILOG = """\
SOURCE is one recording, a transcript table or the folder of a corpus (as `ssr prepare` takes them), or cuts that
`ssr prepare` made; recordings of up to two hours each.

ALIGNER is one of
  pocketsphinx   English, nothing to train (the default; pip install -e '.[align]')
  a folder       a trained aligner, or a whole model; a recording without --text is aligned to what it hears
  imported:PATH  times made elsewhere: CTM, TextGrids (a file, or a folder of them named by utterance), words.jsonl
                 of this command, or lhotse cuts
  uniform        the baseline that hears nothing

DIR receives, by --format
  textgrid  textgrid/ID.TextGrid for Praat        jsonl  words.jsonl, words and tokens with their scores
  ctm       words.ctm: id, 1, start, duration,    cuts   cuts.jsonl.gz, lhotse cuts that hold the words
            word, and confidence where it is known
and always rejected.tsv with the utterances that have no alignment and the reason; alignments.jsonl, for training, where
frames and tokens are known: from a trained aligner, or any with --encoder and --llm. Scores are mean log-probabilities
as the aligner counts them, confidence is the probability. The same command goes on where it was cut off: a trained
aligner at the last whole shard, another at the last utterance.

examples
  ssr align talk.wav --text "What was said." --plot talk.png
  ssr align my/table.tsv --out aligned --format textgrid,ctm --jobs 4
  ssr align data/mine/train.jsonl.gz data/mine/dev.jsonl.gz --aligner runs/mine/aligner/aligner --out runs/mine/align
  ssr align data/mls/part-07.jsonl --aligner my/aligner --out al/07 --engine ray --address auto  (docs/clusters.md)
  ssr align data/mine/cuts.jsonl.gz --aligner imported:mfa/ --encoder facebook/hubert-base-ls960 --llm my/llama --out al
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("sources", metavar="SOURCE", type=Path, nargs="+", help="a recording, table, corpus, or cuts")
    parser.add_argument("--aligner", default="pocketsphinx", help="see below (default: pocketsphinx)")
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder for what is made (one recording: only shown)")
    parser.add_argument("--format", default="ctm,jsonl", help="what to write, with commas (default: ctm,jsonl)")
    parser.add_argument("--text", help="the transcript of a recording")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="draw the recording, or the corpus' first utterance")
    parser.add_argument("--frames", metavar="DIR", type=Path, help="frames of `ssr encode`, instead of encoding again")
    parser.add_argument(
        "--batch-s",
        metavar="S",
        type=float,
        default=120.0,
        help="seconds of audio, with padding, that go through the encoder at once (default: 120)",
    )
    parser.add_argument("--encoder", metavar="NAME", help="with --llm: also frames and tokens from word times")
    parser.add_argument("--llm", metavar="NAME", help="whose tokens those are")
    add_engine_arguments(parser)
    add_duration_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Align a corpus into a folder, or show one recording."""
    from rich.console import Console

    from ssr_connector.aligners.formats import FORMATS, aligned_before
    from ssr_connector.aligners.picture import check_drawable
    from ssr_connector.aligners.word_corpus import is_word_aligner
    from ssr_connector.data.table import is_table
    from ssr_connector.errors import UserError

    console = Console(highlight=False, markup=False)
    first: Path = args.sources[0]
    formats = [name for name in args.format.split(",") if name]
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UserError(f"there is no format {unknown[0]!r}: choose from {', '.join(FORMATS)}")
    if args.plot:
        check_drawable(args.plot)
    if not first.exists():
        raise UserError(f"there is no recording, table or manifest {first}")
    of_corpus = is_cuts(first) or first.is_dir() or is_table(first)
    if of_corpus:
        refuse(args, ["text"], f"goes with one recording, not with {first}")
    else:
        refuse(args, OF_CORPUS, f"goes with a corpus, not with the one recording {first}")
    if is_word_aligner(args.aligner):
        refuse(args, OF_FRAMES, f"goes with a trained aligner, not with {args.aligner}")
    else:
        refuse(args, ["encoder", "llm"], "goes with pocketsphinx, uniform or imported:PATH, not with a trained aligner")
    if (args.encoder is None) != (args.llm is None):
        raise UserError("--encoder and --llm go together: frames and the tokens that lie in them")
    check_there(args.aligner)
    refuse_overwriting(args, formats)
    if not of_corpus:
        if len(args.sources) > 1:
            raise UserError("give one recording at a time, or a transcript table for many")
        if "cuts" in formats:
            raise UserError("--format cuts goes with a corpus, not with one recording")
        if args.out is None:
            refuse(args, ["format"], "says what to write: give --out DIR, too")
        elif others := aligned_before(args.out) - {first.stem}:
            raise UserError(f"{args.out} holds alignments of others ({min(others)}): give another --out")
        return align_recording(args, first, formats, console)
    if args.out is None:
        raise UserError("where to? give --out DIR for the alignments of a corpus")
    return align_corpus(args, formats, console)


def check_there(aligner: str) -> None:
    """Raise UserError where an aligner is neither known by name nor there, before hours of audio are read for it."""
    from ssr_connector.aligners.word_corpus import is_word_aligner, unknown
    from ssr_connector.errors import UserError

    path = Path(aligner.removeprefix("imported:"))
    if aligner.startswith("imported:") and not path.exists():
        raise UserError(f"--aligner {aligner}: there is no {path}")
    if not is_word_aligner(aligner) and not path.exists():
        raise unknown(aligner)


def refuse(args: argparse.Namespace, names: Sequence[str], why: str) -> None:
    """Raise UserError at the first of these options that was given."""
    from ssr_connector.errors import UserError

    for name in names:
        if getattr(args, name) != args.parser.get_default(name):
            raise UserError(f"--{name.replace('_', '-')} {why}")


def refuse_overwriting(args: argparse.Namespace, formats: Sequence[str]) -> None:
    """Raise UserError where what is made would take the place of what it is made from, or of another verb's files."""
    from ssr_connector.aligners.formats import PLACES
    from ssr_connector.errors import UserError

    if args.out is None:
        return
    made = [(args.out / PLACES[name]).resolve() for name in formats]
    for source in (*args.sources, Path(args.aligner.removeprefix("imported:"))):
        if source.resolve() in made:
            raise UserError(f"{source} would be overwritten: give another --out than {args.out}")
    for name, verb in (("summary.json", "prepare"), ("index.json", "encode")):
        if (args.out / name).is_file():
            raise UserError(
                f"{args.out} holds what `ssr {verb}` made, with a rejected.tsv of its own: give another --out"
            )


def is_cuts(source: Path) -> bool:
    """Whether it is cuts that `ssr prepare` made: a manifest or a Shar folder. JSON lines may also be a table."""
    from ssr_connector.data.lines import read_objects
    from ssr_connector.data.shar import is_shar

    if source.suffix == ".jsonl":
        first = next((row for _, row in read_objects(source) if isinstance(row, dict)), {})
        return str(first.get("type", "")).endswith("Cut")
    return source.name.endswith(".jsonl.gz") or is_shar(source)


def manifests(
    sources: Sequence[Path], out: Path, engine: "Engine", console: Any
) -> tuple[list[Path], list[tuple[str, str]]]:
    """Cut manifests of the sources, and (id, reason) of what no cut was made of.

    A table or corpus is prepared under `out` first.
    """
    from ssr_connector.data.audio import MAX_READ_S
    from ssr_connector.data.preparation import prepare

    found, rejected = [], []
    for number, source in enumerate(sources):
        if is_cuts(source):
            found.append(source)
            continue
        folder = out / "prepared" / str(number)
        summary = prepare(source, folder, max_duration_s=MAX_READ_S, engine=engine, console=console)
        n = sum(summary.rejected.values())
        console.print(f"{source}: {summary.cuts} utterances, {summary.hours:.2f} h, {n} rejected", soft_wrap=True)
        with (folder / "rejected.tsv").open(encoding="utf-8", newline="") as lines:
            rejected += [(row["id"], row["reason"]) for row in csv.DictReader(lines, delimiter="\t")]
        found.append(folder / "cuts.jsonl.gz")
    return found, rejected


def align_corpus(args: argparse.Namespace, formats: list[str], console: Any) -> int:
    """All utterances into files."""
    import time

    from ssr_connector.aligners import corpus, word_corpus
    from ssr_connector.aligners.bundle import is_aligner
    from ssr_connector.aligners.formats import FORMATS, aligned_before
    from ssr_connector.aligners.picture import draw
    from ssr_connector.data.cuts import cut_audio, read_manifests
    from ssr_connector.engine import build_engine
    from ssr_connector.errors import UserError
    from ssr_connector.files import write_rejected
    from ssr_connector.progress import bar

    finish = word_corpus.finish if word_corpus.is_word_aligner(args.aligner) else corpus.finish
    engine = build_engine(args.engine, args.jobs, args.address)
    sources, unfit = manifests(args.sources, args.out, engine, console)
    cuts = read_manifests(sources)
    if gone := aligned_before(args.out) - {cut.id for cut in cuts}:
        lost = f"{len(gone)} utterances ({min(gone)}, …) are aligned in {args.out} and not among these cuts"
        console.print(f"{lost}: their alignments will be gone", soft_wrap=True)
    started = time.monotonic()
    with bar(console, "aligning") as report:
        if word_corpus.is_word_aligner(args.aligner):
            done, rejected = word_corpus.align_cuts(cuts, args.aligner, args.out, args.jobs or 1, report)
            if args.llm and done:
                done, misplaced = place(done, args.encoder, args.llm, args.out)
                rejected += misplaced
        else:
            done, rejected = align_frames(args, sources, cuts, engine, report, console)
    rejected = unfit + rejected
    write_rejected(args.out / "rejected.tsv", rejected)
    if not done:
        finish(args.out)
        raise UserError(f"none of the {len(cuts)} utterances could be aligned; the first: {rejected[len(unfit)][1]}")
    for name in formats:
        FORMATS[name](args.out, done, cuts)
    finish(args.out)
    if args.plot:
        draw(args.plot, done[0], cut_audio(next(cut for cut in cuts if cut.id == done[0].id)))
    audio_s, took_s = sum(u.duration_s for u in done), time.monotonic() - started
    limit = low_score(args.aligner)
    doubtful = sum(u.is_doubtful(limit) for u in done)
    console.print(
        f"{len(done)} utterances aligned into {args.out} ({doubtful} of low confidence), {len(rejected)} rejected; "
        f"{audio_s / 3600:.2f} h at {audio_s / max(took_s, 1e-3):.0f} audio-seconds a second",
        soft_wrap=True,
    )
    reasons = Counter(reason for _, reason in rejected).most_common()
    for reason, n in reasons[:MOST_REASONS]:
        console.print(f"  rejected: {n} × {reason}", soft_wrap=True)
    if len(reasons) > MOST_REASONS:
        more = len(reasons) - MOST_REASONS
        console.print(f"  and for {more} other reasons: {args.out / 'rejected.tsv'}", soft_wrap=True)
    if is_aligner(Path(args.aligner)):
        from ssr_connector.training.run import of_aligner

        words = ["ssr", "train", "distill", "--config", "recipes/own.yaml", "--out", "runs/distill"]
        words += ["--training.aligner", args.aligner, "--data.alignments", str(args.out)]
        words += of_aligner(Path(args.aligner).parent, sources)
        console.print(f"\nNext:\n  {shlex.join(words)}", soft_wrap=True)
    return 0


def align_frames(
    args: argparse.Namespace, sources: list[Path], cuts: Sequence[Any], engine: "Engine", report: Any, console: Any
) -> "tuple[list[TimedUtterance], list[tuple[str, str]]]":
    """By a trained aligner, which also writes alignments.jsonl."""
    from ssr_connector.aligners.corpus import align_cuts
    from ssr_connector.aligners.formats import TimedUtterance
    from ssr_connector.aligners.record import FILE, read_alignments

    result = align_cuts(sources, Path(args.aligner), args.out, args.batch_s, report, args.frames, engine, args.shard_s)
    share = 100 * result.shared / max(1, result.tokens)
    console.print(f"{result.tokens} tokens, {share:.2f} % share a frame", soft_wrap=True)
    clock, alignments = read_alignments(args.out / FILE)
    durations = {cut.id: cut.duration for cut in cuts}
    done = [TimedUtterance.of(key, a, clock, durations[key]) for key, a in alignments.items()]
    return done, result.rejected


def place(
    utterances: "list[TimedUtterance]", encoder_name: str, llm_name: str, out: Path | None
) -> "tuple[list[TimedUtterance], list[tuple[str, str]]]":
    """With tokens from word times, and (id, reason) of the misfits. `out` receives alignments.jsonl, for training."""
    from dataclasses import replace

    from ssr_connector.aligners.formats import TimedUtterance
    from ssr_connector.aligners.placement import place_timed_words
    from ssr_connector.aligners.record import FILE, write_alignments
    from ssr_connector.base_models import load_tokenizer, offset_tokenize
    from ssr_connector.encoders import PretrainedEncoder

    encoder, tokenize = PretrainedEncoder.from_pretrained(encoder_name), offset_tokenize(load_tokenizer(llm_name))
    placed, misfits, alignments = [], [], []
    for u in utterances:
        n_samples = round(u.duration_s * encoder.clock.sampling_rate_hz)
        n_frames = encoder.front_end.n_frames(n_samples) if encoder.hears(n_samples) else 0
        try:
            alignment = place_timed_words(u.text, u.words, *tokenize(u.text), encoder.clock, n_frames)
        except ValueError as error:
            misfits.append((u.id, str(error)))
            continue
        alignments.append((u.id, alignment))
        placed.append(replace(u, tokens=TimedUtterance.of(u.id, alignment, encoder.clock, u.duration_s).tokens))
    if out is not None:
        write_alignments(out / FILE, encoder.clock, alignments)
    return placed, misfits


def low_score(aligner: str) -> float:
    """Below which words are doubtful; pocketsphinx has a scale of its own."""
    from ssr_connector.aligners import pocketsphinx
    from ssr_connector.aligners.formats import LOW_SCORE

    return pocketsphinx.LOW_SCORE if aligner == "pocketsphinx" else LOW_SCORE


def align_recording(args: argparse.Namespace, path: Path, formats: list[str], console: Any) -> int:
    """One recording, as tables on the screen; with --out as files too."""
    from rich.table import Table

    from ssr_connector.aligners.formats import FORMATS
    from ssr_connector.aligners.picture import draw
    from ssr_connector.aligners.word_corpus import is_word_aligner
    from ssr_connector.errors import UserError

    hear = by_words if is_word_aligner(args.aligner) else by_frames
    utterance, recording = hear(args.aligner, path, args.text)
    if args.llm:
        placed, misfits = place([utterance], args.encoder, args.llm, args.out)
        if misfits:
            raise UserError(f"{path} cannot be aligned: {misfits[0][1]}")
        (utterance,) = placed
    console.print(f"{'heard' if args.text is None else 'text'}: {utterance.text}", soft_wrap=True)
    for title, pieces in (("word", utterance.words), ("token", utterance.tokens)):
        scored = any(piece.score is not None for piece in pieces)
        table = Table(title, "start s", "end s", *(["score"] if scored else []))
        for piece in pieces:
            shown = repr(piece.text) if title == "token" else piece.text
            score = "" if piece.score is None else f"{piece.score:.2f}"
            table.add_row(shown, f"{piece.start_s:.3f}", f"{piece.end_s:.3f}", *([score] if scored else []))
        if pieces:
            console.print(table)
    if utterance.is_doubtful(low_score(args.aligner)):
        console.print("low confidence: listen whether this is what is said, or give the --text that is", soft_wrap=True)
    if args.out:
        for name in formats:
            FORMATS[name](args.out, [utterance], [])
    if args.plot:
        draw(args.plot, utterance, recording)
    return 0


def by_words(spec: str, path: Path, text: str | None) -> "tuple[TimedUtterance, Waveform]":
    """A recording along its transcript, by an aligner that needs no training."""
    from ssr_connector.aligners.base import Unalignable
    from ssr_connector.aligners.formats import TimedUtterance
    from ssr_connector.aligners.word_corpus import word_aligner
    from ssr_connector.data.audio import load_audio
    from ssr_connector.data.text import SpeechText
    from ssr_connector.errors import UserError

    if text is None:
        raise UserError(f"{spec} needs to know what is said: give --text, or --aligner DIR of one that hears it")
    aligner, recording = word_aligner(spec), load_audio(path)
    spoken = SpeechText("cased")(text).text
    found = aligner.align_words(path.stem, recording, spoken)
    if isinstance(found, Unalignable):
        raise UserError(f"{path} cannot be aligned: {found.reason}")
    return TimedUtterance(path.stem, spoken, recording.duration_s, tuple(found)), recording


def by_frames(folder: str, path: Path, text: str | None) -> "tuple[TimedUtterance, Waveform]":
    """A recording by a trained aligner, along its transcript or what is heard."""
    from ssr_connector.aligners.bundle import load_bundle
    from ssr_connector.aligners.formats import TimedUtterance
    from ssr_connector.data.audio import load_audio
    from ssr_connector.data.text import SpeechText
    from ssr_connector.errors import UserError
    from ssr_connector.types import Alignment

    bundle = load_bundle(folder)
    clock = bundle.encoder.clock
    spoken = None if text is None else SpeechText(bundle.text_form)(text).text
    recording = load_audio(path, clock.sampling_rate_hz)
    if not bundle.encoder.hears(len(recording.samples)):
        raise UserError(f"{path}: {recording.duration_s:.3f} s are too short for the speech encoder")
    (result,) = bundle.aligner.align(bundle.encoder([recording]), [spoken], bundle.tokenize)
    if not isinstance(result, Alignment):
        raise UserError(f"{path} cannot be aligned: {result.reason}")
    if not len(result):
        raise UserError(f"{path}: no speech was heard; give --text to force an alignment")
    return TimedUtterance.of(path.stem, result, clock, recording.duration_s), recording
