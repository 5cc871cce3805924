"""Text files, line by line or whole, with errors that name the file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ssr_connector.errors import UserError


def read_lines(path: Path, *, strict: bool = True) -> Iterator[str]:
    """Lines of a UTF-8 file (byte order mark allowed) without their line ends; raises UserError naming the file.

    Without ``strict`` a byte that is not UTF-8 becomes half of a surrogate pair, for whoever rejects single lines.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="\n", errors="strict" if strict else "surrogateescape") as stream:
            for line in stream:
                yield line.rstrip("\r\n")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text: convert it, for example with `iconv -t UTF-8`") from None
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: correct the path") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give the path of a readable text file") from None


def read_text(path: Path) -> str:
    """The whole of a small UTF-8 file; raises UserError as `read_lines` does."""
    return "\n".join(read_lines(path))


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Line numbers and objects of JSON lines, empty ones passed over; or what is wrong with a line that holds none.

    Raises UserError as `read_lines` does.
    """
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            json.dumps(row, ensure_ascii=False).encode()  # half of a surrogate pair is no text that can be written
        except (ValueError, RecursionError) as error:
            yield number, f"it is not JSON of Unicode text: {error}"
        else:
            yield number, row if isinstance(row, dict) else "it is not a JSON object"
