"""A corpus of cuts along its transcripts; what cannot be aligned is skipped, listed and counted."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from ssr_connector.aligners.base import Unalignable
from ssr_connector.aligners.bundle import AlignerBundle, bundle_key, load_bundle
from ssr_connector.aligners.formats import aligned_before
from ssr_connector.aligners.record import FILE, join_alignments, write_alignments
from ssr_connector.data.audio import AudioError
from ssr_connector.data.cut_shards import cut_shards, refuse_others
from ssr_connector.data.cuts import in_groups, read_manifests, speech_texts
from ssr_connector.encoders.source import FrameSource, frame_source
from ssr_connector.encoders.store import FrameStore
from ssr_connector.engine import Engine, LocalEngine, Tick, Work
from ssr_connector.engine.run import discard, run_shards
from ssr_connector.engine.shard import SHARD_S
from ssr_connector.errors import UserError
from ssr_connector.files import write_rejected
from ssr_connector.progress import Report
from ssr_connector.types import Alignment

SHARDS = "aligning"  # not as `ssr encode` calls its own, which stay
SUMMARY = "summary.json"  # of a shard: what was rejected, and counts


@dataclass(frozen=True)
class Aligned:
    """What came of a corpus."""

    aligned: int
    tokens: int
    shared: int
    rejected: list[tuple[str, str]]


@dataclass(frozen=True)
class AlignStage:
    """`ssr align` of any cuts by a trained aligner."""

    folder: Path
    batch_s: float
    frames: Path | None = None

    uses_gpu: ClassVar[bool] = True

    def load(self) -> Work:
        """The aligner, its encoder and its LLM's tokenizer; frames instead of the encoder where there are some."""
        bundle = load_bundle(self.folder)
        bundle.encoder.together_s = self.batch_s
        source, _, _ = frame_source([self.frames] if self.frames else [], bundle.heard, bundle.encoder)
        return partial(align_shard, bundle, source, self.batch_s)


def align_cuts(
    manifests: Sequence[Path],
    aligner: Path,
    out: Path,
    batch_s: float,
    report: Report,
    frames: Path | None = None,
    engine: Engine | None = None,
    shard_s: float = SHARD_S,
) -> Aligned:
    """Force all cuts along their transcripts by the trained aligner of a folder: alignments.jsonl, rejected.tsv.

    It goes shard by shard: what an earlier run has done is kept, until the caller calls `finish`. Raises UserError
    where nothing can be aligned.
    """
    cuts = read_manifests(manifests)
    refuse_others(aligned_before(out), cuts, out)
    identity = ["alignments", bundle_key(aligner), FrameStore(frames).digest() if frames else None]
    shards = cut_shards(cuts, shard_s, identity, with_text=True)
    stage = AlignStage(aligner, batch_s, frames)
    folders = run_shards(stage, shards, out / SHARDS, engine or LocalEngine(), report)
    parts = [json.loads((folder / SUMMARY).read_text(encoding="utf-8")) for folder in folders]
    rejected = [(key, reason) for part in parts for key, reason in part["rejected"]]
    if len(rejected) == len(cuts):
        discard(out / SHARDS)
        raise UserError(f"none of the {len(cuts)} utterances could be aligned; the first: {rejected[0][1]}")
    join_alignments(out / FILE, [folder / FILE for folder in folders])
    write_rejected(out / "rejected.tsv", rejected)
    aligned, tokens, shared = (sum(part[name] for part in parts) for name in ("aligned", "tokens", "shared"))
    return Aligned(aligned, tokens, shared, rejected)


def finish(out: Path) -> None:
    """Throw the shards away: their results are safe elsewhere."""
    discard(out / SHARDS)


def align_shard(
    bundle: AlignerBundle, source: FrameSource, batch_s: float, cuts: Sequence[Any], folder: Path, tick: Tick
) -> None:
    """The alignments of some cuts in `folder`, and a summary."""
    texts = speech_texts(cuts, bundle.text_form)
    done: dict[str, Alignment] = {}
    rejected = [(c.id, "too short for a frame, or not among the encoded frames") for c in cuts if not source.has(c)]
    tick(sum(c.duration for c in cuts if not source.has(c)))
    for key, result in results([c for c in cuts if source.has(c)], texts, source, bundle, batch_s, tick):
        if isinstance(result, Alignment):
            done[key] = result
        else:
            rejected.append((key, result.reason))
    write_alignments(folder / FILE, bundle.encoder.clock, done.items())
    shared, tokens = sum(a.shared for a in done.values()), sum(len(a) for a in done.values())
    summary = {"aligned": len(done), "tokens": tokens, "shared": shared, "rejected": rejected}
    (folder / SUMMARY).write_text(json.dumps(summary, ensure_ascii=False), encoding="utf-8")


def results(
    cuts: list[Any],
    texts: Mapping[str, str],
    source: FrameSource,
    bundle: AlignerBundle,
    batch_s: float,
    tick: Tick,
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

    for group in in_groups(cuts, batch_s):
        yield from aligned(group)
        tick(sum(cut.duration for cut in group))
