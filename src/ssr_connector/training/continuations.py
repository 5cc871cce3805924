"""What an LLM wrote after each transcript, beside the run.

Greedy, but in the company of a batch, whose padding shows in the last bits: a run that goes on takes what was written.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from ssr_connector.files import whole_lines
from ssr_connector.training.processes import processes


class Continuations:
    """Token ids by utterance; in a folder, one file a process, a line for what was written at once."""

    def __init__(self, folder: Path | None = None, goes_on: bool = False) -> None:
        self._ids: dict[str, list[int]] = {}
        self._file: Path | None = None
        if folder is None:
            return
        self._file = folder / f"continuations-{processes().process_index:03}.jsonl"
        with processes().main_process_first():
            if processes().is_main_process and not goes_on:  # the recipe may have been another one
                for file in folder.glob("continuations-*.jsonl"):
                    file.unlink()
        for file in [self._file, *sorted(folder.glob("continuations-*.jsonl"))]:  # its own words count first
            for line in whole_lines(file, mend=file == self._file):
                for key, ids in json.loads(line).items():
                    self._ids.setdefault(key, ids)

    def __contains__(self, key: str) -> bool:
        return key in self._ids

    def __getitem__(self, key: str) -> list[int]:
        return self._ids[key]

    def add(self, written: Mapping[str, list[int]]) -> None:
        """Keep what was written at once, but for utterances that have a continuation already."""
        new = {key: ids for key, ids in written.items() if key not in self._ids}
        self._ids |= new
        if self._file and new:
            with self._file.open("a") as stream:
                stream.write(json.dumps(new) + "\n")
