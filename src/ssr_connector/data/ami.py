"""The AMI meeting corpus in its original layout: ``ami_public_manual_1.6.2/`` and recordings of meetings.

The annotations give each speaker's segments (``segments/``), their words with times (``words/``) and who wore which
headset (``corpusResources/meetings.xml``). Recordings such as ``ES2002a.Headset-0.wav`` lie anywhere under the source.
A segment is stretched to its words where it is shorter than they are. Words keep their case and punctuation; "L_C_D_"
becomes "LCD", and a word that was broken off ends in a hyphen. https://groups.inf.ed.ac.uk/ami/corpus/
"""

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.subsets import check_subset
from ssr_connector.data.words import WordTime
from ssr_connector.errors import UserError

MEETINGS = Path("corpusResources", "meetings.xml")
RECORDINGS = {"ihm": "Headset-{channel}", "ihm-mix": "Mix-Headset", "sdm": "Array1-01"}
ID = "{http://nite.sourceforge.net/}id"
CHILD = "{http://nite.sourceforge.net/}child"
HREF = re.compile(r"#id\(([^()]+)\)(?:\.\.id\(([^()]+)\))?$")


@dataclass(frozen=True)
class Word:
    """A word or punctuation mark; the times are NaN where none was given."""

    text: str
    start_s: float
    end_s: float
    is_punctuation: bool


def is_ami(source: Path) -> bool:
    """Whether ``source`` is, or holds, the folder of AMI's annotations."""
    return _annotations(source) is not None


def read_ami(source: Path, subset: str = "ihm") -> Iterator[Entry | Rejected]:
    """Every segment of every speaker; ``subset`` is the microphone: ``ihm`` (headsets), ``ihm-mix`` or ``sdm``.

    Raises UserError where the annotations are not there or do not name the speakers.
    """
    check_subset(source, subset, RECORDINGS)
    annotations = _annotations(source)
    if annotations is None:
        raise UserError(f"{source} holds no */{MEETINGS}: unpack ami_public_manual_1.6.2.zip there")
    speakers = _read_speakers(annotations / MEETINGS)
    recordings = {path.name: path for path in sorted(source.rglob("*.wav"))}
    for segments in sorted((annotations / "segments").glob("*.segments.xml")):
        meeting, agent = (*segments.name.split("."), "")[:2]
        side = f"{meeting}.{agent}"
        if (meeting, agent) not in speakers:
            yield Rejected(side, str(segments), "unknown speaker", f"{annotations / MEETINGS} does not name {side}")
            continue
        speaker, channel = speakers[meeting, agent]
        name = f"{meeting}.{RECORDINGS[subset].format(channel=channel)}.wav"
        audio = recordings.get(name, source / name)
        try:
            words, places = _read_words(annotations / "words" / f"{side}.words.xml")
            rows = list(_parsed(segments).iter("segment"))
        except UserError as error:
            yield Rejected(side, str(audio), "unreadable transcript", str(error))
            continue
        for number, segment in enumerate(rows, start=1):
            id_ = f"{side}.{segment.get(ID, f'line{number}').removeprefix(f'{meeting}.')}"
            try:
                yield _entry(id_, audio, speaker, segment, words, places)
            except ValueError as error:
                yield Rejected(id_, str(audio), "malformed segment", f"{segments}: {error}")


def _annotations(source: Path) -> Path | None:
    folders = (source, *sorted(path for path in source.glob("*") if path.is_dir()))
    return next((folder for folder in folders if (folder / MEETINGS).is_file()), None)


def _parsed(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: unpack the annotations again") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give a readable file") from None
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the latter: an encoding that is not known
        raise UserError(f"{path} is not XML ({error}): unpack the annotations again") from None


def _read_speakers(path: Path) -> dict[tuple[str, str], tuple[str, int]]:
    """Name and channel of the headset, by meeting and letter."""
    speakers: dict[tuple[str, str], tuple[str, int]] = {}
    for meeting in _parsed(path).iter("meeting"):
        for speaker in meeting.iter("speaker"):
            channel = speaker.get("channel", "")
            if channel.isdecimal():
                key = meeting.get("observation", ""), speaker.get("nxt_agent", "")
                speakers[key] = speaker.get("global_name", ""), int(channel)
    if not speakers:
        raise UserError(f"{path} names no speaker of a meeting: unpack the annotations again")
    return speakers


def _read_words(path: Path) -> tuple[list[Word | None], dict[str, int]]:
    """What one speaker uttered, None for sounds and other events, and the place of each in it by its id."""
    words: list[Word | None] = []
    places: dict[str, int] = {}
    for element in _parsed(path):
        places[element.get(ID, "")] = len(words)
        text = (element.text or "").strip()
        if element.tag != "w" or not text:
            words.append(None)
            continue
        text = re.sub(r"(?<![^\W_])(?:[^\W\d_]_)+", lambda letters: letters[0].replace("_", ""), text)
        text += "-" if element.get("trunc") == "true" else ""
        start_s, end_s = (_seconds(element.get(name)) for name in ("starttime", "endtime"))
        words.append(Word(text, start_s, end_s, element.get("punc") == "true"))
    return words, places


def _entry(
    id_: str,
    audio: Path,
    speaker: str,
    segment: ElementTree.Element,
    words: Sequence[Word | None],
    places: Mapping[str, int],
) -> Entry | Rejected:
    """The utterance of a segment; raises ValueError where its times or the words it points to are not there."""
    start_s, end_s = (_seconds(segment.get(f"transcriber_{name}")) for name in ("start", "end"))
    if not 0 <= start_s < end_s:
        raise ValueError(f"{id_} has no times, or ends before it starts")
    uttered: list[Word] = []
    for child in segment.iter(CHILD):
        href = child.get("href", "")
        found = HREF.search(href)
        if not found or any(name not in places for name in found.groups() if name):
            raise ValueError(f"{id_} points to {href!r}, which is not there")
        first, last = (places[name or found[1]] for name in found.groups())
        uttered += [word for word in words[first : last + 1] if word]
    if not any(not word.is_punctuation for word in uttered):
        return Rejected(id_, str(audio), "no words in it", "only sounds and other events")
    text = "".join(word.text if word.is_punctuation else f" {word.text}" for word in uttered)
    timed = [w for w in uttered if not w.is_punctuation and 0 <= w.start_s <= w.end_s]
    start_s, end_s = min([start_s, *(w.start_s for w in timed)]), max([end_s, *(w.end_s for w in timed)])
    times = tuple(WordTime(w.text, round(w.start_s - start_s, 6), round(w.end_s - w.start_s, 6)) for w in timed)
    return Entry(id_, audio, text.strip(), speaker or None, "en", start_s, end_s, words=times)


def _seconds(value: str | None) -> float:
    """NaN where it is no finite time."""
    try:
        time_s = float(value or "")
    except ValueError:
        return math.nan
    return time_s if math.isfinite(time_s) else math.nan
