"""Praat TextGrids: interval tiers, written in the long text form and read in the long and the short one.

https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ssr_connector.errors import UserError
from ssr_connector.files import replace_file
from ssr_connector.types import TimedWord

# Numbers count where they stand free: the one of "intervals [3]:" is for human readers.
_VALUE = re.compile(r'"(?:[^"]|"")*"|(?<!\S)(?:[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|<exists>|<absent>)(?!\S)')
MAX_BYTES = 64 * 2**20
SHORTEST_S = 0.001


def write_textgrid(path: Path, tiers: Mapping[str, Sequence[TimedWord]], duration_s: float) -> None:
    """Write tiers of words in order; what lies between them is silence, and overlaps are cut at the later start.

    Praat has no interval without length: such a word gets a millisecond, and the grid ends after it.
    """
    covered = {name: _covering(words, duration_s) for name, words in tiers.items()}
    duration_s = max([duration_s, *(intervals[-1][1] for intervals in covered.values() if intervals)])
    for intervals in covered.values():
        if not intervals or intervals[-1][1] < duration_s:
            intervals.append((intervals[-1][1] if intervals else 0.0, duration_s, ""))
    rows = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {duration_s:.6f}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, (name, intervals) in enumerate(covered.items(), 1):
        rows += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f"        name = {_quoted(name)}",
            "        xmin = 0",
            f"        xmax = {duration_s:.6f}",
            f"        intervals: size = {len(intervals)}",
        ]
        for k, (start_s, end_s, text) in enumerate(intervals, 1):
            rows += [
                f"        intervals [{k}]:",
                f"            xmin = {start_s:.6f}",
                f"            xmax = {end_s:.6f}",
                f"            text = {_quoted(text)}",
            ]
    with replace_file(path) as new:
        new.write_text("\n".join(rows) + "\n", encoding="utf-8")


def read_textgrid(path: Path) -> dict[str, list[TimedWord]]:
    """The interval tiers by name, empty intervals left out. Raises UserError that names the file where it is none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path} has more than {MAX_BYTES // 2**20} MiB: that is no TextGrid of a recording")
        data = path.read_bytes()
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): correct the path") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not text in UTF-8 or UTF-16: save it again in Praat") from None
    values = iter(_VALUE.findall(text))
    try:
        return _tiers(values)
    except (StopIteration, ValueError, IndexError) as error:
        raise UserError(f"{path} is not a TextGrid in text form ({error}): save it in Praat as a text file") from None


def _tiers(values: Iterator[str]) -> dict[str, list[TimedWord]]:
    take = values.__next__

    def number() -> float:
        value = float(take())
        if not math.isfinite(value):
            raise ValueError("a time that is not finite")
        return value

    if [_unquoted(take()), _unquoted(take())] != ["ooTextFile", "TextGrid"]:
        raise ValueError("its first lines say otherwise")
    number(), number()
    tiers: dict[str, list[TimedWord]] = {}
    if take() != "<exists>":
        return tiers
    for _ in range(int(number())):
        kind, name = _unquoted(take()), _unquoted(take())
        number(), number()
        found: list[TimedWord] = []
        for _ in range(int(number())):
            start_s = number()
            end_s = number() if kind == "IntervalTier" else start_s
            label = _unquoted(take()).strip()
            if label and kind == "IntervalTier":
                if not 0 <= start_s <= end_s or (found and start_s < found[-1].end_s - 1e-6):
                    raise ValueError(f"{label!r} at {start_s} s does not follow what is before it")
                found.append(TimedWord(label, start_s, end_s))
        if kind == "IntervalTier":
            if name in tiers:
                raise ValueError(f"two tiers named {name!r}")
            tiers[name] = found
    return tiers


def _covering(words: Sequence[TimedWord], duration_s: float) -> list[tuple[float, float, str]]:
    """(start, end, text) without a gap from 0 to the end of the last word, in whole microseconds."""
    intervals: list[tuple[float, float, str]] = []
    at = 0.0
    for i, word in enumerate(words):
        start_s = round(max(at, word.start_s), 6)
        following = words[i + 1].start_s if i + 1 < len(words) else duration_s
        end_s = round(max(min(word.end_s, max(following, start_s)), start_s + SHORTEST_S), 6)
        if start_s > at:
            intervals.append((at, start_s, ""))
        intervals.append((start_s, end_s, word.text))
        at = end_s
    return intervals


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"':
        raise ValueError(f"{value} where text is due")
    return value[1:-1].replace('""', '"')
