"""The lines of a cut manifest, read whenever it is iterated."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lhotse.serialization import deserialize_item

from ssr_connector.errors import UserError


@dataclass(frozen=True)
class ManifestCuts:
    """The cuts of JSON lines, gzipped or not; what lhotse's CutSet holds where it is lazy."""

    path: Path

    def __iter__(self) -> Iterator[Any]:
        """Raises UserError that names the line which is no cut, or after which nothing can be read."""
        number = 0
        try:
            with gzip.open(self.path) if self.path.suffix == ".gz" else self.path.open("rb") as stream:
                for number, line in enumerate(stream, 1):
                    yield self._cut(number, line)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(
                f"{self.path} cannot be read after line {number} ({error}): copy or make it again"
            ) from None

    def _cut(self, number: int, line: bytes) -> Any:
        try:
            values = json.loads(line)
            kind = values["type"]
            if not kind.endswith("Cut"):
                raise ValueError(f"it is a {kind}")
            return deserialize_item(values)
        # Not only ValueError: lhotse checks little, and its classes take what they are given.
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise UserError(f"{self.path}, line {number}, is not a lhotse cut ({reason}): make it again") from None
