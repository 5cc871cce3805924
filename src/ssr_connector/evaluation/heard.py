"""What was heard of recordings, on disk batch by batch: a killed evaluation hears none of them twice."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from ssr_connector.aligners.record import from_dict, to_dict
from ssr_connector.evaluation.identity import digest
from ssr_connector.files import clear_unfinished, replace_file, write_tensors
from ssr_connector.types import Alignment


@dataclass(frozen=True)
class Heard:
    """Frames of one recording, and what the aligner makes of them without a transcript."""

    frames: Tensor  # [T, F] float16
    alignment: Alignment
    duration_s: float


class HeardStore:
    """A safetensors file of frames for every batch, its metadata the alignments; without a folder it keeps nothing.

    Recordings that the aligner could not make anything of are kept with the reason, so that what is left falls into
    the same batches as if nothing had been killed, and so comes out the same to the last bit.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._files: dict[str, Path] = {}  # by name of the recording
        if folder is not None and folder.is_dir():
            clear_unfinished(folder)
            for file in sorted(folder.glob("*.safetensors")):
                self._files |= dict.fromkeys(self._rows(file), file)

    def _rows(self, file: Path) -> dict[str, dict[str, object]]:
        """What a file says of its recordings; one that is damaged is removed."""
        try:
            with safe_open(file, "pt") as tensors:
                return dict(json.loads(tensors.metadata()["heard"]))
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            file.unlink(missing_ok=True)
            return {}

    def find(self, names: Iterable[str]) -> dict[str, Heard | str]:
        """Those that are there: what was heard, or why nothing was."""
        wanted: dict[Path, list[str]] = {}
        for name in names:
            if name in self._files:
                wanted.setdefault(self._files[name], []).append(name)
        found: dict[str, Heard | str] = {}
        for file, members in wanted.items():
            with safe_open(file, "pt") as tensors:
                rows = json.loads(tensors.metadata()["heard"])
                for name in members:
                    row = rows[name]
                    found[name] = (
                        Heard(tensors.get_tensor(name), from_dict(row), row["duration_s"])
                        if "duration_s" in row
                        else row["reason"]
                    )
        return found

    def add(self, batch: Mapping[str, Heard | str]) -> None:
        """Keep a batch, whole or not at all."""
        if self.folder is None:
            return
        file = self.folder / f"{digest(sorted(batch))}.safetensors"
        rows = {
            name: {"reason": h} if isinstance(h, str) else to_dict(h.alignment) | {"duration_s": h.duration_s}
            for name, h in batch.items()
        }
        frames = {name: h.frames.contiguous() for name, h in batch.items() if not isinstance(h, str)}
        with replace_file(file) as new:
            write_tensors(new, frames, {"heard": json.dumps(rows, ensure_ascii=False)})
        self._files |= dict.fromkeys(batch, file)
