"""The tales' speech in every language, and base models that know all languages: what transfers is learnt on them."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console

from ssr_connector.tiny.base import Base, SpeechPart
from ssr_connector.tiny.languages import LANGUAGES
from ssr_connector.tiny.languages.language import part_of
from ssr_connector.tiny.languages.world import TASK, TaleSizes, TaleWorld, build_tales
from ssr_connector.tiny.speak import NoiseMix
from ssr_connector.tiny.stage import content_key
from ssr_connector.tiny.voices import DEV_VOICES, TEST_VOICES, TRAIN_ACCENTS, Voice


class TaleBase(Base):
    """As large in all as a demo of the same recipe. Voices of tests are of kinds that training never hears.

    One accent a language: what a voice is called after is its language, so that no language is heard more variously.
    """

    def __init__(self, config: Path, out: Path, overrides: Sequence[str], console: Console) -> None:
        super().__init__(config, out, overrides, console)
        self.tiny = replace(self.tiny, llm={**self.tiny.llm, "drill_share": 0.0})  # tales have no options to look up
        self.world = build_tales(self.recipe.seed, TaleSizes.like(self.tiny.world))

    @property
    def reading(self) -> TaleWorld:
        """Documents of all languages."""
        return self.world

    @cached_property
    def parts(self) -> tuple[SpeechPart, ...]:
        """For every language what a demo has for English, but for stories to fine-tune on."""
        noise = NoiseMix(**self.tiny.noise)
        parts = []
        for code, said in self.world.said.items():
            train, dev, test = (in_language(code, kinds) for kinds in (TRAIN_ACCENTS[0], DEV_VOICES, TEST_VOICES))
            parts += [
                SpeechPart(part_of("train", code), "train", said.train, train, noise),
                SpeechPart(part_of("dev", code), "dev", said.dev, dev),
                SpeechPart(part_of("test", code), "test", said.test, test),
                SpeechPart.of_tests(part_of("tests", code), {TASK: said.items}, test),
            ]
        return tuple(parts)

    def content(self) -> Any:
        """All that was written, as what the tales are made of is written by hand."""
        return [super().content(), content_key(asdict(self.world), [])]


def in_language(code: str, voices: Sequence[Voice]) -> list[Voice]:
    """These kinds of voice, speaking a language."""
    return [Voice(LANGUAGES[code].voice, voice.variant) for voice in voices]
