"""What was found in a download, in words: what is usable, then every kind of fault with its number and first names."""

from collections.abc import Sequence

from ssr_connector.data.entry import Rejected
from ssr_connector.evaluation.benchmarks.conversion import Import

SHOWN = 5  # names of each kind of fault


def usable(found: Import) -> list[str]:
    """Questions of every file."""
    lines = []
    for file, items in found.questions.items():
        pairs = len({item.cluster or item.id for item in items})
        voices = len({item.speaker for item in items} - {""})
        kinds = len({item.group for item in items} - {""})
        facts = [f"{len(items)} questions"]
        facts += [f"{pairs} pairs in {voices} voices"] if voices and pairs < len(items) else []
        facts += [f"{kinds} kinds"] if kinds > 1 else []
        lines.append(f"{file}: {', '.join(facts)}{f', from {found.split}' if found.split else ''}")
    return lines


def faults(rejected: Sequence[Rejected], remarks: Sequence[Rejected]) -> list[str]:
    """What is left out, and what is to be noted."""
    return counted("left out", rejected) + counted("to note", remarks)


def counted(what: str, rows: Sequence[Rejected]) -> list[str]:
    """A line for every reason; with what is known beside it of a thing that stands alone."""
    kinds: dict[str, list[Rejected]] = {}
    for row in rows:
        kinds.setdefault(row.reason, []).append(row)
    lines = []
    for reason, found in kinds.items():
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        detail = f" ({found[0].detail})" if len(found) == 1 and found[0].detail else ""
        lines.append(f"{what}: {reason}: {len(found)}: {', '.join(row.id for row in found[:SHOWN])}{more}{detail}")
    return lines
