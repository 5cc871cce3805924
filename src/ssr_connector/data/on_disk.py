"""A corpus that memory does not hold: what is known of each utterance lies in a file and is read when it is needed."""

import os
import pickle
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")


class OnDisk(Mapping[str, T]):
    """Values by id, in the order given, in a file of TMPDIR without a name, which ends with the process.

    Memory has the ids and where each value lies. Any thread may read; a value is made anew every time. Raises
    ValueError where an id comes twice.
    """

    def __init__(self, items: Iterable[tuple[str, T]]) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when nobody reads it any more
        self._ends = array("Q", [0])  # bytes
        self._places: dict[str, int] = {}
        for key, value in items:
            if key in self._places:
                raise ValueError(f"{key} comes twice")
            self._file.write(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
            self._places[key] = len(self._places)
            self._ends.append(self._file.tell())
        self._file.flush()

    def __getitem__(self, key: str) -> T:
        start, end = self._ends[(place := self._places[key])], self._ends[place + 1]
        value: T = pickle.loads(os.pread(self._file.fileno(), end - start, start))  # which nobody else can write
        return value

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def only(self, keys: Iterable[str]) -> "OnDisk[T]":
        """Some of the values, in the same file."""
        some: OnDisk[T] = OnDisk(())
        some._file, some._ends = self._file, self._ends
        some._places = {key: self._places[key] for key in keys}
        return some
