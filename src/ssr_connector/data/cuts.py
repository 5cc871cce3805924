"""lhotse cuts: one utterance each, with its recording in place, its transcript and, if known, its word times."""

import gzip
import json
import operator
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from lhotse import AudioSource, CutSet, MonoCut, MultiCut, Recording, SupervisionSegment
from lhotse.supervision import AlignmentItem
from lhotse.utils import fastcopy

from ssr_connector.data.audio import DEFAULT_SAMPLING_RATE_HZ, AudioError, AudioFacts, load_audio
from ssr_connector.data.entry import Entry
from ssr_connector.data.made_audio import UNUSABLE, make_audio
from ssr_connector.data.manifest import ManifestCuts
from ssr_connector.data.on_disk import OnDisk
from ssr_connector.data.shar import SharCuts, is_in_shar, is_shar, taken_out, tar_of
from ssr_connector.data.text import Form, SpeechText
from ssr_connector.data.words import WordTime
from ssr_connector.errors import UserError
from ssr_connector.types import TimedWord, Waveform

T = TypeVar("T")

# What distinguishes the other lhotse manifests, whose lines have no "type".
OTHER_MANIFESTS = {"sources": "recordings", "recording_id": "supervisions or features"}


def make_recording(id_: str, path: Path, facts: AudioFacts) -> Recording:
    """A recording that stays where it is, under its absolute path."""
    return Recording(
        id=id_,
        sources=[AudioSource(type="file", channels=list(range(facts.n_channels)), source=str(path.resolve()))],
        sampling_rate=facts.sampling_rate_hz,
        num_samples=facts.n_samples,
        duration=facts.duration_s,
    )


def make_cut(entry: Entry, recording: Recording, words: tuple[WordTime, ...] | None = None) -> MonoCut | MultiCut:
    """The cut of an entry that lies within ``recording``; a MultiCut where that has several channels and it takes all.

    ``words`` and the entry's phones become the supervision's alignments "word" and "phone", in seconds from the start
    of the cut.
    """
    start_s = entry.start_s or 0.0
    duration_s = recording.duration if entry.end_s is None else entry.end_s
    duration_s = round(duration_s - start_s, 8)
    is_mono = recording.num_channels == 1 or entry.channel is not None
    channel: Any = entry.channel or 0 if is_mono else list(range(recording.num_channels))
    times = {"word": words, "phone": entry.phones if words else None}
    supervision = SupervisionSegment(
        id=entry.id,
        recording_id=recording.id,
        start=0.0,
        duration=duration_s,
        channel=channel,
        text=entry.text.strip(),
        speaker=entry.speaker,
        language=entry.language,
        custom=dict(entry.custom) or None,
        alignment={
            name: [AlignmentItem(w.word, w.start_s, w.duration_s) for w in found]
            for name, found in times.items()
            if found
        }
        or None,
    )
    cut_class = MonoCut if is_mono else MultiCut
    return cut_class(entry.id, start_s, duration_s, channel, supervisions=[supervision], recording=recording)


def read_cuts(path: str | Path) -> CutSet:
    """Open a cut manifest (JSON lines, gzipped or not) or a Shar folder lazily: read whenever it is iterated.

    Raises UserError naming the file: missing, not JSON lines, without cuts, or another kind of lhotse manifest.
    """
    path = Path(path)
    if is_shar(path):
        return CutSet(SharCuts(path))
    if not path.name.endswith((".jsonl.gz", ".jsonl")):
        raise UserError(
            f"{path} is not a cut manifest: give a .jsonl.gz file or a Shar folder, as `ssr prepare` writes them"
        )
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as stream:
            line = stream.readline()
        first = json.loads(line) if line.strip() else None
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: make it with `ssr prepare`") from None
    except (OSError, EOFError, ValueError, zlib.error):  # ValueError: neither UTF-8 nor JSON
        raise UserError(f"{path} is not (gzipped) JSON lines: make it again with `ssr prepare`") from None
    if first is None:
        raise UserError(f"{path} holds no cuts: make it again with `ssr prepare`")
    kind = first.get("type") if isinstance(first, dict) else None
    if kind is None or not str(kind).endswith("Cut"):
        other = next((name for key, name in OTHER_MANIFESTS.items() if isinstance(first, dict) and key in first), "")
        what = f"a manifest of {other}" if other else "something else"
        raise UserError(f"{path} holds {what}, not cuts: give the cuts.jsonl.gz that `ssr prepare` writes")
    return CutSet(ManifestCuts(path))


def read_manifests(paths: Iterable[str | Path]) -> list[Any]:
    """The cuts of several manifests, the shortest first. Raises UserError where one id is two different cuts."""
    cuts: dict[str, Any] = {}
    for path in paths:
        for cut in read_cuts(path):
            if cuts.setdefault(cut.id, cut) != cut:
                raise UserError(f"{path}: the id {cut.id} is another cut elsewhere; give every cut an id of its own")
    return sorted(cuts.values(), key=lambda c: c.duration)


def read_corpora(paths: Iterable[str | Path]) -> OnDisk[Any]:
    """The cuts of several corpora by id, one after the other. Raises UserError where an id comes twice, and where."""
    return OnDisk(with_ids(paths))


def with_ids(paths: Iterable[str | Path]) -> Iterator[tuple[str, Any]]:
    """The same, one after another as they are read."""
    seen: dict[str, str | Path] = {}
    for path in paths:
        for cut in read_cuts(path):
            if cut.id in seen:
                where = f"{seen[cut.id]} and in {path}" if seen[cut.id] != path else f"{path} twice"
                raise UserError(f"the id {cut.id} is in {where}: every utterance needs an id of its own")
            seen[cut.id] = path
            yield cut.id, cut


def in_groups(
    items: Iterable[T], batch_s: float, duration_s: Callable[[T], float] = operator.attrgetter("duration")
) -> Iterator[list[T]]:
    """Cuts, or other things that last, the shortest first, in groups of at most `batch_s` seconds with their padding.

    One that is longer is alone.
    """
    group: list[T] = []
    for item in sorted(items, key=duration_s):
        if group and duration_s(item) * (len(group) + 1) > batch_s:
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def cut_audio(cut: Any, sampling_rate_hz: int = DEFAULT_SAMPLING_RATE_HZ) -> Waveform:
    """The audio of a lhotse cut, the average of its channels (one for a MonoCut, all it names for a MultiCut).

    Files are read by `load_audio`, with its errors; what is not simply part of a file (mixed, padded or perturbed
    cuts, audio in memory or in Shar) by `make_audio`, with its.
    """
    if isinstance(cut, MonoCut | MultiCut) and is_in_shar(cut.recording):
        return _shar_audio(cut, sampling_rate_hz)
    if not isinstance(cut, MonoCut | MultiCut) or cut.recording is None or not _is_one_file(cut.recording):
        return make_audio(cut, sampling_rate_hz)
    (source,) = cut.recording.sources
    wanted = [cut.channel] if isinstance(cut.channel, int) else cut.channel
    if not set(wanted) <= set(source.channels):
        raise AudioError(Path(source.source), f"no channels {wanted}", f"the cut {cut.id} asks for them: mend it")
    channels = None if list(wanted) == list(source.channels) else [source.channels.index(c) for c in wanted]
    return load_audio(source.source, sampling_rate_hz, cut.start, cut.end, channels=channels)


def _shar_audio(cut: MonoCut | MultiCut, sampling_rate_hz: int) -> Waveform:
    tar, *_ = tar_of(cut.recording.sources[0])
    try:
        return make_audio(fastcopy(cut, recording=taken_out(cut.recording)), sampling_rate_hz)
    except FileNotFoundError:
        raise AudioError(tar, "missing file", "correct its path") from None
    except (OSError, ValueError) as error:
        raise AudioError(tar, "unreadable file", f"{cut.id} in it cannot be read ({error})") from None
    except AudioError as error:
        if error.reason != UNUSABLE:
            raise
        raise AudioError(tar, "truncated or damaged", f"{cut.id} in it cannot be read: copy it again") from error


def _is_one_file(recording: Recording) -> bool:
    return len(recording.sources) == 1 and recording.sources[0].type == "file" and not recording.transforms


def speech_texts(cuts: Iterable[Any], form: Form) -> dict[str, str]:
    """The speech text of each cut, by id."""
    write = SpeechText(form)
    return {c.id: write(said(c)).text for c in cuts}


def said(cut: Any) -> str:
    """A cut's transcript as it is written."""
    return " ".join(s.text or "" for s in cut.supervisions)


def known_words(cut: Any) -> list[TimedWord]:
    """A cut's word times, where its supervisions hold any."""
    items = [i for s in cut.supervisions for i in (s.alignment or {}).get("word", [])]
    return [TimedWord(i.symbol, i.start, i.start + i.duration, i.score) for i in items]
