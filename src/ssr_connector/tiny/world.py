"""All that is written in the tiny world: training text, utterances to be spoken, and tests that share neither."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from ssr_connector.tiny import facts, grammar, stories, tasks
from ssr_connector.tiny.questions import Quiz
from ssr_connector.tiny.tasks import ChoiceItem

LONGEST_UTTERANCE_WORDS = 26
LONE_WORD_SHARE = 0.05
DRILL_SHARE = 0.25
SHORTEST_SWUGGY_WORD = 4
ECHO_CUES = ("\nTranscript:", "\nAgain:", "\nThe same once more:", " Repeat that:")

_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class WorldSizes:
    """How many of each to make."""

    text_documents: int
    speech_train: int
    speech_stories: int
    speech_dev: int
    storycloze: int
    swuggy: int
    sblimp: int
    mmlu: int
    style: int
    dev_items: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"world size {name} is at least 1, not {value}")


@dataclass(frozen=True)
class Utterance:
    """One line to be spoken, cased and punctuated, without digits and symbols."""

    id: str
    text: str
    domain: str


@dataclass(frozen=True)
class World:
    """What was made; ``tests`` and ``dev`` are keyed by task. The LLM starts with the drills, then reads the text."""

    drills: list[str]
    text_train: list[str]
    text_dev: list[str]
    speech_train: list[Utterance]
    speech_stories: list[Utterance]
    speech_dev: list[Utterance]
    tests: dict[str, list[ChoiceItem]]
    dev: dict[str, list[ChoiceItem]]


def words_of(texts: list[str]) -> list[str]:
    """The distinct words of texts, sorted; in lower case where they ever are."""
    seen = {word for text in texts for word in _WORD.findall(text)}
    return sorted(word for word in seen if word.islower() or word.lower() not in seen)


class Writer:
    """Writes training text of every kind, never a sentence that is kept for tests."""

    def __init__(self, quiz: Quiz, kept: frozenset[str], rng: random.Random) -> None:
        self._quiz = quiz
        self._kept = kept
        self._rng = rng

    def story(self) -> list[str]:
        """A story's sentences, the ending last."""
        while True:
            story = stories.tell_any(self._rng)
            sentences = [*story.sentences, story.ending]
            if self._kept.isdisjoint(sentences):
                return sentences

    def grammar(self) -> str:
        """A grammatical sentence."""
        while True:
            sentence = grammar.contrast_any(self._rng).good
            if sentence not in self._kept:
                return sentence

    def document(self) -> str:
        """A document for the LLM, of any domain."""
        kinds: list[tuple[float, Callable[[], str]]] = [
            (0.06, self.echo),
            (0.29, lambda: " ".join(self.story())),
            (0.12, lambda: " ".join(self.grammar() for _ in range(self._rng.randint(1, 3)))),
            (0.08, lambda: self._quiz.statements(self._rng)),
            (0.10, lambda: self._quiz.answered_openly(self._rng)),
            (0.35, lambda: self._quiz.document(self._rng)),
        ]
        write = self._rng.choices([write for _, write in kinds], [weight for weight, _ in kinds])[0]
        return write()

    def echo(self) -> str:
        """Anything, and the same once more when asked: what a pretrained LLM has met in its text, and can do."""
        text = self._rng.choice((self.story_part, self.grammar, self.question, self.joined, self.fragment))()
        return f"{text}{self._rng.choice(ECHO_CUES)} {text}"

    def story_part(self) -> str:
        """A story, or some of its sentences in a row."""
        sentences = self.story()
        start = self._rng.randrange(len(sentences)) if self._rng.random() < 0.5 else 0
        end = self._rng.randint(start + 1, len(sentences)) if self._rng.random() < 0.7 else len(sentences)
        return " ".join(sentences[start:end])

    def question(self) -> str:
        """A training question, with or without its options read out."""
        question = self._quiz.ask("train", self._rng)
        return question.spoken if self._rng.random() < 0.5 else question.question

    def joined(self) -> str:
        """Two sentences that have nothing to do with each other."""
        kinds = (lambda: self._rng.choice(self.story()), self.grammar, lambda: self._quiz.state(self._rng))
        return f"{self._rng.choice(kinds)()} {self._rng.choice(kinds)()}"

    def fragment(self) -> str:
        """A few words in a row of anything, which may start and stop inside a sentence."""
        words = self._rng.choice((self.story_part, self.grammar, self.question, self.joined))().split()
        start = self._rng.randrange(len(words) - 1) if self._rng.random() < 0.5 else 0
        end = self._rng.randint(start + 1, len(words))
        return " ".join(words[start:end]).rstrip(",")

    def utterance(self, words: list[str]) -> tuple[str, str]:
        """A domain and something of it to say."""
        kinds: dict[str, tuple[float, Callable[[], str]]] = {
            "story": (0.40, self.story_part),
            "grammar": (0.12, self.grammar),
            "fact": (0.08, lambda: self._quiz.state(self._rng)),
            "question": (0.13, self.question),
            "joined": (0.10, self.joined),
            "fragment": (0.12, self.fragment),
            "word": (0.05, lambda: self._rng.choice(words)),
        }
        domain = self._rng.choices(list(kinds), [weight for weight, _ in kinds.values()])[0]
        return domain, kinds[domain][1]()


def _utterances(prefix: str, n: int, draw: Callable[[], tuple[str, str]], taken: set[str]) -> list[Utterance]:
    """``n`` utterances that can be said in one breath; only lone words may recur."""
    made: list[Utterance] = []
    while len(made) < n:
        domain, text = draw()
        if len(text.split()) > LONGEST_UTTERANCE_WORDS or (text in taken and domain != "word"):
            continue
        taken.add(text)
        made.append(Utterance(f"{prefix}-{len(made):06d}", text, domain))
    return made


def build_world(seed: int, sizes: WorldSizes) -> World:
    """Make a world: the same for the same seed and sizes. Tests come first, so that training can avoid their sentences.

    Raises ValueError where the language is too poor for the sizes asked.
    """

    def rng(purpose: str) -> random.Random:
        return random.Random(f"{seed}/{purpose}")

    quiz = Quiz(facts.invent(rng("facts")), rng("templates"))
    contexts: set[str] = set()
    tests = {
        "storycloze": tasks.storycloze("test", sizes.storycloze, contexts, rng("test stories")),
        "sblimp": tasks.sblimp("test", sizes.sblimp, rng("test grammar")),
        "mmlu": tasks.mmlu("test", quiz, sizes.mmlu, rng("test questions")),
        "mmlu_cloze": tasks.mmlu_cloze("test", quiz, sizes.mmlu, rng("test cloze questions")),
    }
    dev = {
        "storycloze": tasks.storycloze("dev", sizes.dev_items, contexts, rng("dev stories")),
        "mmlu": tasks.mmlu("dev", quiz, sizes.dev_items, rng("dev questions")),
    }
    items = [item for made in (tests, dev) for of_task in made.values() for item in of_task]
    kept = frozenset(sentence for item in items for sentence in item.sentences())

    writer = Writer(quiz, kept, rng("text"))
    n_words = round(sizes.text_documents * LONE_WORD_SHARE)
    documents = [writer.document() for _ in range(sizes.text_documents - n_words)]
    text_dev = [writer.document() for _ in range(max(1, sizes.text_documents // 100))]
    words = words_of(documents)
    lone = rng("words")
    text_train = [*documents, *(lone.choice(words) for _ in range(n_words))]
    lone.shuffle(text_train)
    speech, taken = Writer(quiz, kept, rng("speech")), set[str]()
    speech_train = _utterances("train", sizes.speech_train, lambda: speech.utterance(words), taken)
    speech_stories = _utterances("stories", sizes.speech_stories, lambda: ("story", speech.story_part()), taken)
    speech_dev = _utterances("dev", sizes.speech_dev, lambda: speech.utterance(words), taken)

    spoken = [utterance.text for part in (speech_train, speech_stories, speech_dev) for utterance in part]
    vocabulary = {word.lower() for word in (*words, *words_of(spoken))}
    judged = [word for word in words if word.islower() and len(word) >= SHORTEST_SWUGGY_WORD]
    tests["swuggy"] = tasks.swuggy(judged, vocabulary, sizes.swuggy, rng("non-words"))
    tests["style"] = tasks.style(tests["sblimp"], sizes.style, rng("styles"))
    driller = rng("drills")
    drills = [quiz.drill(driller) for _ in range(max(1, round(sizes.text_documents * DRILL_SHARE)))]
    return World(drills, text_train, text_dev, speech_train, speech_stories, speech_dev, tests, dev)
