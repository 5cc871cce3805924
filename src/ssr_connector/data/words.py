"""Word times made elsewhere: NIST CTM, lines ``id channel start duration word [confidence]`` in seconds.

Times count from the start of the utterance that the id names.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from ssr_connector.data.lines import read_lines
from ssr_connector.errors import UserError

SILENCES = frozenset({"sil", "<sil>", "[sil]", "sp", "<eps>", "<s>", "</s>", "<silence>"})


@dataclass(frozen=True)
class WordTime:
    """When one word is spoken."""

    word: str
    start_s: float
    duration_s: float

    @property
    def end_s(self) -> float:
        """When it ends."""
        return self.start_s + self.duration_s


def read_ctm(path: Path) -> dict[str, tuple[WordTime, ...]]:
    """The words of every utterance in the order of time, silences left out.

    Raises UserError naming the file and line where a line is malformed, and where there is no word at all.
    """
    words: dict[str, list[WordTime]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split()
        if not fields or line.startswith(";;"):
            continue
        try:
            start_s, duration_s = float(fields[2]), float(fields[3])
            if not (math.isfinite(start_s + duration_s) and start_s >= 0 and duration_s >= 0 and len(fields) <= 6):
                raise ValueError
        except (ValueError, IndexError):
            raise UserError(f"{path} line {number} is not `id channel start duration word`: correct it") from None
        word = fields[4] if len(fields) > 4 else ""
        if word and word.casefold() not in SILENCES:
            words.setdefault(fields[0], []).append(WordTime(word, start_s, duration_s))
    if not words:
        raise UserError(f"{path} holds no word: give a CTM file with lines `id channel start duration word`")
    return {id_: tuple(sorted(times, key=lambda w: w.start_s)) for id_, times in words.items()}
