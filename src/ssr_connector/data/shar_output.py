"""Cuts with their audio inside, as lhotse Shar, for anyone who reads that."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lhotse import MonoCut, Recording
from lhotse.shar.writers import AudioTarWriter, JsonlShardWriter
from lhotse.utils import fastcopy

from ssr_connector.data.cuts import cut_audio
from ssr_connector.files import replace_folder


def write_shar(
    cuts: Iterable[Any], folder: Path, cuts_a_shard: int, tick: Callable[[int], None] = lambda _: None
) -> None:
    """Write a folder of shards, whole or not at all; every cut becomes one channel of its own, in FLAC of 16 bits.

    Raises AudioError for a recording that cannot be read.
    """
    with (
        replace_folder(folder) as new,
        JsonlShardWriter(f"{new}/cuts.%06d.jsonl.gz", cuts_a_shard) as manifests,
        AudioTarWriter(f"{new}/recording.%06d.tar", cuts_a_shard, format="flac") as tars,
    ):
        for n, cut in enumerate(cuts, 1):
            rate = cut.sampling_rate
            samples = cut_audio(cut, rate).samples
            recording = Recording(cut.id, [], rate, len(samples), len(samples) / rate, channel_ids=[0])
            spoken = [fastcopy(s, recording_id=cut.id, channel=0) for s in cut.supervisions]
            tars.write(cut.id, samples[None], rate, recording)
            manifests.write(MonoCut(cut.id, 0.0, recording.duration, 0, spoken, recording=recording))
            tick(n)
