"""The named parts of a corpus."""

from collections.abc import Collection
from pathlib import Path

from ssr_connector.errors import UserError


def check_subset(source: Path, subset: str, names: Collection[str]) -> None:
    """Raises UserError where ``subset`` is none of the ``names`` that ``source`` has."""
    if subset not in names:
        known = ", ".join(names) or "none"
        raise UserError(f"{source} has no subset {subset!r}: choose one with --subset, there are {known}")
