"""Speech as it comes: fillers, repetitions and false starts, spoken but not part of what counts as the text."""

import random
import re
from dataclasses import dataclass

FILLERS = ("um,", "uh,", "er,", "well,")
_START = re.compile(r"[^aeiou]*[aeiou]+[^aeiou]", re.IGNORECASE)  # what can be said of a word that is broken off
SHORTEST_BROKEN_OFF = 4


@dataclass(frozen=True)
class SpokenWord:
    """A word as it is said, and whether it belongs to the text."""

    text: str
    is_text: bool


@dataclass(frozen=True)
class Spontaneity:
    """How often something comes before a word of the text: shares of the words."""

    fillers: float = 0.0
    repetitions: float = 0.0  # the word itself
    false_starts: float = 0.0  # its first syllable, of words that are long enough

    def __call__(self, text: str, rng: random.Random) -> list[SpokenWord]:
        """What is said for a text; its own words stay in order, each of them there."""
        said: list[SpokenWord] = []
        for word in text.split():
            filler, repeated, started = (rng.random() for _ in range(3))
            if filler < self.fillers:
                said.append(SpokenWord(rng.choice(FILLERS), is_text=False))
            if repeated < self.repetitions:
                said.append(SpokenWord(bare(word), is_text=False))
            start = broken_off(word)
            if start and started < self.false_starts:
                said.append(SpokenWord(start, is_text=False))
            said.append(SpokenWord(word, is_text=True))
        return said


def bare(word: str) -> str:
    """A word without the punctuation around it, which would end the sentence."""
    return word.strip(".,;:?!\"'")


def broken_off(word: str) -> str:
    """The first syllable of a word, as far as eSpeak needs it to say no letters; empty for a short word."""
    found = _START.match(bare(word))
    if len(bare(word)) < SHORTEST_BROKEN_OFF or found is None or found.end() >= len(bare(word)):
        return ""
    return found.group() + ","
