"""sWUGGY of ZeroSpeech 2021: a word against a made-up one (lexical/dev/gold.csv, lexical/test/gold.csv)."""

from bisect import bisect_right
from pathlib import Path

from ssr_connector.evaluation.benchmarks.layout import Benchmark, Layout, Options
from ssr_connector.evaluation.benchmarks.rows import Row
from ssr_connector.evaluation.benchmarks.zerospeech import layout_of, read_pairs

# Occurrences of the word in LibriSpeech, in the challenge's own bands: 5 falls into the one that is called 6-20.
EDGES, BANDS = (1, 5, 20, 100), ("oov", "1-5", "6-20", "21-100", ">100")


def read(source: Path, options: Options) -> Layout:
    """All pairs of a split, by frequency and by length in phones."""
    return layout_of("swuggy.jsonl", read_pairs(source, "lexical", options.split, ("id",), "word", labels))


def labels(row: Row) -> tuple[str, tuple[str, ...]]:
    """Frequency band, and length; empty where gold.csv does not say."""
    length = row.get("length", "").strip()
    return band(row.get("frequency", "")), (f"{length} phones",) if length else ()


def band(frequency: str) -> str:
    """The name of a band; empty where the frequency is not a number."""
    try:
        return f"frequency {BANDS[bisect_right(EDGES, float(frequency))]}"
    except ValueError:
        return ""


def is_in(folder: Path) -> bool:
    """Whether there is the part of ZeroSpeech's folder."""
    return (folder / "lexical").is_dir()


BENCHMARK = Benchmark(
    "ZeroSpeech 2021's folder: lexical/dev/gold.csv, *.wav", ("swuggy", "wuggy"), read, ("split",), is_in
)
