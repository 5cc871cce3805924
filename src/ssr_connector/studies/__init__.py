"""Studies: one question each, answered with data, a table and a picture (`ssr study`)."""

from collections.abc import Callable
from pathlib import Path

from ssr_connector.studies import aligners
from ssr_connector.tiny.demo import Demo

# What a study asks, and how it is done: on a run of the demo, into a folder; it returns its table in Markdown.
STUDIES: dict[str, tuple[str, Callable[[Demo, Path], str]]] = {
    "aligners": ("which aligner serves the connector best, and what does it cost?", aligners.study),
}
