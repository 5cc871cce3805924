"""A user's transcribed cuts as rows of a study, `--cuts NAME=CUTS`: measures alone, as they come without tasks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ssr_connector.evaluation.labels import with_unit
from ssr_connector.studies.study import Arm

if TYPE_CHECKING:
    from ssr_connector.studies.results import Results

OWN = "own"
TABLE = {OWN: "Corpora from outside of this world"}
MEASURES = {
    "ctc_wer": "WER of the hypothesis",
    "word_boundary_error_ms": "word ends",
    "cosine": "cosine",
    "embedding_wer": "embedding WER",
}


def corpora(cuts: Mapping[str, str]) -> tuple[Arm, ...]:
    """An arm for each, in a table of their own, heard as the study's reference hears. Raises UserError for no cuts."""
    check(cuts)
    return tuple(Arm(f"cuts_{name}", name, table=OWN, cuts=path) for name, path in cuts.items())


def check(cuts: Mapping[str, str]) -> None:
    """Raise UserError where a manifest cannot be read, before anything is made for it."""
    from ssr_connector.data.cuts import read_cuts

    for path in cuts.values():
        read_cuts(path)


def measured(results: "Results") -> list[str]:
    """What was measured on each."""
    return [said for row in results.rows if row.table == OWN and (said := on_corpus(results, row.name, row.title))]


def on_corpus(results: "Results", name: str, title: str) -> str:
    """What was measured on a user's cuts in a row."""
    figures = {what: results.figure(name, figure) for figure, what in MEASURES.items()}
    parts = [f"{what} {with_unit(found.value, found.unit)}" for what, found in figures.items() if found]
    return f"On {title}, recordings from outside of this world: {', '.join(parts)}." if parts else ""
