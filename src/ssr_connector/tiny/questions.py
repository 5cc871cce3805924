"""Multiple-choice questions about the facts of the world, some ways of asking held out for the tests."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ssr_connector.tiny.facts import Fact

LETTERS = ("A", "B", "C", "D")
SPOKEN_PROMPT, WRITTEN_PROMPT = " The answer is:", "\nAnswer:"
HEADER = "The following are multiple choice questions (with answers) about {subject}.\n\n"


@dataclass(frozen=True)
class Question:
    """A question with four options; ``answer`` is the index of the right one."""

    subject: str
    question: str
    options: tuple[str, ...]
    answer: int

    @property
    def written(self) -> str:
        """One option a line, up to and including ``Answer:``."""
        return "\n".join((self.question, *_listed(self.options))) + WRITTEN_PROMPT

    @property
    def spoken(self) -> str:
        """One line that is natural to speak, without the prompt for the answer."""
        return f"{self.question} {_read_out(self.options)}"

    @property
    def letter(self) -> str:
        """The right option's letter."""
        return LETTERS[self.answer]


class Quiz:
    """Asks about facts.

    Of every fact's ways of asking, one is kept for tests and one for development: those question sentences are never
    part of training, while the fact itself is (stated, and asked in the other ways).
    """

    def __init__(self, facts: tuple[Fact, ...], rng: random.Random) -> None:
        self.facts = facts
        self._values = sorted({value for fact in facts for value in fact.relation.values})
        self._templates: dict[str, list[tuple[Fact, int]]] = {"test": [], "dev": [], "train": []}
        for fact in facts:
            order = rng.sample(range(len(fact.relation.templates)), len(fact.relation.templates))
            for rank, template in enumerate(order):
                part = ("test", "dev")[rank] if rank < 2 else "train"
                self._templates[part].append((fact, template))

    def ask(self, part: str, rng: random.Random) -> Question:
        """A question of ``part`` ("test", "dev" or "train")."""
        return self._ask(*rng.choice(self._templates[part]), rng)

    def ask_each(self, part: str, rng: random.Random) -> list[Question]:
        """Every question of ``part`` once, in random order."""
        return [self._ask(fact, template, rng) for fact, template in rng.sample(self._templates[part], len(self.facts))]

    def _ask(self, fact: Fact, template: int, rng: random.Random) -> Question:
        return _with_options(fact.subject, fact.question(template), fact.value, fact.relation.values, rng)

    def state(self, rng: random.Random) -> str:
        """A fact as a statement."""
        fact = rng.choice(self.facts)
        return fact.statement(rng.randrange(len(fact.relation.statements)))

    def statements(self, rng: random.Random) -> str:
        """A paragraph of statements about one subject."""
        subject = rng.choice(self.facts).subject
        facts = [fact for fact in self.facts if fact.subject == subject]
        chosen = rng.sample(facts, rng.randint(1, 4))
        return " ".join(fact.statement(rng.randrange(len(fact.relation.statements))) for fact in chosen)

    def answered_openly(self, rng: random.Random) -> str:
        """Training questions answered by their value, without options."""
        asked = rng.sample(self._templates["train"], rng.randint(2, 5))
        prompt = rng.choice((SPOKEN_PROMPT, WRITTEN_PROMPT))
        return "\n\n".join(f"{fact.question(template)}{prompt} {fact.value}" for fact, template in asked)

    def document(self, rng: random.Random) -> str:
        """One to six answered training questions with options, all written or all in the spoken form.

        Some documents practise one half of the skill: finding the letter of a given option, or of a fact just stated.
        """
        n = rng.choice((1, 1, 2, 2, 3, 6))
        spoken = rng.random() < 0.5
        kind = rng.random()
        if kind < 0.1:
            return self.drill(rng)
        if kind < 0.3:
            return "\n\n".join(self._open_book(spoken, rng) for _ in range(n))
        asked = [self.ask("train", rng) for _ in range(n)]
        header = HEADER.format(subject=asked[0].subject) if not spoken and rng.random() < 0.15 else ""
        return header + "\n\n".join(_answered(question, spoken) for question in asked)

    def drill(self, rng: random.Random) -> str:
        """Four options of any kind, and then the letters of some of them.

        A model this small finds out how to look a letter up only after some half a million tokens of this; among
        stories and questions alone it takes many times more.
        """
        values = rng.sample(self._values, len(LETTERS))
        options = _read_out(values) if rng.random() < 0.6 else "\n".join(("", *_listed(values), ""))
        pairs = rng.choices(list(zip(values, LETTERS, strict=True)), k=6)
        colon = rng.choice(("", "", ":"))  # straight from the word it is one step of looking back fewer
        return f"{options} {' '.join(f'{value}{colon} {letter}' for value, letter in pairs)}"

    def _open_book(self, spoken: bool, rng: random.Random) -> str:
        """A fact and a question about it: the answer can be read off."""
        fact, template = rng.choice(self._templates["train"])
        statement = fact.statement(rng.randrange(len(fact.relation.statements)))
        return f"{statement} {_answered(self._ask(fact, template, rng), spoken)}"


def _listed(options: Sequence[str]) -> list[str]:
    return [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=True)]


def _read_out(options: Sequence[str]) -> str:
    return " ".join(f"{letter}, {option}." for letter, option in zip(LETTERS, options, strict=True))


def _answered(question: Question, spoken: bool) -> str:
    prompt = question.spoken + SPOKEN_PROMPT if spoken else question.written
    return f"{prompt} {question.letter}"


def _with_options(subject: str, question: str, right: str, values: tuple[str, ...], rng: random.Random) -> Question:
    wrong = rng.sample([value for value in values if value != right], len(LETTERS) - 1)
    answer = rng.randrange(len(LETTERS))
    return Question(subject, question, (*wrong[:answer], right, *wrong[answer:]), answer)
