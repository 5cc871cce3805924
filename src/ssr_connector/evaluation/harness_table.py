"""What tasks of lm-evaluation-harness say before and after training, as rows of text: terminal, page and Markdown."""

from collections.abc import Mapping
from typing import Any

from ssr_connector.evaluation.labels import interval, number, with_unit

HEADINGS = ("task", "metric", "model", "before", "after", "change", "95 % interval", "n")


def harness_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """A row for each metric of each task and model; groups instead of the tasks within them."""
    rows = []
    for row in found.get("rows", ()):
        if not row["within"]:
            points = "points" if row["unit"] else ""
            ci = interval(tuple(row["ci95"]), points) if row["ci95"] else "-"
            values = [with_unit(row[k], row["unit"]) for k in ("before", "after")] + [number(row["change"], points)]
            rows.append([row["task"], row["metric"], row["system"], *values, ci, str(row["n"])])
    return rows


def harness_origin(found: Mapping[str, Any]) -> str:
    """Version, how many items, and seconds by model."""
    items = f"at most {found['items']} items of a task" if found["items"] else "all items"
    seconds = ", ".join(f"{name} {number(value, 's')} s" for name, value in found["seconds"].items())
    made = f"; commit {found['commit']}: {found['command']}" if "command" in found else ""
    return f"lm-evaluation-harness {found['lm_eval']}, {items}, {found['batch']} sequences at once; {seconds}{made}"
