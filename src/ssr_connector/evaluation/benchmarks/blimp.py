"""BLiMP: JSON lines, one file a paradigm, with sentence_good and sentence_bad; to be read, not heard."""

from pathlib import Path

from ssr_connector.evaluation.benchmarks.layout import Benchmark, Layout, Options
from ssr_connector.evaluation.benchmarks.lines import begins_with, json_files, json_rows
from ssr_connector.evaluation.choice import Choice, Spoken

FILE = "blimp.jsonl"
SENTENCES = ("sentence_good", "sentence_bad")


def read(source: Path, options: Options) -> Layout:  # noqa: ARG001 - one signature for all benchmarks
    """All pairs, by paradigm (UID) and field. Raises UserError where there are no JSON lines."""
    layout = Layout()
    for path in json_files(source):
        for number, row in json_rows(path, layout):
            sentences = [row.get(name) for name in SENTENCES]
            paradigm = str(row.get("UID") or path.stem)
            name = f"{paradigm}/{row.get('pairID', number)}"
            if not all(isinstance(s, str) and s.strip() for s in sentences):
                layout.reject(name, f"no {' and '.join(SENTENCES)}", f"{path.name}, line {number}")
                continue
            kinds = (str(row["field"]).replace("/", "_"),) if row.get("field") else ()  # one field is spelt both ways
            choices = tuple(Spoken(str(s)) for s in sentences)
            layout.add(FILE, Choice(name, paradigm, Spoken(""), choices, 0, kinds=kinds))
    return layout


def is_in(folder: Path) -> bool:
    """Whether its JSON lines are pairs."""
    return begins_with(folder, *SENTENCES)


BENCHMARK = Benchmark("BLiMP's folder data: one *.jsonl a paradigm", ("blimp_original",), read, is_in=is_in)
