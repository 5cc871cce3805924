"""Texts spoken into a folder, one FLAC file each, with a journal of what is done: a killed run loses nothing.

A recording counts as done where the journal has its text, its voice and its speaker, and its file is there. The
journal's line is written after the file, so that it never speaks of half a recording.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from ssr_connector.errors import UserError
from ssr_connector.evaluation.spoken.speaker import SAMPLING_RATE_HZ, Speaker, UnspokenError, Words
from ssr_connector.files import replace_file
from ssr_connector.processes import process_pool

JOURNAL, AUDIO = "recordings.jsonl", "audio"


@dataclass(frozen=True)
class Line:
    """A text to be spoken; the id becomes the name of its file."""

    id: str
    text: str
    voice: str

    @property
    def audio(self) -> str:
        """Its file in the folder."""
        return f"{AUDIO}/{self.id}.flac"


@dataclass(frozen=True)
class Recording:
    """What became of a line."""

    line: Line
    duration_s: float = 0.0
    words: Words = ()
    fault: str = ""  # why there is none


def record(
    lines: Sequence[Line],
    speaker: Speaker,
    out: Path,
    jobs: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> dict[str, Recording]:
    """Speak the lines that are not done yet, in `jobs` processes; recordings and faults by id.

    Raises UserError where the speaker cannot speak at all. What failed is tried again by the next run.
    """
    (out / AUDIO).mkdir(parents=True, exist_ok=True)
    journal = read_journal(out / JOURNAL)
    found: dict[str, Recording] = {}
    for line in lines:
        row = journal.get(line.id)
        if row and row["key"] == key(line, speaker) and (out / line.audio).is_file():
            words = tuple((str(w), float(a), float(b)) for w, a, b in row["words"])
            found[line.id] = Recording(line, row["duration_s"], words)
    missing = [line for line in lines if line.id not in found]
    progress(len(found), len(lines))
    with (out / JOURNAL).open("a", encoding="utf-8") as stream:
        if stream.tell():
            stream.write("\n")  # after a line that was cut off by a kill
        for done in spoken(missing, speaker, out, jobs):
            found[done.line.id] = done
            if not done.fault:
                stream.write(json.dumps(row_of(done, speaker), ensure_ascii=False) + "\n")
                stream.flush()
            progress(len(found), len(lines))
    return found


def spoken(lines: Sequence[Line], speaker: Speaker, out: Path, jobs: int) -> Iterator[Recording]:
    """Recordings as they are done."""
    if jobs <= 1 or len(lines) <= 1:
        for line in lines:
            yield speak_one(line, speaker, out)
        return
    with process_pool(jobs) as pool:
        for future in as_completed([pool.submit(speak_one, line, speaker, out) for line in lines]):
            yield future.result()


def speak_one(line: Line, speaker: Speaker, out: Path) -> Recording:
    """Speak one line into its file."""
    try:
        waveform, words = speaker.speak(line.text, line.voice)
    except UnspokenError as error:
        return Recording(line, fault=str(error))
    with replace_file(out / line.audio) as new:
        soundfile.write(new, waveform.samples, SAMPLING_RATE_HZ, subtype="PCM_16", format="FLAC")
    return Recording(line, waveform.duration_s, words)


def key(line: Line, speaker: Speaker) -> str:
    """What a recording was made from."""
    return hashlib.sha256(repr((speaker, line.voice, line.text)).encode()).hexdigest()[:16]


def row_of(done: Recording, speaker: Speaker) -> dict[str, Any]:
    """The journal's line."""
    words = [[w, round(start_s, 4), round(end_s, 4)] for w, start_s, end_s in done.words]
    facts = {"voice": done.line.voice, "duration_s": round(done.duration_s, 4), "text": done.line.text}
    return {"id": done.line.id, "key": key(done.line, speaker), **facts, "words": words}


def read_journal(path: Path) -> dict[str, dict[str, Any]]:
    """The last line of every id; lines that were cut off are passed over. UserError where it is no journal."""
    rows: dict[str, dict[str, Any]] = {}
    if not path.is_file():
        return rows
    bad = 0
    for text in path.read_text(encoding="utf-8").split("\n"):
        try:
            row = json.loads(text)
            rows[row["id"]] = {name: row[name] for name in ("key", "duration_s", "words")}
        except (ValueError, KeyError, TypeError):
            bad += bool(text.strip())
    if bad and not rows:
        raise UserError(f"{path} is no journal of recordings: give another folder")
    return rows


def ctm_lines(recordings: Mapping[str, Recording]) -> Iterator[str]:
    """The true times of words, where the speaker told them."""
    for name in sorted(recordings):
        for word, start_s, end_s in recordings[name].words:
            yield f"{name} 1 {start_s:.4f} {end_s - start_s:.4f} {word}"
