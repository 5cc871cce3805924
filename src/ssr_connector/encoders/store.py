"""Encoder frames on disk: the encoder is frozen, so every recording needs to be encoded only once.

One flat float16 file that is mapped, not read, and an index of which frames are whose.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from ssr_connector.encoders.front_end import pad_frames
from ssr_connector.errors import UserError
from ssr_connector.files import replace_folder
from ssr_connector.types import Frames
from ssr_connector.units import FrameClock

VALUES, INDEX = "frames.f16", "index.json"


class FrameStore:
    """Frames by recording id."""

    def __init__(self, folder: Path) -> None:
        if not (folder / INDEX).is_file():
            raise UserError(f"{folder} holds no encoded frames; make them with `ssr encode`")
        self.folder = folder
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            self.clock = FrameClock(**index["clock"])
            self.encoder: str = index["encoder"]
            self.width: int = index["width"]
            self._places: dict[str, tuple[int, int]] = {k: (a, b) for k, (a, b) in index["places"].items()}
            total = sum(n for _, n in self._places.values())
            size = (folder / VALUES).stat().st_size
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{folder / INDEX} is not an index of encoded frames ({error}); encode again") from error
        if size != total * self.width * 2:
            raise UserError(f"{folder / VALUES} is not of the size that its index says; encode again")
        self._values = np.memmap(folder / VALUES, np.float16, "r", shape=(max(total, 1), self.width)) if total else None

    def __contains__(self, recording_id: str) -> bool:
        return recording_id in self._places

    def __len__(self) -> int:
        return len(self._places)

    def read(self, recording_ids: Sequence[str]) -> Frames:
        """Frames of recordings [B, T, F] in float32. Raises UserError for one that was not encoded."""
        rows = []
        for key in recording_ids:
            if key not in self._places or self._values is None:
                raise UserError(f"{key} is not among the encoded frames in {self.folder}; run `ssr encode` on its cuts")
            start, n = self._places[key]
            rows.append(torch.from_numpy(self._values[start : start + n].astype(np.float32)))
        values, lengths = pad_frames(rows)
        return Frames(values, lengths, self.clock)


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


def encoder_key(name: str, layer: int | None) -> str:
    """What tells one encoder's frames from another's: a hub name, or a digest of a folder's files; and the layer."""
    source = name
    if Path(name).is_dir():
        digest = hashlib.blake2b(digest_size=12)
        for file in sorted(f for f in Path(name).iterdir() if f.suffix in (".json", ".safetensors", ".bin")):
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "blake2b").digest())
        source = digest.hexdigest()
    return f"{source}#{'last' if layer is None else layer}"
