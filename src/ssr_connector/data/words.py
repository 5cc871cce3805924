"""Word times made elsewhere: NIST CTM, lines ``id channel start duration word [confidence]`` in seconds.

Times count from the start of the utterance that the id names. A line has no room for white space in an id: it stands
there %-encoded, and so do "%" and a ";" in front, where a comment would begin.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from ssr_connector.data.lines import read_lines
from ssr_connector.errors import UserError

SILENCES = frozenset({"<sil>", "[sil]", "<eps>", "<s>", "</s>", "<silence>"})
PAUSES = frozenset({"sil", "sp"})  # marks of silence, too, but in the transcripts that have these words
SMALLEST_CONFIDENCE = 1e-6  # the last digit that a CTM of ours has


@dataclass(frozen=True)
class WordTime:
    """When one word is spoken."""

    word: str
    start_s: float
    duration_s: float
    score: float | None = None  # log of the confidence

    @property
    def end_s(self) -> float:
        """When it ends."""
        return self.start_s + self.duration_s


def word_key(word: str) -> str:
    """What two spellings of a word share: its letters and digits in lower case."""
    return "".join(c for c in word.lower() if c.isalnum())


def are_spoken(words: Sequence[str], transcript: str) -> list[bool]:
    """For each word that an aligner gave a time, whether it is none of silence.

    "sil" and "sp" are spoken where the transcript has them: behind as many letters and digits as were spoken so far.
    """
    written: dict[int, str] = {}
    at = 0
    for key in filter(None, map(word_key, transcript.split())):
        written[at] = key
        at += len(key)
    spoken = []
    at = 0
    for word in words:
        key = word_key(word)
        is_mark = word.casefold() in SILENCES or (word.casefold() in PAUSES and written.get(at) != key)
        spoken.append(not is_mark)
        at += 0 if is_mark else len(key)
    return spoken


def ctm_line(id_: str, word: WordTime) -> str:
    """One line, with the confidence where there is a score."""
    key = re.sub(r"[\s%]|^;", lambda found: quote(found[0]), id_)
    confidence = "" if word.score is None else f" {min(1.0, math.exp(word.score)):.6f}"
    return f"{key} 1 {word.start_s:.3f} {word.duration_s:.3f} {word.word}{confidence}\n"


def read_ctm(path: Path) -> dict[str, tuple[WordTime, ...]]:
    """The words of every utterance in the order of time, but for marks of silence that can be no word.

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
            words.setdefault(unquote(fields[0]), []).append(WordTime(word, start_s, duration_s, _score(fields[5:])))
    if not words:
        raise UserError(f"{path} holds no word: give a CTM file with lines `id channel start duration word`")
    return {id_: tuple(sorted(times, key=lambda w: w.start_s)) for id_, times in words.items()}


def _score(confidence: list[str]) -> float | None:
    """Of the sixth field, where that is a probability: some tools write "NA", or a scale of their own."""
    try:
        known = float(confidence[0])
    except (ValueError, IndexError):
        return None
    return math.log(max(known, SMALLEST_CONFIDENCE)) if 0 <= known <= 1 else None
