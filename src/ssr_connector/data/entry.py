"""One utterance of a corpus as its reader found it, before anything is checked; and what became of the bad ones."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """A transcribed recording, or the part ``[start_s, end_s)`` of one."""

    id: str
    audio: Path
    text: str
    speaker: str | None = None
    language: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    custom: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Rejected:
    """An utterance that is left out: ``reason`` is what it is counted under, ``detail`` says what and where."""

    id: str
    audio: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Corpus:
    """How one corpus layout is recognised and read; ``read`` raises UserError where the layout itself is broken."""

    detects: Callable[[Path], bool]
    read: Callable[[Path], Iterator[Entry | Rejected]]
