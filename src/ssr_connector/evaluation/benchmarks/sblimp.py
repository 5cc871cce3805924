"""sBLIMP of ZeroSpeech 2021: a grammatical sentence against one that is not (syntactic/dev/gold.csv or test/)."""

from pathlib import Path

from ssr_connector.evaluation.benchmarks.layout import Benchmark, Layout, Options
from ssr_connector.evaluation.benchmarks.rows import Row
from ssr_connector.evaluation.benchmarks.zerospeech import layout_of, read_pairs

KEY = ("type", "subtype", "id")  # ids begin anew in every subtype


def read(source: Path, options: Options) -> Layout:
    """All pairs of a split, by the type of the error."""
    return layout_of("sblimp.jsonl", read_pairs(source, "syntactic", options.split, KEY, "transcription", labels))


def labels(row: Row) -> tuple[str, tuple[str, ...]]:
    """The type alone, as the challenge reports it."""
    return row["type"], ()


def is_in(folder: Path) -> bool:
    """Whether there is the part of ZeroSpeech's folder."""
    return (folder / "syntactic").is_dir()


BENCHMARK = Benchmark(
    "ZeroSpeech 2021's folder: syntactic/dev/gold.csv, *.wav", ("sblimp", "blimp"), read, ("split",), is_in
)
