"""A corpus of cuts along its transcripts; what cannot be aligned is skipped, listed and counted."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssr_connector.aligners.base import Unalignable
from ssr_connector.aligners.bundle import AlignerBundle
from ssr_connector.aligners.record import FILE, write_alignments
from ssr_connector.data.audio import AudioError
from ssr_connector.data.cuts import in_groups, read_manifests, speech_texts
from ssr_connector.encoders.source import EncodedFrames, FrameSource, StoredFrames
from ssr_connector.encoders.store import FrameStore
from ssr_connector.errors import UserError
from ssr_connector.files import write_rejected
from ssr_connector.progress import Report
from ssr_connector.types import Alignment


@dataclass(frozen=True)
class Aligned:
    """What came of a corpus."""

    aligned: int
    tokens: int
    shared: int
    rejected: list[tuple[str, str]]


def align_cuts(
    manifests: Sequence[Path],
    bundle: AlignerBundle,
    out: Path,
    batch_s: float,
    report: Report,
    frames: Path | None = None,
) -> Aligned:
    """Force all cuts along their transcripts; writes alignments.jsonl and rejected.tsv."""
    source: FrameSource = EncodedFrames(bundle.encoder)
    if frames:
        store = FrameStore(frames)
        if store.encoder != bundle.encoder_key:
            raise UserError(f"{frames} was not made by this aligner's encoder, as it is now; run `ssr encode` again")
        source = StoredFrames(store)
    cuts = read_manifests(manifests)
    texts = speech_texts(cuts, bundle.text_form)
    done: dict[str, Alignment] = {}
    rejected: list[tuple[str, str]] = []
    rejected += [(c.id, "too short for a frame, or not among the encoded frames") for c in cuts if not source.has(c)]
    for key, result in results([c for c in cuts if source.has(c)], texts, source, bundle, batch_s, report):
        if isinstance(result, Alignment):
            done[key] = result
        else:
            rejected.append((key, result.reason))
    if not done:
        raise UserError(f"none of the {len(cuts)} utterances could be aligned; the first: {rejected[0][1]}")
    write_alignments(out / FILE, bundle.encoder.clock, done.items())
    write_rejected(out / "rejected.tsv", rejected)
    shared, tokens = sum(a.shared for a in done.values()), sum(len(a) for a in done.values())
    return Aligned(len(done), tokens, shared, rejected)


def results(
    cuts: list[Any],
    texts: Mapping[str, str],
    source: FrameSource,
    bundle: AlignerBundle,
    batch_s: float,
    report: Report,
) -> Iterator[tuple[str, Alignment | Unalignable]]:
    """(cut id, alignment or why there is none), batch after batch of similar durations."""

    def aligned(group: list[Any]) -> list[tuple[str, Alignment | Unalignable]]:
        try:
            frames = source.frames(group)
        except AudioError as error:
            if len(group) == 1:
                return [(group[0].id, Unalignable(str(error)))]
            return [pair for cut in group for pair in aligned([cut])]  # one bad recording spoils no other
        found = bundle.aligner.align(frames, [texts[c.id] for c in group], bundle.tokenize)
        return list(zip([c.id for c in group], found, strict=True))

    done, seconds, started = 0, 0.0, time.monotonic()
    for group in in_groups(cuts, batch_s):
        yield from aligned(group)
        done += len(group)
        seconds += sum(cut.duration for cut in group)
        report(done, len(cuts), {"audio_s_per_s": seconds / (time.monotonic() - started)})
