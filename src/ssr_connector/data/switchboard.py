"""Switchboard-1 with the Mississippi State transcripts: one channel of a ``.sph`` for each side of a conversation.

Anywhere under the source lie ``sw02001.sph`` (LDC97S62) and ``sw2001A-ms98-a-trans.text`` with lines
``ID START END WORDS`` (swb_ms98_transcriptions); ``…-word.text`` beside it gives the words' times. The markup goes:
"[laughter-yes]" was "yes", "th[at]-" was "th-", "[spoken/meant]" was "spoken", "{coined}" and "them_1" are words.
A side of a conversation counts as a speaker: who called is not in these files, and a caller may occur again.
https://catalog.ldc.upenn.edu/LDC97S62
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.lines import read_lines
from ssr_connector.data.words import WordTime
from ssr_connector.errors import UserError

TRANSCRIPTS = "sw*-trans.text"
SIDE = re.compile(r"sw(\d{4})([AB])-")
RECORDING = re.compile(r"sw0?(\d{4})")
SUFFIXES = (".sph", ".wav", ".flac")


def is_switchboard(source: Path) -> bool:
    """Whether there is a transcript of one side of a conversation anywhere under the folder ``source``."""
    return source.is_dir() and any(SIDE.match(path.name) for path in source.rglob(TRANSCRIPTS))


def read_switchboard(source: Path) -> Iterator[Entry | Rejected]:
    """Every line of every transcript, then the conversations that have none; raises UserError where there is none."""
    transcripts = [path for path in sorted(source.rglob(TRANSCRIPTS)) if SIDE.match(path.name)]
    if not transcripts:
        raise UserError(f"{source} holds no {TRANSCRIPTS}: put swb_ms98_transcriptions there, beside the recordings")
    recordings: dict[str, Path] = {}
    for path in sorted(source.rglob("sw*")):
        if path.suffix.lower() in SUFFIXES and (found := RECORDING.fullmatch(path.stem)):
            recordings.setdefault(found[1], path)
    for transcript in transcripts:
        found = SIDE.match(transcript.name)
        assert found, transcript
        conversation, side = found.groups()
        audio = recordings.get(conversation, source / f"sw0{conversation}.sph")
        speaker = f"sw{conversation}{side}"
        try:
            yield from _read_side(transcript, audio, speaker, "AB".index(side))
        except UserError as error:
            yield Rejected(speaker, str(audio), "unreadable transcript", str(error))
    for conversation in sorted(recordings.keys() - {path.name[2:6] for path in transcripts}):
        detail = f"there is no sw{conversation}A-…-trans.text"
        yield Rejected(f"sw{conversation}", str(recordings[conversation]), "missing transcript", detail)


def spoken(token: str) -> str:
    """What was said where the transcript has ``token``; nothing for silence, noise and laughter."""
    if found := re.fullmatch(r"\[laughter-(.+)\]", token):
        token = found[1]
    if re.fullmatch(r"\[[^\[\]/]*\]|<[^<>]*>", token):
        return ""
    if found := re.fullmatch(r"\[(.+)/.+\]", token):
        token = found[1]
    token = re.sub(r"\[[^\[\]]*\]", "", re.sub(r"_\d+$", "", token.strip("{}")))
    return token if any(character.isalnum() for character in token) else ""


def _read_side(transcript: Path, audio: Path, speaker: str, channel: int) -> Iterator[Entry | Rejected]:
    word_times = _read_words(transcript.with_name(transcript.name.replace("-trans.text", "-word.text")))
    for number, line in enumerate(read_lines(transcript), start=1):
        id_, *rest = line.split() or [""]
        if not id_:
            continue
        try:
            start_s, end_s = _span(rest)
        except ValueError as error:
            yield Rejected(id_, str(audio), "malformed line", f"{transcript} line {number}: {error}")
            continue
        text = " ".join(word for token in rest[2:] if (word := spoken(token)))
        times = word_times.get(id_, [])
        if isinstance(times, str):
            yield Rejected(id_, str(audio), "malformed word times", times)
        elif not text and len(rest) > 2:
            yield Rejected(id_, str(audio), "no words in it", f"only {' '.join(rest[2:])}")
        else:
            words = tuple(WordTime(w.word, round(w.start_s - start_s, 6), w.duration_s) for w in times)
            yield Entry(id_, audio, text, speaker, "en", start_s, end_s, channel=channel, words=words)


def _read_words(path: Path) -> dict[str, list[WordTime] | str]:
    """Words with times in the conversation, or what is wrong with them, by utterance; nothing without a file."""
    found: dict[str, list[WordTime] | str] = {}
    for number, line in enumerate(read_lines(path) if path.exists() else (), start=1):
        id_, *rest = line.split() or [""]
        times = found.setdefault(id_, [])
        if not id_ or isinstance(times, str):
            continue
        try:
            start_s, end_s = _span(rest)
        except ValueError as error:
            found[id_] = f"{path} line {number}: {error}"
            continue
        if word := spoken(" ".join(rest[2:])):
            times.append(WordTime(word, start_s, round(end_s - start_s, 6)))
    return found


def _span(fields: list[str]) -> tuple[float, float]:
    """The times that fields start with; raises ValueError where they do not."""
    try:
        start_s, end_s = (float(field) for field in fields[:2])
    except ValueError:
        start_s = end_s = math.nan
    if not 0 <= start_s <= end_s < math.inf:
        raise ValueError("it is not ID START END and words")
    return start_s, end_s
