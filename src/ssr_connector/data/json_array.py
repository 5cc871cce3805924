"""The members of one long array of a JSON file, without the whole file in memory."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from ssr_connector.errors import UserError

CHUNK_CHARACTERS = 1 << 20
MAX_MEMBER_CHARACTERS = 1 << 28
BETWEEN, END = re.compile(r"[\s,]*"), re.compile(r"\s*[],]")


def read_array(path: Path, key: str) -> Iterator[object]:
    """The members of the first array called ``key``, in order.

    Raises UserError that names the file: it cannot be read, has no such array, or is not JSON from some member on.
    """
    decoder = json.JSONDecoder()
    start = re.compile(rf'"{re.escape(key)}"\s*:\s*\[')
    try:
        with path.open(encoding="utf-8-sig") as stream:
            text = ""
            while not (found := start.search(text)):
                if not (more := stream.read(CHUNK_CHARACTERS)):
                    raise UserError(f"{path} has no array {key!r}: give the file as it was published")
                text = text[-1000:] + more
            at, n_members = found.end(), 0
            while True:
                at = _between(text, at)
                if text.startswith("]", at):
                    return
                try:
                    member, end = decoder.raw_decode(text, at)
                    if not END.match(text, end):  # 1 where the file goes on with 2, or nothing yet
                        raise ValueError(f"neither , nor ] at character {end}")
                except (ValueError, RecursionError) as error:
                    # Twice as much each time: what is decoded again and again then stays a constant share of it all.
                    more = stream.read(max(CHUNK_CHARACTERS, len(text) - at))
                    if more and len(text) - at <= MAX_MEMBER_CHARACTERS:
                        text, at = text[at:] + more, 0
                        continue
                    raise UserError(
                        f"{path}: {key!r} is not JSON after member {n_members} ({error}): copy the file again"
                    ) from None
                yield member
                at, n_members = end, n_members + 1
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): correct the path") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text: give the file as it was published") from None


def _between(text: str, at: int) -> int:
    found = BETWEEN.match(text, at)
    return found.end() if found else at
