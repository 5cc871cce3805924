"""Written text for language modelling: plain text, one document a line, or JSON lines with a field `text`."""

import json
from collections.abc import Iterator
from pathlib import Path

from ssr_connector.errors import UserError


def read_documents(path: Path) -> Iterator[str]:
    """Documents that are not empty. Raises UserError that names the file, and the line that cannot be read."""
    number = 0
    try:
        with path.open(encoding="utf-8") as stream:
            for line in stream:
                number += 1
                document = line.rstrip("\n")
                if document and path.suffix == ".jsonl":
                    document = _text_of(document)
                if document.strip():
                    yield document
    except OSError as error:
        raise UserError(f"cannot read the text {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 after line {number}; convert it") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f'{path}, line {number}, is not a JSON object with a string "text"; mend it') from error


def _text_of(line: str) -> str:
    text = json.loads(line)["text"]
    if not isinstance(text, str):
        raise TypeError(text)
    return text
