"""Published benchmarks in their original layouts, as questions that `ssr evaluate` reads."""

from ssr_connector.evaluation.benchmarks import (
    blimp,
    mmlu,
    multiple_choice,
    salmon,
    sblimp,
    storycloze,
    style,
    swuggy,
    table,
)
from ssr_connector.evaluation.benchmarks.layout import Benchmark

# name → how it is read; every one is a file of this package
BENCHMARKS: dict[str, Benchmark] = {
    "mmlu": mmlu.BENCHMARK,
    "storycloze": storycloze.BENCHMARK,
    "swuggy": swuggy.BENCHMARK,
    "sblimp": sblimp.BENCHMARK,
    "salmon": salmon.BENCHMARK,
    "table": table.BENCHMARK,
    "style": style.BENCHMARK,
    "blimp": blimp.BENCHMARK,
    "multiple_choice": multiple_choice.BENCHMARK,
}
