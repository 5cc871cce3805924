"""A written question before it is read out, of any benchmark that `ssr import-benchmark` reads for reading.

Three kinds: a question with lettered options (MMLU), a question whose answers are compared as they stand (ARC, PIQA …,
the beginning of a story), and sentences of which one is right (BLiMP, Winograd), where nothing is asked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ssr_connector.evaluation.benchmarks import blimp, mmlu, multiple_choice, storycloze
from ssr_connector.evaluation.benchmarks.layout import Layout, Options
from ssr_connector.evaluation.choice import Choice

LISTED = re.compile(r"^(?P<query>.*?)\nChoices:\n(?P<options>.*?)\nAnswer:$", re.DOTALL)


@dataclass(frozen=True)
class Question:
    """What is asked, and the options; before it stand the first ``shots`` of ``examples`` that can be asked aloud."""

    id: str
    group: str
    text: str  # empty where sentences are compared
    options: tuple[str, ...]
    answer: int
    lettered: bool = False
    written: str = ""  # the whole prompt as it is read
    examples: tuple["Question", ...] = ()
    shots: int = 0
    kinds: tuple[str, ...] = ()
    task: str = ""  # of `ssr evaluate`, where its kind does not say which


@dataclass(frozen=True)
class Source:
    """A benchmark that can be spoken; ``read`` raises UserError where its layout is not there."""

    read: Callable[[Path, Options], tuple[list[Question], Layout]]
    options: tuple[str, ...] = ()


def read_mmlu(source: Path, options: Options) -> tuple[list[Question], Layout]:
    """Hendrycks' folder. Examples are of dev/, and of val/ behind them where test/ is asked and val/ is there."""
    rows, layout = mmlu.read_rows(source, options)
    shots, examples, questions = mmlu.wanted(options), dict[str, tuple[Question, ...]](), []
    for row in rows:
        item = mmlu.question(row, options)
        if item.group not in examples:
            spare = shots > 0 and layout.split == "test"
            splits = {"dev": row.examples}
            splits["val"] = mmlu.read_split(source, "val", row.subject, layout) if spare else []
            examples[item.group] = tuple(
                lettered(f"{row.subject}/{split}{k}", item.group, fields)
                for split, lines in splits.items()
                for k, fields in enumerate(lines)
            )
        plain = lettered(item.id, item.group, row.fields)
        questions.append(replace(plain, written=item.written, examples=examples[item.group], shots=shots))
    return questions, layout


def lettered(name: str, group: str, fields: list[str]) -> Question:
    """A line of MMLU: question, options, letter."""
    text, *options, letter = fields
    return Question(name, group, text, tuple(options), mmlu.LETTERS.index(letter), lettered=True)


def read_blimp(source: Path, options: Options) -> tuple[list[Question], Layout]:
    """BLiMP's pairs."""
    layout = blimp.read(source, options)
    return [compared(item) for items in layout.questions.values() for item in items], layout


def read_multiple_choice(source: Path, options: Options) -> tuple[list[Question], Layout]:
    """JSON lines with query, choices and gold."""
    layout = multiple_choice.read(source, options)
    return [compared(item) for items in layout.questions.values() for item in items], layout


def read_storycloze(source: Path, options: Options) -> tuple[list[Question], Layout]:
    """The stories of the CSV."""
    layout = storycloze.read(source, options)
    stories = layout.questions.get(storycloze.WRITTEN_FILE, [])
    return [
        Question(s.id, s.group, s.context.text, tuple(c.text for c in s.choices), s.answer, task="storycloze")
        for s in stories
    ], layout


def compared(item: Choice) -> Question:
    """A question without what tells a reader where it begins and ends; options that it lists become its answers."""
    text, options = item.context.text, tuple(c.text for c in item.choices)
    listed = LISTED.match(text)
    if listed:
        answers = [line.partition(". ") for line in listed["options"].split("\n")]
        if tuple(letter for letter, _, _ in answers) == options:
            text, options = listed["query"], tuple(answer for _, _, answer in answers)
    text = re.sub(r"(^|\n)(?:Question|Context): ?", r"\1", text).removesuffix("Answer:").strip()
    return Question(item.id, item.group, text, options, item.answer, kinds=item.kinds)


SOURCES = {
    "speech-mmlu": Source(read_mmlu, ("split", "shots", "header")),
    "speech-storycloze": Source(read_storycloze, ("split",)),
    "speech-blimp": Source(read_blimp),
    "speech-multiple-choice": Source(read_multiple_choice),
}
