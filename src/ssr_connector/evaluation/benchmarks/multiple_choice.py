"""Written questions with several answers, as JSON lines: ARC, PIQA, OpenBookQA, Winograd … in llm-foundry's form.

A line has `query`, `choices` and `gold` (which of them, from 0), or `context_options`, `continuation` and `gold`. Of
the second kind (Winograd) whole sentences are compared, each option with the continuation after it, while llm-foundry
compares the continuation alone. A query that begins with "Question:" and asks for no answer yet gets "Answer:" below.
"""

from pathlib import Path
from typing import Any

from ssr_connector.evaluation.benchmarks.layout import Benchmark, Layout, Options
from ssr_connector.evaluation.benchmarks.lines import begins_with, json_files, json_rows
from ssr_connector.evaluation.choice import Choice, Spoken

FILE = "multiple_choice.jsonl"
ANSWER = "\nAnswer:"


def read(source: Path, options: Options) -> Layout:  # noqa: ARG001 - one signature for all benchmarks
    """All questions, by the name of their file. Raises UserError where there are no JSON lines."""
    layout = Layout()
    for path in json_files(source):
        for number, row in json_rows(path, layout):
            name = f"{path.stem}/{number}"
            context, choices = parts(row)
            gold = row.get("gold")
            if len(choices) < 2:
                layout.reject(name, "no choices", "neither query and choices nor context_options and continuation")
            elif not isinstance(gold, int) or isinstance(gold, bool) or not 0 <= gold < len(choices):
                layout.reject(name, "no such answer", f"gold is {gold!r}, there are {len(choices)} choices")
            else:
                answers = tuple(Spoken(text) for text in choices)
                layout.add(FILE, Choice(name, path.stem, Spoken(context), answers, gold))
    return layout


def parts(row: dict[str, Any]) -> tuple[str, list[str]]:
    """What is read first, and the choices; no choices where a line is of neither kind."""
    query, choices = row.get("query"), row.get("choices")
    if isinstance(query, str) and texts(choices):
        query = query.rstrip()
        ends = query.startswith("Question:") and not query.endswith("Answer:")
        return query + ANSWER * ends, [text.strip() for text in choices or ()]
    beginnings, continuation = row.get("context_options"), row.get("continuation")
    if texts(beginnings) and isinstance(continuation, str) and continuation.strip():
        return "", [f"{text.strip()} {continuation.strip()}" for text in beginnings or ()]
    return "", []


def texts(value: object) -> bool:
    """Whether it is a list of texts, none of them empty."""
    return isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value)


def is_in(folder: Path) -> bool:
    """Whether its JSON lines are of either kind."""
    return begins_with(folder, "query", "context_options")


BENCHMARK = Benchmark(
    "JSON lines with query, choices, gold: a file or a folder", ("multiple_choice",), read, is_in=is_in
)
