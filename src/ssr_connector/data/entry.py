"""One utterance of a corpus as its reader found it, before anything is checked; and what became of the bad ones."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ssr_connector.data.words import WordTime


@dataclass(frozen=True)
class Entry:
    """A transcribed recording, or the part ``[start_s, end_s)`` of one, or one channel (from 0) of either.

    The times of ``words`` and ``phones``, where the corpus has them, count from the start of the utterance.
    """

    id: str
    audio: Path
    text: str
    speaker: str | None = None
    language: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    custom: Mapping[str, object] = field(default_factory=dict)
    channel: int | None = None  # None: the average of all
    words: tuple[WordTime, ...] = ()
    phones: tuple[WordTime, ...] = ()


@dataclass(frozen=True)
class Rejected:
    """An utterance that is left out: ``reason`` is what it is counted under, ``detail`` says what and where."""

    id: str
    audio: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Corpus:
    """How one corpus layout is recognised and read; ``read`` raises UserError where the layout itself is broken.

    ``read(source)`` gives the utterances; where ``has_subsets``, it takes ``subset``, a name, too; where
    ``writes_audio``, it takes ``folder``, into which it writes the recordings that are no files of their own.
    ``parts(source)`` names the published parts in a folder whose layout has no named subsets.
    """

    detects: Callable[[Path], bool]
    read: Callable[..., Iterator[Entry | Rejected]]
    parts: Callable[[Path], list[str]] = lambda _: []
    has_subsets: bool = False
    writes_audio: bool = False

    def items(self, source: Path, subset: str | None, folder: Path) -> Iterator[Entry | Rejected]:
        """What ``read`` gives, called with what it takes; without ``subset`` the corpus's own default."""
        options: dict[str, Any] = {}
        if self.has_subsets and subset is not None:
            options["subset"] = subset
        if self.writes_audio:
            options["folder"] = folder
        return self.read(source, **options)
