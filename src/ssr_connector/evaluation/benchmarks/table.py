"""Your own pairs: a TSV or CSV with the columns positive and negative (recordings), perhaps id, group and speaker."""

from pathlib import Path

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.layout import Benchmark, Layout, Options
from ssr_connector.evaluation.benchmarks.rows import read_rows
from ssr_connector.evaluation.choice import Choice, Spoken

FILE = "pairs.jsonl"
REQUIRED, OPTIONAL = ("positive", "negative"), ("id", "group", "speaker")
SUFFIXES = (".tsv", ".csv")


def read(source: Path, options: Options) -> Layout:  # noqa: ARG001 - one signature for all benchmarks
    """Every row; recordings are relative to the table. Raises UserError where it is no table with these columns."""
    if source.suffix.lower() not in SUFFIXES or source.is_dir():
        raise UserError(f"{source} is not a table: give a file ending in {' or '.join(SUFFIXES)}")
    layout = Layout()
    others: set[str] = set()
    for number, row in read_rows(source, REQUIRED, layout):
        others |= row.keys() - {*REQUIRED, *OPTIONAL}
        paths = [row[column].strip() for column in REQUIRED]
        name = row.get("id", "").strip() or f"line {number}"
        if not all(paths):
            layout.reject(name, "no path", f"line {number} lacks one of its two recordings")
            continue
        choices = tuple(Spoken("", str(source.parent / path)) for path in paths)
        group, speaker = (row.get(column, "").strip() for column in ("group", "speaker"))
        layout.add(FILE, Choice(name, group, Spoken(""), choices, 0, speaker=speaker))
    for column in sorted(others):
        layout.remark(column, "a column that is not read", f"known are {', '.join((*REQUIRED, *OPTIONAL))}")
    return layout


BENCHMARK = Benchmark("a TSV or CSV with the columns positive, negative (id, group, speaker)", ("pairs",), read)
