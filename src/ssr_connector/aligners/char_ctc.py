"""CHAR-CTC: labels are characters."""

from dataclasses import dataclass
from typing import Self

from ssr_connector.aligners.base import Material, from_section
from ssr_connector.aligners.ctc import CTCAligner, CTCConfig
from ssr_connector.aligners.labels import alphabet_of
from ssr_connector.aligners.placement import Span
from ssr_connector.base_models import Tokenize


@dataclass(frozen=True)
class CharCTCConfig(CTCConfig):
    """The head, and its alphabet: one label a character, after the blank."""

    alphabet: str = ""


class CharCTC(CTCAligner):
    """Spells in characters; those outside its alphabet have no label."""

    kind, title = "char_ctc", "CHAR-CTC"
    config_class = CharCTCConfig

    def __init__(self, config: CharCTCConfig, encoder_width: int) -> None:
        if not config.alphabet:
            raise ValueError("a character aligner needs its alphabet")
        super().__init__(config, encoder_width, len(config.alphabet))
        self.pieces = config.alphabet
        self.label_of = {char: i + 1 for i, char in enumerate(config.alphabet)}

    @classmethod
    def untrained(cls, section: object, material: Material) -> Self:
        """With the characters of the training transcripts."""
        alphabet, upsample = alphabet_of(material.transcripts), cls.upsampling(material.clock)
        mixed = material.mixed_layers
        config = from_section(CharCTCConfig, section, alphabet=alphabet, upsample=upsample, mixed_layers=mixed)
        return cls(config, material.encoder_width)

    def spell(self, text: str, tokenize: Tokenize) -> tuple[list[int], list[Span]]:  # noqa: ARG002
        """A label for each character of the alphabet."""
        places = [i for i, char in enumerate(text) if char in self.label_of]
        return [self.label_of[text[i]] for i in places], [(i, i + 1) for i in places]
