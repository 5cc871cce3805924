"""All that is written and said of the tales: the same ones in every language, tests apart from training."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from ssr_connector.tiny.languages import LANGUAGES
from ssr_connector.tiny.languages.english import ENGLISH
from ssr_connector.tiny.languages.language import Language
from ssr_connector.tiny.languages.tales import Tale, imagine, tell
from ssr_connector.tiny.tasks import ChoiceItem
from ssr_connector.tiny.world import Utterance

TASK = "tales"
OPTIONS = 4  # endings of a test item, one of them right
TALES_A_DOCUMENT = 4
# Sentences of a tale that an utterance is made of, from one to before another, and how often.
STRETCHES = {(0, 1): 3, (1, 2): 1, (2, 3): 1, (0, 2): 3, (1, 3): 1, (0, 3): 1}


@dataclass(frozen=True)
class TaleSizes:
    """How many documents of all languages together, and how many of the others of each language."""

    documents: int
    train: int
    dev: int
    test: int
    items: int

    @classmethod
    def like(cls, world: dict[str, Any]) -> "TaleSizes":
        """As much text and speech in all as a tiny world of these sizes has, and as many stories to be tested on."""
        share, half = len(LANGUAGES), world["speech_dev"] // 2
        return cls(
            world["text_documents"] // TALES_A_DOCUMENT,
            max(1, world["speech_train"] // share),
            max(1, half // share),
            max(1, half),
            world["storycloze"],
        )


@dataclass(frozen=True)
class Said:
    """What is said in one language. The ids of `test` and `items` are the same in all languages, so that they pair."""

    train: list[Utterance]
    dev: list[Utterance]
    test: list[Utterance]
    items: list[ChoiceItem]


@dataclass(frozen=True)
class TaleWorld:
    """Documents, each in one language, and speech by language."""

    text_train: list[str]
    text_dev: list[str]
    said: dict[str, Said]
    drills: list[str]


@dataclass(frozen=True)
class Stretch:
    """Some sentences of a tale in a row."""

    tale: Tale
    start: int
    end: int

    def text(self, language: Language) -> str:
        """In a language."""
        return " ".join(tell(self.tale, language).sentences[self.start : self.end])


def build_tales(seed: int, sizes: TaleSizes) -> TaleWorld:
    """The same for the same seed and sizes. No training text has the first sentence of a test."""

    def rng(purpose: str) -> random.Random:
        return random.Random(f"{seed}/{purpose}")

    kept: set[str] = set()  # first sentences, in English: what differs there differs in every language
    asked = draw_tales(sizes.items, kept, rng("test tales"))
    kept |= {tell(tale, ENGLISH).scene for tale in asked}
    test = draw_stretches(sizes.test, kept, rng("test speech"))
    kept |= {tell(stretch.tale, ENGLISH).scene for stretch in test}
    spoken = draw_stretches(sizes.train + sizes.dev, kept | {s.text(ENGLISH) for s in test}, rng("speech"))
    train, dev = spoken[: sizes.train], spoken[sizes.train :]
    said = {
        code: Said(
            utterances(f"{code}-train", train, language),
            utterances(f"{code}-dev", dev, language),
            utterances("test", test, language),
            items(asked, language, rng("endings")),
        )
        for code, language in LANGUAGES.items()
    }
    n_dev = max(len(LANGUAGES), sizes.documents // 100)
    writer = rng("text")
    documents = [
        document(draw_tales(TALES_A_DOCUMENT, kept, writer), language)
        for language in islice(cycle(LANGUAGES.values()), sizes.documents + n_dev)
    ]
    return TaleWorld(documents[n_dev:], documents[:n_dev], said, [])


def draw_tales(n: int, kept: set[str], rng: random.Random) -> list[Tale]:
    """Tales with first sentences that differ from each other and are none of those that are kept."""
    found: dict[str, Tale] = {}
    while len(found) < n:
        tale = imagine(rng)
        scene = tell(tale, ENGLISH).scene
        if scene not in kept:
            found[scene] = tale
    return list(found.values())


def draw_stretches(n: int, kept: set[str], rng: random.Random) -> list[Stretch]:
    """Stretches that differ from each other and from those that are kept, of tales that are not kept either."""
    found: dict[str, Stretch] = {}
    while len(found) < n:
        start, end = rng.choices(list(STRETCHES), list(STRETCHES.values()))[0]
        stretch = Stretch(imagine(rng), start, end)
        text = stretch.text(ENGLISH)
        if text not in kept and tell(stretch.tale, ENGLISH).scene not in kept:
            found[text] = stretch
    return list(found.values())


def utterances(prefix: str, stretches: Sequence[Stretch], language: Language) -> list[Utterance]:
    """To be spoken in a language."""
    return [Utterance(f"{prefix}-{k:06d}", s.text(language), TASK) for k, s in enumerate(stretches)]


def items(tales: Sequence[Tale], language: Language, rng: random.Random) -> list[ChoiceItem]:
    """Which ending follows: the tale's own, among those of other events of its plot."""
    made = []
    for k, tale in enumerate(tales):
        told = tell(tale, language)
        events = rng.sample([e for e in range(len(told.endings)) if e != tale.event], OPTIONS - 1)
        answer = rng.randrange(OPTIONS)
        events.insert(answer, tale.event)
        choices = tuple(told.endings[e] for e in events)
        made.append(ChoiceItem(f"test-{TASK}-{k:05d}", TASK, told.context, choices, answer, tale.plot, told.context))
    return made


def document(tales: Sequence[Tale], language: Language) -> str:
    """Whole tales, one after another."""
    return " ".join(sentence for tale in tales for sentence in tell(tale, language).sentences)
