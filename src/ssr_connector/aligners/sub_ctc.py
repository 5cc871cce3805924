"""SUB-CTC: labels are the LLM's own tokens, those that training has seen."""

from dataclasses import dataclass
from typing import Self

from ssr_connector.aligners.base import Material, from_section
from ssr_connector.aligners.ctc import CTCAligner, CTCConfig
from ssr_connector.aligners.labels import TokenLabels, tokens_of
from ssr_connector.aligners.placement import Span
from ssr_connector.base_models import Tokenize


@dataclass(frozen=True)
class SubCTCConfig(TokenLabels, CTCConfig):
    """The head, and its labels: token ids, and how each is written with the white space in front of it."""


class SubCTC(CTCAligner):
    """Spells in tokens.

    A token that training has not seen has no label, as a character outside the alphabet has none in CHAR-CTC: it
    takes its place between its neighbours, and is none of a hypothesis' words.
    """

    kind, title = "sub_ctc", "SUB-CTC"
    config_class = SubCTCConfig

    def __init__(self, config: SubCTCConfig, encoder_width: int) -> None:
        if not config.token_ids:
            raise ValueError("a subword aligner needs its tokens")
        super().__init__(config, encoder_width, len(config.token_ids))
        self.pieces = config.token_texts
        self.label_of = {token: i + 1 for i, token in enumerate(config.token_ids)}

    @classmethod
    def untrained(cls, section: object, material: Material) -> Self:
        """With the tokens of the training transcripts."""
        ids, texts = tokens_of(material.transcripts, material.tokenize)
        upsample = cls.upsampling(material.clock)
        shape = {"upsample": upsample, "mixed_layers": material.mixed_layers}
        config = from_section(SubCTCConfig, section, token_ids=ids, token_texts=texts, **shape)
        return cls(config, material.encoder_width)

    def spell(self, text: str, tokenize: Tokenize) -> tuple[list[int], list[Span]]:
        """A label for each token with one."""
        known = [(t, span) for t, span in zip(*tokenize(text), strict=True) if t in self.label_of]
        return [self.label_of[t] for t, _ in known], [span for _, span in known]
