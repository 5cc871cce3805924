"""The members of one long array of a JSON file, without the whole file in memory."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from ssr_connector.errors import UserError

CHUNK_CHARACTERS = 1 << 20
MAX_MEMBER_CHARACTERS = 1 << 28
END = re.compile(r"\s*[],]")


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
            text, n_members = text[found.end() :], 0
            while True:
                text = text.lstrip(" \t\r\n,")
                if text.startswith("]"):
                    return
                try:
                    member, end = decoder.raw_decode(text)
                    if not END.match(text, end):  # 1 where the file goes on with 2, or nothing yet
                        raise ValueError(f"neither , nor ] at character {end}")
                except ValueError as error:
                    # Twice as much each time: what is read again and again then stays a constant share of it all.
                    more = stream.read(max(CHUNK_CHARACTERS, len(text)))
                    if more and len(text) <= MAX_MEMBER_CHARACTERS:
                        text += more
                        continue
                    raise UserError(
                        f"{path}: {key!r} is not JSON after member {n_members} ({error}): copy the file again"
                    ) from None
                yield member
                text, n_members = text[end:], n_members + 1
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): correct the path") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text: give the file as it was published") from None
