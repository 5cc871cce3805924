"""Small tales that are made up in no language, and then told in any."""

import random
from dataclasses import dataclass

from ssr_connector.tiny.languages.english import ENGLISH
from ssr_connector.tiny.languages.language import Language


@dataclass(frozen=True)
class Tale:
    """Who, where and when, by their places in the lists of every language, and what happens."""

    scene: int
    hero: int
    friend: int
    place: int
    time: int
    plot: str
    event: int


@dataclass(frozen=True)
class Told:
    """A tale in a language, sentence by sentence; `endings` are those of all events of its plot."""

    scene: str
    cause: str
    endings: tuple[str, ...]
    event: int

    @property
    def context(self) -> str:
        """All before the ending."""
        return f"{self.scene} {self.cause}"

    @property
    def sentences(self) -> tuple[str, str, str]:
        """All of it."""
        return self.scene, self.cause, self.endings[self.event]


def imagine(rng: random.Random) -> Tale:
    """Any tale; hero and friend are two people."""
    hero, friend = rng.sample(range(len(ENGLISH.people)), 2)
    plot = rng.choice(list(ENGLISH.plots))
    return Tale(
        rng.randrange(len(ENGLISH.scenes)),
        hero,
        friend,
        rng.randrange(len(ENGLISH.places)),
        rng.randrange(len(ENGLISH.times)),
        plot,
        rng.randrange(len(ENGLISH.plots[plot])),
    )


def tell(tale: Tale, language: Language) -> Told:
    """In the language's words."""
    named = {
        "hero": language.people[tale.hero],
        "friend": language.people[tale.friend],
        "place": language.places[tale.place],
        "time": language.times[tale.time],
    }
    events = language.plots[tale.plot]
    scene = language.scenes[tale.scene].format(**named)
    return Told(
        scene[0].upper() + scene[1:],
        events[tale.event][0].format(**named),
        tuple(ending.format(**named) for _, ending in events),
        tale.event,
    )
