"""GigaSpeech in its original layout: ``GigaSpeech.json``, which names long recordings and the segments in them.

The tags <COMMA>, <PERIOD>, <QUESTIONMARK> and <EXCLAMATIONPOINT> become punctuation. Segments tagged as silence, music,
noise or other garbage hold no transcribed speech and are rejected. https://github.com/SpeechColab/GigaSpeech
"""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.json_array import read_array
from ssr_connector.data.subsets import check_subset

METADATA = "GigaSpeech.json"
SUBSETS = ("XL", "L", "M", "S", "XS", "DEV", "TEST")
MAX_S = 1e6
PUNCTUATION = {"<COMMA>": ",", "<PERIOD>": ".", "<QUESTIONMARK>": "?", "<EXCLAMATIONPOINT>": "!"}
GARBAGE = frozenset({"<SIL>", "<MUSIC>", "<NOISE>", "<OTHER>"})


def is_gigaspeech(source: Path) -> bool:
    """Whether ``source`` is a folder with GigaSpeech's metadata."""
    return (source / METADATA).is_file()


def read_gigaspeech(source: Path, subset: str | None = None) -> Iterator[Entry | Rejected]:
    """Every segment, or those of one subset; raises UserError where the metadata cannot be read."""
    if subset is not None:
        check_subset(source, subset, SUBSETS)
    for number, recording in enumerate(read_array(source / METADATA, "audios"), start=1):
        segments = recording.get("segments") if isinstance(recording, Mapping) else None
        path = recording.get("path") if isinstance(recording, Mapping) else None
        if not isinstance(segments, list) or not isinstance(path, str) or not path:
            detail = f"recording {number} of {METADATA} has no path or no segments"
            yield Rejected(f"recording {number}", "", "malformed segment", detail)
            continue
        for place, segment in enumerate(segments, start=1):
            name = f"recording {number} segment {place}"
            if not isinstance(segment, Mapping):
                yield Rejected(name, path, "malformed segment", f"{name} is no JSON object")
                continue
            subsets = segment.get("subsets")
            # One that does not say where it belongs is looked at, not lost.
            if subset is None or not isinstance(subsets, list) or f"{{{subset}}}" in subsets:
                yield _segment(source / path, name, segment)


def _segment(audio: Path, name: str, segment: Mapping[str, object]) -> Entry | Rejected:
    id_, text = segment.get("sid"), segment.get("text_tn")
    times_s = [segment.get(key) for key in ("begin_time", "end_time")]
    if not isinstance(id_, str) or not isinstance(text, str):
        return Rejected(str(id_ or name), str(audio), "malformed segment", f"{name} has no sid or no text_tn")
    start_s, end_s = (float(t) if isinstance(t, int | float) and 0 <= t < MAX_S else math.nan for t in times_s)
    if not start_s < end_s:
        return Rejected(id_, str(audio), "malformed time", f"from {times_s[0]!r} to {times_s[1]!r} s")
    tags = set(re.findall(r"<[^\s<>]*>", text)) - PUNCTUATION.keys()
    if tags:
        reason = "garbage utterance" if tags & GARBAGE else "unknown tag"
        return Rejected(id_, str(audio), reason, f"{', '.join(sorted(tags))} in its transcript")
    for tag, sign in PUNCTUATION.items():
        text = re.sub(rf"\s*{tag}", sign, text)
    speaker, subsets = segment.get("speaker"), segment.get("subsets")
    return Entry(
        id=id_,
        audio=audio,
        text=text,
        speaker=speaker if isinstance(speaker, str) and speaker not in ("", "N/A") else None,
        language="en",
        start_s=start_s,
        end_s=end_s,
        custom={"subsets": [str(name).strip("{}") for name in subsets]} if isinstance(subsets, list) else {},
    )
