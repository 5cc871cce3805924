"""Documents as blocks of tokens, window by window: text larger than memory, that can be taken up at any block."""

import itertools
import json
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ssr_connector.data.documents import Document, Documents, Malformed, Place
from ssr_connector.errors import UserError
from ssr_connector.files import replace_file, whole_lines

WINDOW_TOKENS = 1 << 20


@dataclass(frozen=True)
class Window:
    """Blocks that are in memory together: how many are before it, and where its first token is."""

    first: int
    place: Place
    used: int  # tokens of the document there that belong to the window before


class PackedText:
    """Blocks [block] of a text, numbered in its order; what is left at its end is shorter than a block and not used.

    A block is found without reading all before it as soon as its window has been reached once: where windows begin,
    and the lines that were malformed, stand in `record`, which another run of the same text takes up.

    Raises UserError where there are not enough tokens for a block.
    """

    def __init__(
        self,
        documents: Documents,
        encode: Callable[[str], list[int]],
        block: int,
        record: "WindowRecord | None" = None,
        window_tokens: int = WINDOW_TOKENS,
    ) -> None:
        self.documents, self.encode, self.block = documents, encode, block
        self.window_blocks = max(1, window_tokens // block)
        self.windows = [Window(0, Place(), 0)]
        self.malformed: list[tuple[str, str]] = []  # where, and why
        self.n_blocks: int | None = None  # of the whole text, once its end was reached
        self._loaded: tuple[int, Tensor] = (-1, torch.empty(0, block, dtype=torch.long))
        # The document that a window ended in, and the reader behind it: compressed text is read through once a round.
        self._reader: tuple[Document, Iterator[Document | Malformed]] | None = None
        self._record = record
        for found in record.read() if record else []:
            self._learn(found)
        if len(self.windows) == 1 and self.n_blocks is None:
            self.blocks(0)
        if self.n_blocks == 0:
            bad = [f"; {where} is {reason}, one of {len(self.malformed)}" for where, reason in self.malformed[:1]]
            raise UserError(f"the text data {documents.path} is shorter than one block of {block} tokens{''.join(bad)}")

    @property
    def first_blocks(self) -> int:
        """How many are in the first window: all of a small text."""
        return self.windows[1].first if len(self.windows) > 1 else self.n_blocks or 0

    def find(self, number: int) -> tuple[int, int, int]:
        """The round through the whole text in which a block comes, its window, and its number there; for any number."""
        while self.n_blocks is None and number >= self.windows[-1].first:
            self.blocks(len(self.windows) - 1)
        epoch, number = divmod(number, self.n_blocks) if self.n_blocks else (0, number)
        window = bisect_right(self.windows, number, key=lambda w: w.first) - 1
        return epoch, window, number - self.windows[window].first

    def blocks(self, number: int) -> Tensor:
        """The blocks of a window that is known [n, block] int64."""
        if self._loaded[0] != number:
            self._loaded = number, self._fill(number)
        return self._loaded[1]

    def _fill(self, number: int) -> Tensor:
        window = self.windows[number]
        ids, wanted = array("q"), self.window_blocks * self.block
        malformed: list[tuple[str, str]] = []
        after: tuple[Place, int] | None = None
        begun: list[Document] = []
        if self._reader and self._reader[0].place == window.place:
            document, reader = self._reader
            begun.append(document)
        else:
            reader = self.documents.read(window.place)
        self._reader = None
        for item in itertools.chain(begun, reader):
            if isinstance(item, Malformed):
                malformed.append((item.where, item.reason))
                continue
            found = self.encode(item.text)
            used = window.used if item.place == window.place else 0
            taken = min(len(found) - used, wanted - len(ids))
            ids.extend(found[used : used + taken])
            if len(ids) == wanted:
                after = item.place, used + taken
                self._reader = item, reader
                break
        n = len(ids) // self.block
        if number == len(self.windows) - 1 and self.n_blocks is None:
            told = {"blocks": n, "next": after and [*astuple(after[0]), after[1]], "malformed": malformed}
            self._learn(told)
            if self._record:
                self._record.add(told)
        return torch.from_numpy(np.array(ids[: n * self.block], np.int64)).view(n, self.block)

    def _learn(self, found: dict[str, Any]) -> None:
        """What the newest window turned out to be, and where the next one begins."""
        end = self.windows[-1].first + int(found["blocks"])
        self.malformed += [(where, reason) for where, reason in found["malformed"]]
        if found["next"] is None:
            self.n_blocks = end
        else:
            *place, used = found["next"]
            self.windows.append(Window(end, Place(*place), used))


class WindowRecord:
    """A file of what is known of windows, a line for each; begun anew where it is of another text or tokenizer."""

    def __init__(self, path: Path, key: list[Any], writes: bool = True) -> None:
        self.path, self.writes = path, writes
        self.head = json.dumps(key)

    def read(self) -> list[dict[str, Any]]:
        """All that is known."""
        lines = whole_lines(self.path, mend=self.writes)
        if lines[:1] != [self.head]:
            lines = [self.head]
            if self.writes:
                with replace_file(self.path) as new:
                    new.write_text(self.head + "\n")
        return [json.loads(line) for line in lines[1:]]

    def add(self, found: dict[str, Any]) -> None:
        """One more window."""
        if self.writes:
            with self.path.open("a") as stream:
                stream.write(json.dumps(found) + "\n")
