"""Written text for language modelling: plain text, one document a line, or JSON lines with a field `text`."""

import json
from collections.abc import Iterator
from pathlib import Path

from ssr_connector.errors import UserError


def read_documents(path: Path) -> Iterator[str]:
    """Documents that are not empty. Raises UserError that names the file and the line that cannot be read."""
    try:
        stream = path.open(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read the text {path}: {error.strerror}") from error
    with stream:
        for number, line in enumerate(stream, 1):
            document = line.rstrip("\n")
            if path.suffix == ".jsonl" and document:
                try:
                    document = json.loads(document)["text"]
                except (ValueError, KeyError, TypeError) as error:
                    raise UserError(f'{path}, line {number}, is not a JSON object with "text"') from error
            if document.strip():
                yield document
