"""A corpus of cuts through the frozen encoder, into a store; what cannot be heard is skipped, listed and counted."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ssr_connector.data.audio import AudioError
from ssr_connector.data.cuts import cut_audio, in_groups, read_manifests
from ssr_connector.encoders.pretrained import PretrainedEncoder
from ssr_connector.encoders.store import encoder_key, write_frames
from ssr_connector.errors import UserError
from ssr_connector.files import replace_file
from ssr_connector.progress import Report
from ssr_connector.types import Frames, Waveform

REJECTED = "rejected.tsv"


def encode_cuts(
    manifests: Sequence[Path], name: str, layer: int | None, out: Path, batch_s: float, report: Report
) -> tuple[int, list[tuple[str, str]]]:
    """Encode all cuts of some manifests into a frame store.

    Returns how many, and (id, reason) of those left out, which `rejected.tsv` lists too.
    """
    encoder = PretrainedEncoder.from_pretrained(name, layer)
    rejected: list[tuple[str, str]] = []
    batches = encoded(encoder, read_manifests(manifests), batch_s, report, rejected)
    n = write_frames(out, encoder_key(name, layer), encoder.clock, batches)
    with replace_file(out / REJECTED) as new:
        new.write_text("id\treason\n" + "".join(f"{key}\t{reason}\n" for key, reason in rejected))
    return n, rejected


def encoded(
    encoder: PretrainedEncoder,
    cuts: Sequence[Any],
    batch_s: float,
    report: Report,
    rejected: list[tuple[str, str]],
) -> Iterator[tuple[list[str], Frames]]:
    """Batches of cut ids and their frames; (id, reason) of cuts that cannot be heard are put on `rejected`.

    Raises UserError where none can.
    """
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
