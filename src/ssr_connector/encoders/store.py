"""Encoder frames on disk: the encoder is frozen, so every recording needs to be encoded only once.

One flat float16 file and an index of which frames are whose; or, of a corpus, many such stores as shards of one.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from ssr_connector.config import EncoderSection
from ssr_connector.encoders.front_end import pad_frames
from ssr_connector.errors import UserError
from ssr_connector.files import digest_of, replace_file, replace_folder
from ssr_connector.types import Frames
from ssr_connector.units import FrameClock

VALUES, INDEX, SHARDS = "frames.f16", "index.json", "shards"
BYTES = 2  # of a value


class FrameStore:
    """Frames by recording id, of one folder of `ssr encode` or of several together.

    Raises UserError where folders are of different encoders, or hold frames of the same id.
    """

    def __init__(self, *folders: Path) -> None:
        self.folders = folders
        self._places: dict[str, tuple[Path, int, int]] = {}  # file, first frame, how many
        for k, folder in enumerate(folders):
            if not (folder / INDEX).is_file():
                raise UserError(f"{folder} holds no encoded frames; make them with `ssr encode`")
            index = read_index(folder)
            if k == 0:
                self.clock, self.encoder, self.width = index.clock, index.encoder, index.width
            elif (index.clock, index.encoder, index.width) != (self.clock, self.encoder, self.width):
                raise UserError(f"{folder} is of another encoder than {folders[0]}; encode again")
            found = self._read(folder, index)
            for key in found.keys() & self._places.keys():
                raise UserError(f"{key} has frames in {folder} and in {self._places[key][0].parent}; leave one out")
            self._places |= found

    def _read(self, folder: Path, index: "Index") -> dict[str, tuple[Path, int, int]]:
        places: dict[str, tuple[Path, int, int]] = {}
        for part in [folder] if index.shards is None else [folder / SHARDS / name for name in index.shards]:
            found = index if index.shards is None else read_index(part)
            if found.places and (found.encoder, found.width) != (self.encoder, self.width):
                raise UserError(f"{part} is of another encoder than {folder / INDEX}; encode again")
            places |= {key: (part / VALUES, *place) for key, place in found.places.items()}
        return places

    def __contains__(self, recording_id: str) -> bool:
        return recording_id in self._places

    def __len__(self) -> int:
        return len(self._places)

    @property
    def ids(self) -> Collection[str]:
        """Whose frames there are."""
        return self._places.keys()

    @property
    def _names(self) -> str:
        return ", ".join(map(str, self.folders))

    def digest(self) -> str:
        """What tells it from a store of other encoders or recordings."""
        return digest_of(folder / INDEX for folder in self.folders)

    def read(self, recording_ids: Sequence[str]) -> Frames:
        """Frames of recordings [B, T, F] in float32. Raises UserError for one that was not encoded."""
        rows = []
        for key in recording_ids:
            if key not in self._places:
                raise UserError(f"{key} is not among the encoded frames in {self._names}; run `ssr encode` on its cuts")
            file, start, n = self._places[key]
            # Shards may be many: none is kept open.
            flat = np.fromfile(file, np.float16, n * self.width, offset=BYTES * start * self.width)
            rows.append(torch.from_numpy(flat.reshape(n, self.width).astype(np.float32)))
        values, lengths = pad_frames(rows)
        return Frames(values, lengths, self.clock)


@dataclass(frozen=True)
class Index:
    """What `index.json` says: places within the file beside it, or the names of shards."""

    encoder: str
    clock: FrameClock
    width: int
    places: dict[str, tuple[int, int]]  # first frame and number of frames by recording id
    shards: tuple[str, ...] | None


def read_index(folder: Path) -> Index:
    """The index of a store or of one of its shards. Raises UserError where it is damaged or does not fit its file."""
    try:
        values = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        shards = tuple(map(str, values["shards"])) if "shards" in values else None
        places = {} if shards is not None else {k: (a, b) for k, (a, b) in values["places"].items()}
        index = Index(values["encoder"], FrameClock(**values["clock"]), values["width"], places, shards)
        total = sum(n for _, n in places.values())
        size = 0 if shards is not None else (folder / VALUES).stat().st_size
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder / INDEX} is not an index of encoded frames ({error}); encode again") from error
    if size != total * index.width * BYTES:
        raise UserError(f"{folder / VALUES} is not of the size that its index says; encode again")
    return index


def write_frames(folder: Path, encoder: str, clock: FrameClock, batches: Iterable[tuple[Sequence[str], Frames]]) -> int:
    """Write batches of (ids, frames) as a store, whole or not at all. Returns the number of recordings.

    Raises ValueError for a value that float16 cannot hold, or an id that comes twice.
    """
    places: dict[str, tuple[int, int]] = {}
    at, width = 0, 0
    with replace_folder(folder) as new:
        with (new / VALUES).open("wb") as out:
            for ids, frames in batches:
                width = frames.values.shape[2]
                for key, row, n in zip(ids, frames.values, frames.lengths.tolist(), strict=True):
                    values = row[:n].to(torch.float16)
                    if key in places or not bool(values.isfinite().all()):
                        raise ValueError(f"{key}: encoded twice" if key in places else f"{key}: not finite in float16")
                    out.write(values.cpu().numpy().tobytes())
                    places[key] = (at, n)
                    at += n
        index = {"encoder": encoder, "clock": asdict(clock), "width": width, "places": places}
        (new / INDEX).write_text(json.dumps(index))
    return len(places)


def unstorable(frames: Frames) -> dict[int, str]:
    """Which recordings of a batch have values that `write_frames` cannot hold, and why."""
    found: dict[int, str] = {}
    for i, (row, n) in enumerate(zip(frames.values, frames.lengths.tolist(), strict=True)):
        values = row[:n]
        if not bool(values.to(torch.float16).isfinite().all()):
            largest = float(values.abs().max())  # NaN where any is
            found[i] = f"its frames do not fit into float16 (the largest value is {largest:g})"
    return found


def join_shards(folder: Path, names: Sequence[str]) -> int:
    """Make stores in `folder/shards` one store: writes its index. Returns the number of recordings."""
    indices = [read_index(folder / SHARDS / name) for name in names]
    told = next((i for i in indices if i.places), indices[0])
    values = {"encoder": told.encoder, "clock": asdict(told.clock), "width": told.width, "shards": list(names)}
    with replace_file(folder / INDEX) as new:
        new.write_text(json.dumps(values))
    (folder / VALUES).unlink(missing_ok=True)  # of an earlier store that was one file
    return sum(len(i.places) for i in indices)


def encoder_key(encoder: EncoderSection) -> str:
    """What tells one encoder's frames from another's: a hub name, or a digest of a folder's files; and the layers."""
    source, layer = encoder.name, encoder.layer
    if Path(source).is_dir():
        source = digest_of(sorted(f for f in Path(source).iterdir() if f.suffix in (".json", ".safetensors", ".bin")))
    heard = ",".join(map(str, layer)) if isinstance(layer, list) else "last" if layer is None else layer
    return f"{source}#{heard}" if encoder.padded else f"{source}#{heard}#unpadded"
