"""A corpus of cuts through the frozen encoder, into a store; what cannot be heard is skipped, listed and counted."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ssr_connector.data.audio import AudioError
from ssr_connector.data.cuts import cut_audio, in_groups, read_manifests
from ssr_connector.encoders.pretrained import PretrainedEncoder
from ssr_connector.encoders.store import SHARDS, encoder_key, join_shards, write_frames
from ssr_connector.engine import Engine, LocalEngine, Tick, Work
from ssr_connector.engine.run import discard, keep_only, run_shards
from ssr_connector.engine.shard import SHARD_S, cut_shards
from ssr_connector.errors import UserError
from ssr_connector.files import write_rejected
from ssr_connector.progress import Report
from ssr_connector.types import Frames, Waveform

REJECTED = "rejected.tsv"
REASONS = "rejected.json"  # of a shard


@dataclass(frozen=True)
class EncodeStage:
    """`ssr encode` of any cuts."""

    name: str
    layer: int | None
    batch_s: float

    def load(self) -> Work:
        """The encoder."""
        encoder = PretrainedEncoder.from_pretrained(self.name, self.layer)
        return partial(encode_shard, encoder, encoder_key(self.name, self.layer), self.batch_s)


def encode_cuts(
    manifests: Sequence[Path],
    name: str,
    layer: int | None,
    out: Path,
    batch_s: float,
    report: Report,
    engine: Engine | None = None,
    shard_s: float = SHARD_S,
) -> tuple[int, list[tuple[str, str]]]:
    """Encode all cuts of some manifests into a frame store, shard by shard; what an earlier run has done is kept.

    Returns how many, and (id, reason) of those left out, which `rejected.tsv` lists too. Raises UserError where none
    can be encoded.
    """
    cuts = read_manifests(manifests)
    shards = cut_shards(cuts, shard_s, ["frames", encoder_key(name, layer), batch_s], with_text=False)
    stage = EncodeStage(name, layer, batch_s)
    folders = run_shards(stage, shards, out / SHARDS, engine or LocalEngine(), report)
    rejected = [(key, reason) for folder in folders for key, reason in json.loads((folder / REASONS).read_text())]
    if len(rejected) == len(cuts):
        discard(out / SHARDS)
        raise UserError(f"none of the {len(cuts)} recordings could be encoded; the first: {rejected[0][1]}")
    n = join_shards(out, [folder.name for folder in folders])
    write_rejected(out / REJECTED, rejected)
    keep_only(shards, out / SHARDS)
    return n, rejected


def encode_shard(
    encoder: PretrainedEncoder, key: str, batch_s: float, cuts: Sequence[Any], folder: Path, tick: Tick
) -> None:
    """A store of the frames of some cuts in `folder`, and what was left out, as JSON."""
    rejected: list[tuple[str, str]] = []
    write_frames(folder, key, encoder.clock, encoded(encoder, cuts, batch_s, tick, rejected))
    (folder / REASONS).write_text(json.dumps(rejected))


def encoded(
    encoder: PretrainedEncoder,
    cuts: Sequence[Any],
    batch_s: float,
    tick: Tick,
    rejected: list[tuple[str, str]],
) -> Iterator[tuple[list[str], Frames]]:
    """Batches of cut ids and their frames; (id, reason) of cuts that cannot be heard are put on `rejected`."""
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
        tick(sum(c.duration for c in group))
