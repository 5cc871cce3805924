"""What a tale needs to be told in a language."""

from collections.abc import Mapping
from dataclasses import dataclass

Event = tuple[str, str]  # what is so, and what {hero} does then


@dataclass(frozen=True)
class Language:
    """Its words, each in the one form that the tales need: in the present tense and without pronouns, forms are few.

    What stands in the same place means the same in every language; people only have other names.
    """

    code: str  # ISO 639-1
    name: str
    voice: str  # eSpeak's
    people: tuple[str, ...]
    places: tuple[str, ...]  # where somebody is
    times: tuple[str, ...]  # when
    scenes: tuple[str, ...]  # with {hero}, {friend}, {place} and {time}
    plots: Mapping[str, tuple[Event, ...]]  # by what they are about


def part_of(role: str, code: str) -> str:
    """What a language's part of the speech is called, by what it is for."""
    return f"{role}-{code}"
