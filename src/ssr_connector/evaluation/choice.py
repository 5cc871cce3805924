"""Questions with several answers of which one is right, each part written, spoken, or both; and their scores.

StoryCloze, sWUGGY, sBLIMP, MMLU and Speech-MMLU are all of this kind: the answer with the highest log-likelihood
wins. A file holds one question a line (JSON), see `read_choices`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ssr_connector.errors import UserError
from ssr_connector.model.modeling import SSRForConditionalGeneration
from ssr_connector.model.scoring import Part, Score

Normalise = Literal["sum", "mean"]
WORDS = ("group", "prompt", "written", "cluster", "speaker")  # fields of a question that are texts, and may be missing


@dataclass(frozen=True)
class Spoken:
    """Something that is written, and where there is one, its recording."""

    text: str
    audio: str = ""


@dataclass(frozen=True)
class Example:
    """A question that is answered: said, where there is a recording of it, and what is written after it."""

    context: Spoken
    written: str  # up to the next question: a prompt and the answer


@dataclass(frozen=True)
class Choice:
    """One question."""

    id: str
    group: str
    context: Spoken
    choices: tuple[Spoken, ...]
    answer: int
    prompt: str = ""  # written, between a spoken context and the choices
    written: str = ""  # the context of text mode where that is laid out differently from what is spoken
    cluster: str = ""  # items of one cluster are drawn together for intervals; empty: the item stands alone
    speaker: str = ""
    kinds: tuple[str, ...] = ()  # further labels that scores are broken down by, beside the group
    examples: tuple[Example, ...] = ()  # to stand before the context; `Suite` keeps as many as asked, or draws them

    @property
    def contexts(self) -> tuple[Spoken, ...]:
        """What comes before the choices, in its order: the examples and its own."""
        return (*(example.context for example in self.examples), self.context)


def read_choices(path: Path) -> list[Choice]:
    """Questions of a JSON lines file; recordings are relative to it. Raises UserError that names the bad line."""
    items: list[Choice] = []
    first: dict[str, int] = {}  # lines
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # splitlines would also split inside of texts, at U+2028
    except OSError as error:
        raise UserError(f"cannot read the task {path}: {error.strerror}") from error
    for number, line in enumerate(lines if lines[-1] else lines[:-1], 1):
        try:
            row = json.loads(line)
            for key in ("id", *WORDS):
                is_text(row, key)
            context = spoken(row.get("context", {}), path.parent)
            choices = tuple(spoken(c, path.parent) for c in row["choices"])
            item = Choice(
                id=row["id"],
                context=context,
                choices=choices,
                answer=row["answer"],
                kinds=tuple(row.get("kinds", ())),
                examples=tuple(answered(e, path.parent) for e in row.get("examples", ())),
                **{key: row.get(key, "") for key in WORDS},
            )
            if not 0 <= item.answer < len(choices) or len(choices) < 2:
                raise ValueError("the answer is none of the choices")
            if not isinstance(row.get("kinds", []), list):
                raise ValueError("kinds is not a list")
            if not isinstance(row.get("examples", []), list):
                raise ValueError("examples is not a list")
            if first.setdefault(item.id, number) != number:
                raise ValueError(f"line {first[item.id]} has the id {item.id!r}, too")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}, line {number}, is not a question ({error})") from error
        items.append(item)
    if not items:
        raise UserError(f"{path} holds no questions")
    return items


def is_text(row: dict[str, Any], key: str) -> None:
    """Raise ValueError where there is a value that is none, and JSON's null is."""
    if not isinstance(row.get(key, ""), str):
        raise ValueError(f"{key} is not a text")


def spoken(row: dict[str, Any], folder: Path) -> Spoken:
    """Text and recording of a part. Raises ValueError where one of them is no text."""
    for key in ("text", "audio"):
        is_text(row, key)
    audio = row.get("audio", "")
    return Spoken(row.get("text", ""), str(folder / audio) if audio else "")


def answered(row: str | dict[str, Any], folder: Path) -> Example:
    """An example, of which a text alone is all written. Raises ValueError where it is neither that nor heard."""
    if isinstance(row, str):
        return Example(Spoken(""), row)
    if not isinstance(row, dict) or not isinstance(row.get("written"), str):
        raise ValueError("an example is neither a text nor a context with what is written after it")
    return Example(spoken(row.get("context", {}), folder), row["written"])


# Each mode says of what a question's context and choices are made for the model.
Parts = Callable[[Choice], tuple[list[Part], list[list[Part]]]]


@dataclass(frozen=True)
class Outcome:
    """Per question: 1 right, ½ for a tie among n best counts 1/n, 0 wrong."""

    correct: list[float]
    ties: int
    values: list[list[float]] = field(default_factory=list)  # what each choice scored
    n_cut: int = 0  # questions that the LLM's context had no room for, and that lost their beginning


def score_choices(
    model: SSRForConditionalGeneration,
    items: Sequence[Choice],
    parts: Parts,
    normalise: Normalise,
    batch_tokens: int,
) -> Outcome:
    """Score every choice given its context, and see which wins."""
    pairs: list[tuple[list[Part], list[Part]]] = []
    for item in items:
        context, choices = parts(item)
        pairs += [(context, choice) for choice in choices]
    scores = iter(model.loglikelihood(pairs, batch_tokens))
    found = [[next(scores) for _ in item.choices] for item in items]
    outcome = judge(items, [[value(score, normalise) for score in each] for each in found])
    return replace(outcome, n_cut=sum(any(score.n_cut for score in each) for each in found))


def judge(items: Sequence[Choice], values: list[list[float]]) -> Outcome:
    """See which choice wins, given what each scored."""
    correct, ties = [], 0
    for item, found in zip(items, values, strict=True):
        best = [i for i, v in enumerate(found) if v == max(found)]
        ties += len(best) > 1
        correct.append(1 / len(best) if item.answer in best else 0.0)
    return Outcome(correct, ties, values)


def value(score: Score, normalise: Normalise) -> float:
    """What is compared. Nothing heard scores -inf either way, so that silence never wins."""
    if not score.n_tokens:
        return float("-inf")
    return score.mean if normalise == "mean" else score.total
