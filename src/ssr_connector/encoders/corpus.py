"""A corpus of cuts through the frozen encoder, into a store; what cannot be heard is skipped, listed and counted."""

import contextlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from ssr_connector.config import EncoderSection
from ssr_connector.data.audio import AudioError
from ssr_connector.data.cut_shards import cut_shards, refuse_others
from ssr_connector.data.cuts import cut_audio, in_groups, read_manifests
from ssr_connector.devices import best_device
from ssr_connector.encoders.drift import padding_drift
from ssr_connector.encoders.front_end import FrontEnd
from ssr_connector.encoders.layer_mix import Layers, n_mixed
from ssr_connector.encoders.pretrained import PretrainedEncoder, read_front_end
from ssr_connector.encoders.store import (
    BYTES,
    SHARDS,
    FrameStore,
    encoder_key,
    join_shards,
    unstorable,
    write_frames,
)
from ssr_connector.engine import Engine, LocalEngine, Tick, Work
from ssr_connector.engine.run import discard, keep_only, run_shards
from ssr_connector.engine.shard import SHARD_S
from ssr_connector.errors import UserError
from ssr_connector.files import write_rejected
from ssr_connector.progress import Report
from ssr_connector.types import Frames, Waveform
from ssr_connector.units import seconds_to_samples

REJECTED = "rejected.tsv"
REASONS = "rejected.json"  # of a shard
SOME = 8  # recordings that padded and unpadded frames are compared on


@dataclass(frozen=True)
class EncodeStage:
    """`ssr encode` of any cuts."""

    encoder: EncoderSection
    batch_s: float

    uses_gpu: ClassVar[bool] = True

    def load(self) -> Work:
        """The encoder."""
        name, layer, padded = self.encoder.name, self.encoder.layer, self.encoder.padded
        encoder = PretrainedEncoder.from_pretrained(name, layer, padded).to(best_device())
        encoder.together_s = self.batch_s
        return partial(encode_shard, encoder, encoder_key(self.encoder), self.batch_s)


def encode_cuts(
    manifests: Sequence[Path],
    encoder: EncoderSection,
    out: Path,
    batch_s: float,
    report: Report,
    engine: Engine | None = None,
    shard_s: float = SHARD_S,
    note: Callable[[str], None] = lambda _: None,
) -> tuple[int, list[tuple[str, str]]]:
    """Encode all cuts of some manifests into a frame store, shard by shard; what an earlier run has done is kept.

    Before that `note` hears what disk it will take, and how far unpadded frames are from padded ones.
    Returns how many, and (id, reason) of those left out, which `rejected.tsv` lists too. Raises UserError where none
    can be encoded.
    """
    cuts = read_manifests(manifests)
    config, front_end = read_front_end(encoder.name, encoder.padded)
    note(disk_needed(cuts, front_end, config.hidden_size, encoder.layer))
    if not encoder.padded and (some := some_recordings(cuts, front_end)):
        note(str(padding_drift(some, encoder.name, encoder.layer)))
    refuse_others(encoded_before(out), cuts, out)
    shards = cut_shards(cuts, shard_s, ["frames", encoder_key(encoder)], with_text=False)
    stage = EncodeStage(encoder, batch_s)
    folders = run_shards(stage, shards, out / SHARDS, engine or LocalEngine(), report)
    rejected = [(key, reason) for folder in folders for key, reason in json.loads((folder / REASONS).read_text())]
    if len(rejected) == len(cuts):
        discard(out / SHARDS)
        raise UserError(f"none of the {len(cuts)} recordings could be encoded; the first: {rejected[0][1]}")
    n = join_shards(out, [folder.name for folder in folders])
    write_rejected(out / REJECTED, rejected)
    keep_only(shards, out / SHARDS)
    return n, rejected


def encoded_before(out: Path) -> Collection[str]:
    """Ids of what a folder holds frames of; none where it holds none, or damaged ones."""
    with contextlib.suppress(UserError):
        return FrameStore(out).ids
    return ()


def disk_needed(cuts: Sequence[Any], front_end: FrontEnd, width: int, layer: Layers) -> str:
    """What the frames of some cuts will take on disk, for layers of `width` values."""
    rate, n = front_end.clock.sampling_rate_hz, n_mixed(layer)
    frames = sum(front_end.n_frames(seconds_to_samples(cut.duration, rate)) for cut in cuts)
    hours = sum(cut.duration for cut in cuts) / 3600
    each = f"{n} layers x {width}" if n > 1 else f"{width}"
    size = frames * n * width * BYTES / 1e6
    return f"{hours:,.2f} h are {frames:,} frames of {each} values; in float16 they will take {size:,.0f} MB"


def some_recordings(cuts: Sequence[Any], front_end: FrontEnd) -> list[Waveform]:
    """Up to `SOME` readable recordings, from all over the corpus, that are shorter than the encoder's window."""
    rate = front_end.clock.sampling_rate_hz
    longest_s = (front_end.max_samples or 0) / rate
    short = [cut for cut in cuts if cut.duration < longest_s]
    found: list[Waveform] = []
    for cut in short[:: max(1, len(short) // SOME)][:SOME]:
        with contextlib.suppress(AudioError):  # named and counted when it is encoded
            recording = cut_audio(cut, rate)
            found += [recording] if front_end.n_frames(len(recording.samples)) else []
    return found


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
            frames, ids = encoder(list(heard.values())), list(heard)
            bad = unstorable(frames)
            rejected += [(ids[i], reason) for i, reason in bad.items()]
            good = [i for i in range(len(ids)) if i not in bad]
            if good:
                yield [ids[i] for i in good], Frames(frames.values[good], frames.lengths[good], frames.clock)
        tick(sum(c.duration for c in group))
