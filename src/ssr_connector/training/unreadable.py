"""Recordings that a run of training cannot read: named once, and left out."""

from pathlib import Path

from ssr_connector.files import write_rejected
from ssr_connector.training.processes import processes

REJECTED = "rejected.tsv"


class Unreadable:
    """A table beside the run, of all its processes; a run that goes on adds to it."""

    def __init__(self, out: Path, goes_on: bool = False) -> None:
        self.path = out / REJECTED
        with processes().main_process_first():
            if processes().is_main_process and not (goes_on and self.path.is_file()):
                write_rejected(self.path, [])
        self._named = self._listed()

    def add(self, key: str, reason: str) -> None:
        """Name one, unless that was done in another epoch or before a restart."""
        if key not in self._named:
            self._named.add(key)
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(f"{key}\t{reason}\n")

    def __len__(self) -> int:
        """How many all processes have named."""
        return len(self._listed())

    def _listed(self) -> set[str]:
        return {line.split("\t")[0] for line in self.path.read_text(encoding="utf-8").splitlines()[1:]}
