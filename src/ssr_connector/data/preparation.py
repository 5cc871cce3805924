"""From a corpus to lhotse cuts: read, check every utterance and every recording, write what is good and what is not."""

import csv
import io
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import compress
from pathlib import Path
from typing import Any

from rich.console import Console

from ssr_connector.data import CORPORA
from ssr_connector.data.audio import AudioError, AudioFacts
from ssr_connector.data.cuts import make_cut, make_recording
from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.inspection import Check, Facts, inspect_files
from ssr_connector.data.output import write_together
from ssr_connector.data.shar_output import write_shar
from ssr_connector.data.split import check_dev, choose_dev
from ssr_connector.data.summary import Summary, summarise
from ssr_connector.data.text import SpeechText, is_speakable
from ssr_connector.data.words import WordTime, are_spoken, read_ctm
from ssr_connector.engine import Engine, LocalEngine
from ssr_connector.engine.run import discard
from ssr_connector.engine.shard import SHARD_MB
from ssr_connector.errors import UserError
from ssr_connector.progress import bar
from ssr_connector.units import seconds_to_samples

MAX_DURATION_S = 60.0
MAX_CHARACTERS_PER_S = 40.0  # fast read speech has up to 23
WORD_SLACK_S = 0.05  # CTM times are rounded, and aligners count whole frames
CHECKED = "checked"  # facts of recordings, by shards, until all is written


def prepare(
    source: str | Path,
    out: str | Path,
    *,
    corpus: str = "auto",
    subset: str | None = None,
    words: str | Path | None = None,
    dev: float | None = None,
    check: Check = "decode",
    min_duration_s: float = 0.0,
    max_duration_s: float = MAX_DURATION_S,
    seed: int = 0,
    shar: int | None = None,
    engine: Engine | None = None,
    shard_mb: float = SHARD_MB,
    console: Console | None = None,
) -> Summary:
    """Turn a corpus into lhotse cuts under ``out``; recordings stay where they are.

    Writes ``cuts.jsonl.gz``, ``rejected.tsv`` and ``summary.json``, with ``dev`` (a number of cuts, or a share below
    1) also ``train.jsonl.gz`` and ``dev.jsonl.gz``: all of them complete, or none. ``subset`` names a part of a corpus
    that has parts. ``words`` is a CTM file; its times go before those of the corpus. Recordings that are no files yet
    (in Arrow or Parquet files) are written to ``out/audio``. With ``shar`` the cuts are also written with their audio
    inside, so many in a shard, into ``out/cuts-shar``, or ``train-shar`` and ``dev-shar``; ``check`` is then "decode".

    Recordings are checked by ``engine`` (this process, if none is given) in shards of ``shard_mb`` megabytes; what an
    interrupted run has checked is kept in ``out/checked`` until all is written. Progress is shown on ``console``, if
    there is one.

    Raises UserError where the source cannot be read, where every utterance is rejected (then ``rejected.tsv`` alone
    is written) and where ``out`` cannot be written.
    """
    source, out = Path(source), Path(out)
    corpus = detect(source) if corpus == "auto" else corpus
    if corpus not in CORPORA:
        raise UserError(f"there is no corpus {corpus!r}: choose one of auto, {', '.join(CORPORA)}")
    if subset is not None and not CORPORA[corpus].has_subsets:
        names = ", ".join(name for name, layout in CORPORA.items() if layout.has_subsets)
        raise UserError(f"--subset {subset}: the layout {corpus} has no named subsets, only {names} have; leave it out")
    if min_duration_s > max_duration_s:
        raise UserError(f"--min-duration-s {min_duration_s} is more than --max-duration-s {max_duration_s}: lower it")
    if shar is not None and shar < 1:
        raise UserError(f"--shar {shar}: give the number of cuts in a shard, for example 1000")
    if shar is not None and check == "header":
        raise UserError("--shar decodes every recording: leave out --check header, so that bad ones are found before")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: give a folder for the cuts")
    if dev is not None:
        check_dev(dev)
    ctm = None if words is None else read_ctm(Path(words))
    with console.status(f"reading {source}") if console else nullcontext():  # how much there is, nobody knows yet
        entries, rejected = screen(CORPORA[corpus].items(source, subset, out / "audio"))
    if not entries and not rejected:
        raise UserError(f"{source} holds no utterance: give a corpus, or a subset, that has some")
    recordings = [entry.audio for entry in entries]
    try:
        with bar(console, "checking recordings") as report:
            facts = inspect_files(recordings, check, out / CHECKED, engine or LocalEngine(), report, shard_mb)
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error}): free space or choose another folder") from error
    entries, unfit = judge(entries, facts, max_duration_s, min_duration_s)
    rejected += unfit
    if not entries:
        write_together(out, {"rejected.tsv": rejected_lines(rejected)})
        discard(out / CHECKED)
        raise UserError(f"{source}: all {len(rejected)} utterances are rejected; {out / 'rejected.tsv'} says why")
    if ctm is not None and not ctm.keys() & {entry.id for entry in entries}:
        raise UserError(f"{words} names no utterance of the corpus: its ids must be the corpus's, like {entries[0].id}")
    word_times = {entry.id: entry.words for entry in entries if entry.words} | (ctm or {})
    word_counts = None
    if word_times:
        word_times, word_counts = match_words(word_times, entries, facts)
    cuts = list(_cuts(entries, facts, word_times))
    dev_ids = None if dev is None else choose_dev(cuts, dev, seed)
    summary = summarise(
        str(source),
        corpus,
        cuts,
        rejected,
        silent=sum(_facts_of(facts, entry).is_silent is True for entry in entries),
        clipped=sum(_facts_of(facts, entry).is_beyond is True for entry in entries) if shar else 0,
        words=word_counts,
        dev_cuts=None if dev_ids is None else len(dev_ids),
    )
    parts = {"cuts": cuts}
    if dev_ids is not None:
        parts = {"train": [c for c in cuts if c.id not in dev_ids], "dev": [c for c in cuts if c.id in dev_ids]}
    files: dict[str, Iterable[str]] = {
        "cuts.jsonl.gz": map(_json, cuts),
        "rejected.tsv": rejected_lines(rejected),
        "summary.json": [json.dumps(summary.to_dict(), indent=2, ensure_ascii=False)],
    }
    write_together(out, files | {f"{name}.jsonl.gz": map(_json, part) for name, part in parts.items()})
    for name in ("cuts", "train", "dev"):  # what is left of an earlier run is not of these cuts
        shutil.rmtree(out / f"{name}-shar", ignore_errors=True)
        if name not in ("cuts", *parts):
            (out / f"{name}.jsonl.gz").unlink(missing_ok=True)
    if shar is not None:
        for name, part in parts.items():
            shard(part, out / f"{name}-shar", shar, console)
    discard(out / CHECKED)
    return summary


def shard(cuts: Sequence[Any], folder: Path, cuts_a_shard: int, console: Console | None) -> None:
    """Write cuts with their audio as Shar. Raises UserError where it cannot be done."""
    with bar(console, f"writing {folder.name}") as report:
        try:
            write_shar(cuts, folder, cuts_a_shard, lambda n: report(n, len(cuts), {}))
        except OSError as error:
            raise UserError(f"{folder} cannot be written ({error.strerror}): make room for the recordings") from error


def detect(source: Path) -> str:
    """The name of the layout of ``source``; raises UserError where it is missing or of no known layout."""
    if not source.exists():
        raise UserError(f"{source} does not exist: give a transcript table or the folder of a corpus")
    name = next((name for name, corpus in CORPORA.items() if corpus.detects(source)), None)
    if name is None:
        raise UserError(
            f"{source} is neither a table (.tsv, .csv, .jsonl) nor a folder in the layout of a corpus that is known "
            f"({', '.join(list(CORPORA)[1:])}; see `ssr prepare --help`): write a table with the columns audio and text"
        )
    return name


def screen(items: Iterable[Entry | Rejected]) -> tuple[list[Entry], list[Rejected]]:
    """Part usable entries from those that ids and transcripts alone rule out."""
    entries: list[Entry] = []
    rejected: list[Rejected] = []
    for item in items:
        if isinstance(item, Rejected):
            rejected.append(item)
            continue
        reason = detail = ""
        if not item.id.strip():
            reason, detail = "empty id", "give it a name, or leave the column out"
        elif not _is_writable(item):
            reason, detail = "not Unicode text", "bytes that are not UTF-8, or half of a surrogate pair"
        elif "\0" in str(item.audio):
            reason, detail = "no audio path", "there is a NUL character in it"
        elif not item.text.strip():
            reason, detail = "empty transcript", "write down what is said"
        elif not is_speakable(item.text):
            reason, detail = "unspeakable transcript", f"no letter and no digit in {item.text!r}"
        if reason:
            rejected.append(Rejected(item.id, str(item.audio), reason, detail))
        else:
            entries.append(item)
    return entries, rejected


def _is_writable(entry: Entry) -> bool:
    try:
        text = [entry.id, str(entry.audio), entry.text, entry.speaker, entry.language, dict(entry.custom)]
        json.dumps(text, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def judge(
    entries: Sequence[Entry], facts: Facts, max_duration_s: float, min_duration_s: float = 0.0
) -> tuple[list[Entry], list[Rejected]]:
    """Part entries whose recording holds them from those whose does not; of equal ids the first good one is kept."""
    fit: list[Entry] = []
    rejected: list[Rejected] = []
    seen: set[str] = set()
    for entry in entries:
        verdict = _fault(entry, facts[entry.audio], max_duration_s, min_duration_s)
        if verdict is None and entry.id in seen:
            verdict = "duplicate id", "the first good utterance with this id is kept"
        if verdict is None:
            seen.add(entry.id)
            fit.append(entry)
        else:
            rejected.append(Rejected(entry.id, str(entry.audio), *verdict))
    return fit, rejected


def _fault(
    entry: Entry, facts: AudioFacts | AudioError, max_duration_s: float, min_duration_s: float
) -> tuple[str, str] | None:
    """Reason and detail; None for a good entry."""
    if isinstance(facts, AudioError):
        return facts.reason, str(facts)
    start_s, end_s = entry.start_s or 0.0, facts.duration_s if entry.end_s is None else entry.end_s
    duration_s = end_s - start_s
    first, end = (seconds_to_samples(time_s, facts.sampling_rate_hz) for time_s in (start_s, end_s))
    if not 0 <= first < end <= facts.n_samples:
        return "segment outside of the recording", f"{start_s:.3f} to {end_s:.3f} s of {facts.duration_s:.3f} s"
    if entry.channel is not None and not 0 <= entry.channel < facts.n_channels:
        return "channel that is not there", f"channel {entry.channel}, counted from 0, of {facts.n_channels}"
    if duration_s < min_duration_s:
        return "shorter than the limit", f"{duration_s:.3f} s, the limit is {min_duration_s:.3f} s"
    if duration_s > max_duration_s:
        return "longer than the limit", f"{duration_s:.1f} s, the limit is {max_duration_s:.1f} s"
    n_characters = len(SpeechText("cased")(entry.text).text)
    if n_characters > MAX_CHARACTERS_PER_S * duration_s:
        detail = f"{n_characters} characters in {duration_s:.2f} s, more than {MAX_CHARACTERS_PER_S:.0f} a second"
        return "transcript longer than its audio can hold", detail
    return None


def match_words(
    words: dict[str, tuple[WordTime, ...]], entries: Sequence[Entry], facts: Facts
) -> tuple[dict[str, tuple[WordTime, ...]], dict[str, int]]:
    """The word times that fit their utterances (their phones, if any, are held to the same), and how many do what."""
    matched: dict[str, tuple[WordTime, ...]] = {}
    outside = differing = 0
    lower = SpeechText("lower")
    for entry in entries:
        timed = words.get(entry.id, ())
        times = tuple(compress(timed, are_spoken([t.word for t in timed], entry.text)))
        if not times:
            continue
        end_s = _facts_of(facts, entry).duration_s if entry.end_s is None else entry.end_s
        duration_s = end_s - (entry.start_s or 0.0)
        if any(t.start_s < 0 or t.end_s > duration_s + WORD_SLACK_S for t in (*times, *entry.phones)):
            outside += 1
            continue
        matched[entry.id] = times
        spoken, written = (lower(text).text.replace("'", "") for text in (" ".join(w.word for w in times), entry.text))
        differing += spoken != written  # aligners' lexicons lack many an apostrophe
    unknown = len(words.keys() - {entry.id for entry in entries})
    return matched, {
        "cuts with word times": len(matched),
        "cuts without": len(entries) - len(matched) - outside,
        "left out: a word lies outside of its audio": outside,
        "other words than in the transcript": differing,
        "ids that are not in the cuts": unknown,
    }


def _facts_of(facts: Facts, entry: Entry) -> AudioFacts:
    found = facts[entry.audio]
    assert isinstance(found, AudioFacts), entry.id  # the others are rejected
    return found


def _cuts(entries: Iterable[Entry], facts: Facts, words: dict[str, tuple[WordTime, ...]]) -> Iterator[Any]:
    """One cut for each entry; a recording is named after the first utterance in it."""
    recordings: dict[Path, Any] = {}
    for entry in entries:
        if entry.audio not in recordings:
            recordings[entry.audio] = make_recording(entry.id, entry.audio, _facts_of(facts, entry))
        yield make_cut(entry, recordings[entry.audio], words.get(entry.id))


def _json(cut: Any) -> str:
    return json.dumps(cut.to_dict(), ensure_ascii=False)


def rejected_lines(rejected: Iterable[Rejected]) -> Iterator[str]:
    """Tab-separated lines with a header; fields that hold tabs or line breaks are quoted."""
    for row in (("id", "audio", "reason", "detail"), *((r.id, r.audio, r.reason, r.detail) for r in rejected)):
        line = io.StringIO()
        csv.writer(line, delimiter="\t", lineterminator="").writerow(_printable(field) for field in row)
        yield line.getvalue()


def _printable(text: str) -> str:
    """With what is no Unicode text, such as a file name in another encoding, in hexadecimal."""
    return text.encode(errors="backslashreplace").decode()
