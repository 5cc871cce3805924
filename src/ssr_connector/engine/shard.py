"""A shard: a slice of a corpus that is worked on as a whole, and whose result is there whole or not at all."""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssr_connector.files import new_folder

SHARD_S = 3600.0
SHARD_MB = 50.0

Tick = Callable[[float], None]
"""Told, as work goes on, how much was done since it was last told, in the unit of the shards' sizes."""

Work = Callable[[Sequence[Any], Path, Tick], None]
"""Fills a folder with what comes of a shard's items; models are in it. The same items give the same files."""


@dataclass(frozen=True)
class Shard:
    """Some cuts or files, and a name that says what their result follows from.

    `size` is what progress counts: seconds of audio of cuts, the number of files.
    """

    key: str
    items: tuple[Any, ...]
    size: float


def file_shards(files: Sequence[Path], shard_mb: float, identity: Sequence[Any]) -> list[Shard]:
    """Slices of at most `shard_mb` megabytes, in the order of the files; a larger file is alone.

    `identity` is what else results depend on, as JSON values. The files' paths are absolute: a worker may run in
    another folder.
    """
    states = [state_of(file) for file in files]
    sizes = [state[0] / 1e6 if state else 0.0 for state in states]
    return [
        Shard(
            key_of(identity, ([str(file), state] for file, state in zip(files[part], states[part], strict=True))),
            tuple(files[part]),
            float(len(files[part])),
        )
        for part in slices(sizes, shard_mb)
    ]


def slices(sizes: Sequence[float], most: float) -> Iterator[slice]:
    """Where to cut a sequence, so that each part's sizes come to at most `most`, or it is a single one."""
    start, total = 0, 0.0
    for k, size in enumerate(sizes):
        if k > start and total + size > most:
            yield slice(start, k)
            start, total = k, 0.0
        total += size
    if sizes:
        yield slice(start, len(sizes))


def key_of(identity: Sequence[Any], contents: Iterable[Any]) -> str:
    """A name for what follows from these JSON values."""
    digest = hashlib.blake2b(json.dumps(list(identity)).encode(), digest_size=12)
    for item in contents:
        digest.update(json.dumps(item, sort_keys=True).encode())
    return digest.hexdigest()


def state_of(path: Path) -> list[int] | None:
    """Size and time of change: a file that is missing, or another one now, makes another key, and is done again."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return None
    return [state.st_size, state.st_mtime_ns]


def commit(work: Work, shard: Shard, folder: Path, tick: Tick) -> None:
    """Do a shard, unless it is done: one that is given out again after its worker was lost may be.

    A worker that was thought lost may also still be at it: the result that is there first stays.
    """
    if not (folder / shard.key).is_dir():
        with new_folder(folder / shard.key) as new:
            work(shard.items, new, tick)


def committed(folder: Path) -> set[str]:
    """Keys of the shards whose results are there; each appears as a whole.

    The folder is listed: asked for a single name, a network file system may answer for half a minute from memory that
    there is none.
    """
    return {path.name for path in folder.iterdir()}


def pack(shard: Shard) -> bytes:
    """A shard as bytes, for another machine: JSON, compressed; cuts as lhotse writes them, files by their paths."""
    items = [str(item) if isinstance(item, Path) else item.to_dict() for item in shard.items]
    return zlib.compress(json.dumps([shard.key, shard.size, items]).encode(), level=1)


def unpack(packed: bytes) -> Shard:
    """Back again."""
    from lhotse.serialization import deserialize_item

    key, size, items = json.loads(zlib.decompress(packed))
    return Shard(key, tuple(Path(item) if isinstance(item, str) else deserialize_item(item) for item in items), size)
