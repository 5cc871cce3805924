"""A shard: a slice of a corpus that is worked on as a whole, and whose result is there whole or not at all."""

import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssr_connector.files import replace_folder

if TYPE_CHECKING:
    from ssr_connector.engine.base import Tick, Work

SHARD_S = 3600.0


@dataclass(frozen=True)
class Shard:
    """Some cuts, and a name that says what its result follows from."""

    key: str
    cuts: tuple[Any, ...]

    @property
    def duration_s(self) -> float:
        """Seconds of audio."""
        return float(sum(cut.duration for cut in self.cuts))


def cut_shards(cuts: Sequence[Any], shard_s: float, identity: Sequence[Any], *, with_text: bool) -> list[Shard]:
    """Slices of at most `shard_s` seconds, in the order of the cuts; a longer cut is alone.

    `identity` is what else results depend on, models and options, as JSON values. What is said counts `with_text`.
    """
    shards: list[Shard] = []
    group: list[Any] = []
    seconds = 0.0
    for cut in cuts:
        if group and seconds + cut.duration > shard_s:
            shards.append(_shard(group, identity, with_text))
            group, seconds = [], 0.0
        group.append(cut)
        seconds += cut.duration
    return [*shards, _shard(group, identity, with_text)] if group else shards


def _shard(cuts: Sequence[Any], identity: Sequence[Any], with_text: bool) -> Shard:
    digest = hashlib.blake2b(json.dumps(list(identity)).encode(), digest_size=12)
    for cut in cuts:
        digest.update(json.dumps(content(cut, with_text=with_text), sort_keys=True).encode())
    return Shard(digest.hexdigest(), tuple(cuts))


def content(cut: Any, *, with_text: bool) -> list[Any]:
    """What the result for a cut follows from: the cut itself, and size and time of change of its audio files."""
    values = cut.to_dict()
    if not with_text:
        values.pop("supervisions", None)
    return [values, [_state(path) for path in _files(cut)]]


def _files(cut: Any) -> Iterator[Path]:
    """Files of a simple cut; those that others are mixed from are told apart by their names alone."""
    from ssr_connector.data.shar import KIND, tar_of

    recording = getattr(cut, "recording", None)
    for source in recording.sources if recording else []:
        if source.type == "file":
            yield Path(source.source)
        elif source.type == KIND:
            yield tar_of(source)[0]


def _state(path: Path) -> list[int] | None:
    """A file that is missing, or another one now, makes another shard: it is done again when it is mended."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return None
    return [state.st_size, state.st_mtime_ns]


def commit(work: "Work", shard: Shard, folder: Path, tick: "Tick") -> None:
    """Do a shard, unless it is done: one that is given out again after its worker was lost may be."""
    if not is_committed(shard, folder):
        with replace_folder(folder / shard.key) as new:
            work(shard.cuts, new, tick)


def is_committed(shard: Shard, folder: Path) -> bool:
    """Whether its result is there; it appears as a whole."""
    return (folder / shard.key).is_dir()


def pack(shard: Shard) -> bytes:
    """A shard as bytes, for another machine: lhotse's JSON, compressed."""
    values = [shard.key, [cut.to_dict() for cut in shard.cuts]]
    return zlib.compress(json.dumps(values).encode(), level=1)


def unpack(packed: bytes) -> Shard:
    """Back again."""
    from lhotse.serialization import deserialize_item

    key, cuts = json.loads(zlib.decompress(packed))
    return Shard(key, tuple(deserialize_item(values) for values in cuts))
