"""lhotse Shar: cuts in shards, each beside a tar file of their recordings; few large files instead of many small ones.

Read from local disks and without streaming: a cut knows where in which tar its recording lies, so that cuts can come in
any order and again, as those of a manifest.
"""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lhotse import AudioSource, Recording
from lhotse.utils import fastcopy

from ssr_connector.data.audio import AudioError
from ssr_connector.data.manifest import ManifestCuts
from ssr_connector.errors import UserError

CUTS, RECORDINGS = "cuts.*.jsonl.gz", "recording.*.tar"
KIND = "shar"  # lhotse's name for recordings that lie in a tar file


def is_shar(folder: Path) -> bool:
    """Whether a folder holds shards of cuts."""
    return folder.is_dir() and any(folder.glob(CUTS))


@dataclass(frozen=True)
class SharCuts:
    """The cuts of a folder, read whenever it is iterated; what lhotse's CutSet holds where it is lazy."""

    folder: Path

    def __iter__(self) -> Iterator[Any]:
        manifests, tars = sorted(self.folder.glob(CUTS)), sorted(self.folder.glob(RECORDINGS))
        if len(manifests) != len(tars):
            raise UserError(f"{self.folder} has {len(manifests)} shards of cuts and {len(tars)} of audio; copy it anew")
        for manifest, tar in zip(manifests, tars, strict=True):
            recordings = members(tar)
            for cut in ManifestCuts(manifest):
                name, recording = next(recordings, ("nothing", None))
                if name != cut.id:
                    raise UserError(f"{tar} has {name} where {manifest.name} has {cut.id}; copy or make both again")
                yield fastcopy(cut, recording=recording)


def members(tar: Path) -> Iterator[tuple[str, Recording | None]]:
    """Names and recordings of a tar, in order; of the audio nothing but its place is read."""
    try:
        with tarfile.open(tar, "r:") as file:
            infos = iter(file)
            for audio in infos:
                told = next(infos, None)
                if told is None or told.offset_data + told.size > tar.stat().st_size:
                    raise UserError(f"{tar} is cut short; copy or make it again")
                name = audio.name.rpartition(".")[0]
                content = file.extractfile(told)
                if not told.size or content is None:
                    yield name, None
                    continue
                recording = Recording.from_dict(json.load(content))
                place = f"{tar.resolve()}#{audio.offset_data}+{audio.size}"
                recording.sources = [AudioSource(KIND, recording.channel_ids, place)]
                yield name, recording
    except (tarfile.TarError, OSError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise UserError(f"{tar} is no tar file of recordings ({error}); copy or make it again") from error


def is_in_shar(recording: Recording | None) -> bool:
    """Whether a recording lies in a tar file."""
    return recording is not None and any(source.type == KIND for source in recording.sources)


def tar_of(source: AudioSource) -> tuple[Path, int, int]:
    """The tar file of a recording, and where in it how many bytes are its. Raises AudioError where it does not say."""
    path, _, place = str(source.source).rpartition("#")
    first, _, n = place.partition("+")
    if not (first.isdecimal() and n.isdecimal()):
        raise AudioError(str(source.source), "no place in a tar file", "give the folder that holds the tar files")
    return Path(path), int(first), int(n)


def taken_out(recording: Recording) -> Recording:
    """The recording with its bytes in memory. Raises OSError where its tar cannot be read."""
    (source,) = recording.sources
    path, first, n = tar_of(source)
    with path.open("rb") as file:
        file.seek(first)
        data = file.read(n)
    return fastcopy(recording, sources=[AudioSource("memory", source.channels, data)])
