"""What `ssr align` writes of every utterance, and in which formats."""

import contextlib
import errno
import hashlib
import json
import logging
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ssr_connector.aligners.record import FILE
from ssr_connector.aligners.words import timed_words
from ssr_connector.data.lines import read_objects
from ssr_connector.data.text import SpeechText
from ssr_connector.data.textgrid import write_textgrid
from ssr_connector.data.words import WordTime, ctm_line, word_key
from ssr_connector.errors import UserError
from ssr_connector.files import replace_file
from ssr_connector.types import Alignment, TimedWord
from ssr_connector.units import FrameClock

LOW_SCORE = math.log(0.1)  # mean log-probability of an utterance's words; pocketsphinx has a scale of its own
PLACES = {"textgrid": "textgrid", "ctm": "words.ctm", "jsonl": "words.jsonl", "cuts": "cuts.jsonl.gz"}  # by format
SHORT_NAME = 12  # characters, of up to 4 bytes: with what is beside it there is room on every file system
FASTEST_LETTERS_PER_S = 40.0  # of a word; quick speech has some 25


def aligned_before(out: Path) -> set[str]:
    """Ids of the utterances that a folder holds alignments or times of, as far as its JSON lines can be read."""
    ids: set[str] = set()
    for file in (out / FILE, out / PLACES["jsonl"]):
        if file.is_file():
            with contextlib.suppress(UserError):
                ids |= {str(row["id"]) for _, row in read_objects(file) if isinstance(row, dict) and "id" in row}
    return ids


@dataclass(frozen=True)
class TimedUtterance:
    """The words of an utterance, and its tokens where an LLM's tokenizer was given."""

    id: str
    text: str
    duration_s: float
    words: tuple[TimedWord, ...]
    tokens: tuple[TimedWord, ...] = ()

    @classmethod
    def of(cls, key: str, alignment: Alignment, clock: FrameClock, duration_s: float) -> "TimedUtterance":
        """In seconds."""
        scores = alignment.scores or (math.nan,) * len(alignment)
        tokens = tuple(
            TimedWord(
                alignment.text[a:b],
                clock.edge_s(start),
                min(clock.edge_s(end), duration_s),
                None if math.isnan(score) else score,
            )
            for (a, b), start, end, score in zip(
                alignment.char_spans, alignment.starts, alignment.ends, scores, strict=True
            )
        )
        words = tuple(
            TimedWord(w.text, w.start_s, min(w.end_s, duration_s), w.score) for w in timed_words(alignment, clock)
        )
        return cls(key, alignment.text, duration_s, words, tokens)

    def is_doubtful(self, low_score: float = LOW_SCORE) -> bool:
        """Whether a person should look: unlikely words, or a word spoken faster than anybody can."""
        scores = [w.score for w in self.words if w.score is not None]
        if scores and sum(scores) / len(scores) < low_score:
            return True
        return any(
            sum(c.isalnum() for c in w.text) > 2 + FASTEST_LETTERS_PER_S * (w.end_s - w.start_s) for w in self.words
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TimedUtterance":
        """Back again. Raises ValueError, KeyError or TypeError where they are something else."""
        words, tokens = (tuple(TimedWord(**w) for w in values[name]) for name in ("words", "tokens"))
        for word in (*words, *tokens):
            if not 0 <= float(word.start_s) <= float(word.end_s) < math.inf:
                raise ValueError(f"{word.text!r} from {word.start_s} to {word.end_s} s")
        return cls(str(values["id"]), str(values["text"]), float(values["duration_s"]), words, tokens)


def write_textgrids(out: Path, utterances: Sequence[TimedUtterance], cuts: Sequence[Any]) -> None:  # noqa: ARG001
    """One file an utterance, `textgrid/<id>.TextGrid`; slashes and the like in ids are %-encoded.

    A name that is too long for the file system is cut, ends in a digest of the id, and is logged.
    """
    folder = out / PLACES["textgrid"]
    for u in utterances:
        tiers = {"words": u.words} | ({"tokens": _parted(u.tokens)} if u.tokens else {})
        name = re.sub(r"[\x00-\x7f]+", lambda ascii_: quote(ascii_[0], safe=" "), u.id)
        try:
            write_textgrid(folder / f"{name}.TextGrid", tiers, u.duration_s)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            name = f"{name[:SHORT_NAME]}~{hashlib.blake2b(u.id.encode(), digest_size=6).hexdigest()}"
            write_textgrid(folder / f"{name}.TextGrid", tiers, u.duration_s)
            logging.getLogger(__name__).warning("the id %s is too long for a file: see %s.TextGrid", u.id, name)


def write_ctm(out: Path, utterances: Sequence[TimedUtterance], cuts: Sequence[Any]) -> None:  # noqa: ARG001
    """NIST CTM, `words.ctm`: utterance id, channel, start and duration in seconds, word, confidence if it is known."""
    with replace_file(out / PLACES["ctm"]) as new, new.open("w", encoding="utf-8") as lines:
        for u in utterances:
            lines.writelines(ctm_line(u.id, WordTime(w.text, w.start_s, w.end_s - w.start_s, w.score)) for w in u.words)


def write_jsonl(out: Path, utterances: Sequence[TimedUtterance], cuts: Sequence[Any]) -> None:  # noqa: ARG001
    """`words.jsonl`: an utterance a line, words and tokens with their scores."""
    with replace_file(out / PLACES["jsonl"]) as new, new.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(u.to_dict(), ensure_ascii=False) + "\n" for u in utterances)


def write_cuts(out: Path, utterances: Sequence[TimedUtterance], cuts: Sequence[Any]) -> None:
    """`cuts.jsonl.gz`: the lhotse cuts with the words as their supervisions' alignment "word", each with its own."""
    from lhotse.supervision import AlignmentItem

    from ssr_connector.data.output import write_together

    by_id = {u.id: u for u in utterances}

    def item(w: TimedWord) -> AlignmentItem:
        return AlignmentItem(w.text, round(w.start_s, 4), round(w.end_s - w.start_s, 4), w.score)

    def line(cut: Any) -> str:
        words = iter(_shared_out(by_id[cut.id].words, [s.text or "" for s in cut.supervisions]))
        timed = cut.map_supervisions(lambda s: s.with_alignment("word", [item(w) for w in next(words)]))
        return json.dumps(timed.to_dict(), ensure_ascii=False)

    write_together(out, {PLACES["cuts"]: (line(cut) for cut in cuts if cut.id in by_id)})


Writer = Callable[[Path, Sequence[TimedUtterance], Sequence[Any]], None]
FORMATS: dict[str, Writer] = {
    "textgrid": write_textgrids,
    "ctm": write_ctm,
    "jsonl": write_jsonl,
    "cuts": write_cuts,
}


def read_jsonl(path: Path) -> dict[str, list[TimedWord]]:
    """The words of what `write_jsonl` wrote, by utterance id. Raises UserError that names the line that is none."""
    words: dict[str, list[TimedWord]] = {}
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    utterance = TimedUtterance.from_dict(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise UserError(f"{path}, line {number}, has no timed words ({error}): align again") from None
                words[utterance.id] = list(utterance.words)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): correct the path") from None
    return words


def _shared_out(words: Sequence[TimedWord], texts: Sequence[str]) -> list[list[TimedWord]]:
    """The words of several texts one after the other, text by text.

    Letters and digits are counted: a form of speech text may part words, and has the same of those.
    """
    ends = list(accumulate(len(word_key(SpeechText("cased")(text).text)) for text in texts))
    own: list[list[TimedWord]] = [[] for _ in texts]
    at = 0
    for word in words:
        own[min(bisect_right(ends, at), len(ends) - 1)].append(word)
        at += len(word_key(word.text))
    return own


def _parted(tokens: Sequence[TimedWord]) -> list[TimedWord]:
    """Tokens that share a frame divide it: a tier has no two intervals at one time."""
    parted: list[TimedWord] = []
    i = 0
    while i < len(tokens):
        same = i
        while i < len(tokens) and tokens[i].start_s < tokens[same].end_s:
            i += 1
        start_s, n = tokens[same].start_s, i - same
        width_s = (tokens[i - 1].end_s - start_s) / n
        parted += [
            TimedWord(t.text, start_s + k * width_s, start_s + (k + 1) * width_s) if n > 1 else t
            for k, t in enumerate(tokens[same:i])
        ]
    return parted
