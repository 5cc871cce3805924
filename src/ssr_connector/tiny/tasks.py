"""The tests of the tiny world, every item a choice between texts."""

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat

from ssr_connector.tiny import grammar, stories
from ssr_connector.tiny.nonwords import matched_nonwords
from ssr_connector.tiny.questions import LETTERS, Quiz

STYLES = {"rate": ("slow", "fast"), "pitch": ("low", "high"), "emphasis": ("flat", "lively")}

_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")


@dataclass(frozen=True)
class ChoiceItem:
    """A context and choices, of which ``answer`` is the index of the right one.

    ``group`` is what results are broken down by: "true" (a wrong ending of the same schema) or "random" for storycloze,
    the phenomenon for sblimp, the subject for mmlu, what is varied for style. ``spoken`` is the context as it is read
    out.
    """

    id: str
    task: str
    context: str
    choices: tuple[str, ...]
    answer: int
    group: str
    spoken: str

    def sentences(self) -> set[str]:
        """Every sentence that training text must not contain."""
        if self.task in ("mmlu", "mmlu_cloze"):
            return {self.context.partition("\n")[0]}
        if self.task in ("swuggy", "style"):
            return set()
        return {sentence for text in (self.context, *self.choices) if text for sentence in split_sentences(text)}


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, options of a question included."""
    return _SENTENCE_END.split(text)


def _collect(draws: Iterable[Callable[[], ChoiceItem]], prefix: str, taken: set[str]) -> list[ChoiceItem]:
    """One item of every draw, none with a context (or, without one, choices) that is in ``taken``, which grows.

    Raises ValueError where there is nothing new to draw.
    """
    items: list[ChoiceItem] = []
    for draw in draws:
        for _ in range(1000):
            item = draw()
            key = item.context or " / ".join(item.choices)
            if key not in taken:
                break
        else:
            raise ValueError(f"there are no more than {len(items)} different items of {item.task}")
        taken.add(key)
        items.append(replace(item, id=f"{prefix}-{item.task}-{len(items):05d}"))
    return items


def storycloze(prefix: str, n: int, taken: set[str], rng: random.Random) -> list[ChoiceItem]:
    """Which ending follows: half of the wrong ones belong to the same schema, half to a story of another schema.

    No context is in ``taken``, which grows.
    """

    def draw(group: str) -> ChoiceItem:
        story = stories.tell_any(rng)
        wrong = rng.choice(story.wrong_endings) if group == "true" else _ending_elsewhere(story, rng)
        answer = rng.randrange(2)
        choices = (story.ending, wrong) if answer == 0 else (wrong, story.ending)
        return ChoiceItem("", "storycloze", story.context, choices, answer, group, story.context)

    draws = (partial(draw, ("true", "random")[i % 2]) for i in range(n))
    return _collect(draws, prefix, taken)


def _ending_elsewhere(story: stories.Story, rng: random.Random) -> str:
    while True:
        other = stories.tell_any(rng)
        if other.schema != story.schema:
            return other.ending


def sblimp(prefix: str, n: int, rng: random.Random) -> list[ChoiceItem]:
    """Which sentence is grammatical; the phenomena take turns."""

    def draw(phenomenon: Callable[[random.Random], grammar.Contrast]) -> ChoiceItem:
        contrast = phenomenon(rng)
        return ChoiceItem("", "sblimp", "", (contrast.good, contrast.bad), 0, contrast.phenomenon, "")

    draws = (partial(draw, grammar.PHENOMENA[i % len(grammar.PHENOMENA)]) for i in range(n))
    return _collect(draws, prefix, set())


def mmlu(part: str, quiz: Quiz, n: int, rng: random.Random) -> list[ChoiceItem]:
    """Which option answers the question; the ways of asking are those kept for ``part`` ("test" or "dev")."""

    def draw() -> ChoiceItem:
        question = quiz.ask(part, rng)
        return ChoiceItem("", "mmlu", question.written, LETTERS, question.answer, question.subject, question.spoken)

    return _collect(repeat(draw, n), part, set())


def mmlu_cloze(part: str, quiz: Quiz, n: int, rng: random.Random) -> list[ChoiceItem]:
    """The same questions without options in sight: which value is likelier as the answer; at most one item a question.

    The form for models that have not learnt to answer with letters (OLMES, arXiv 2406.08446).
    """
    return [
        ChoiceItem(f"{part}-mmlu_cloze-{i:05d}", "mmlu_cloze", q.question, q.options, q.answer, q.subject, q.question)
        for i, q in enumerate(quiz.ask_each(part, rng)[:n])
    ]


def swuggy(words: list[str], vocabulary: set[str], n: int, rng: random.Random) -> list[ChoiceItem]:
    """Which of two is a word."""
    pairs = matched_nonwords(words, vocabulary, n, rng)
    return [ChoiceItem(f"test-swuggy-{i:05d}", "swuggy", "", pair, 0, "", "") for i, pair in enumerate(pairs)]


def style(sentences: list[ChoiceItem], n: int, rng: random.Random) -> list[ChoiceItem]:
    """How a sentence is said: the right ones of ``sentences`` (of sblimp), each in every style, in random order.

    So words say nothing about styles; training has none of these sentences.
    """
    ways = [(kind, styles, k) for kind, styles in STYLES.items() for k in range(2)]
    items = []
    for i in range(n):
        kind, styles, answer = ways[i % len(ways)]
        sentence = sentences[i // len(ways) % len(sentences)].choices[0]
        items.append(ChoiceItem(f"test-style-{i:05d}", "style", "", styles, answer, kind, sentence))
    rng.shuffle(items)
    return items
