"""CHAR-CTC: labels are characters.

A hypothesis is the best path that spells tokens of the LLM one after the other, each at a cost: `token_prior` times the
log of its share of the training transcripts. The plain best path spells words that there are not, and such a word falls
into other tokens, and more of them, than the one that was said: what is misheard by a letter is then also segmented
wrongly. Nothing of what tokens follow which is known: what is likely to be said next is for the LLM to judge.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from ssr_connector.aligners.base import Material, from_section
from ssr_connector.aligners.ctc import BLANK, CTCAligner, CTCConfig, force_along
from ssr_connector.aligners.labels import alphabet_of, token_counts
from ssr_connector.aligners.placement import Span
from ssr_connector.base_models import Tokenize
from ssr_connector.errors import UserError
from ssr_connector.kernels import BestPath, Lexicon, ctc_lexicon_path


@dataclass(frozen=True)
class CharCTCConfig(CTCConfig):
    """The head, and its alphabet: one label a character, after the blank."""

    alphabet: str = ""
    token_prior: float = 0.5
    token_counts: Mapping[str, int] = field(default_factory=dict)  # of the training transcripts, as written there


class CharCTC(CTCAligner):
    """Spells in characters; those outside its alphabet have no label."""

    kind, title = "char_ctc", "CHAR-CTC"
    config_class = CharCTCConfig
    config: CharCTCConfig

    def __init__(self, config: CharCTCConfig, encoder_width: int) -> None:
        if not config.alphabet:
            raise ValueError("a character aligner needs its alphabet")
        alphabet = set(config.alphabet)
        if unknown := [
            token for token, n in config.token_counts.items() if n < 1 or not token or set(token) - alphabet
        ]:
            raise ValueError(f"token_counts has {unknown[0]!r}, which was never said or cannot be spelt")
        if not 0 <= config.token_prior < math.inf:
            raise UserError(f"aligner.token_prior is {config.token_prior}: give 0 or more")
        super().__init__(config, encoder_width, len(config.alphabet))
        self.pieces = config.alphabet
        self.label_of = {char: i + 1 for i, char in enumerate(config.alphabet)}

    @classmethod
    def untrained(cls, section: object, material: Material) -> Self:
        """With the characters and the tokens of the training transcripts."""
        config = from_section(
            CharCTCConfig,
            section,
            alphabet=alphabet_of(material.transcripts),
            token_counts=dict(token_counts(material.transcripts, material.tokenize)),
            upsample=cls.upsampling(material.clock),
            mixed_layers=material.mixed_layers,
        )
        return cls(config, material.encoder_width)

    def spell(self, text: str, tokenize: Tokenize) -> tuple[list[int], list[Span]]:  # noqa: ARG002
        """A label for each character of the alphabet."""
        places = [i for i, char in enumerate(text) if char in self.label_of]
        return [self.label_of[text[i]] for i in places], [(i, i + 1) for i in places]

    @cached_property
    def lexicon(self) -> tuple[list[list[int]], Lexicon]:
        """The labels of each token, and the trie of them; every character counts as said once more, alone.

        So there is nothing that cannot be spelt. Built when it is needed: a module may be made without memory, on the
        device "meta".
        """
        counts = sorted((Counter(self.config.token_counts) + Counter(self.config.alphabet)).items())
        total = sum(n for _, n in counts)
        spelt = [[self.label_of[char] for char in token] for token, _ in counts]
        return spelt, Lexicon.of(spelt, [self.config.token_prior * math.log(n / total) for _, n in counts])

    def hypotheses(self, log_probs: Tensor, lengths: Tensor) -> list[BestPath]:
        """The best path through the tokens, if any were counted."""
        if not (self.config.token_prior and self.config.token_counts):
            return super().hypotheses(log_probs, lengths)
        spelt, lexicon = self.lexicon
        paths = ctc_lexicon_path(log_probs, lengths, lexicon, BLANK)
        labels = [[label for i in path.tolist() for label in spelt[i]] for path in paths]
        path = force_along(log_probs, lengths, labels)
        rows = zip(labels, path.starts, path.ends, path.scores, strict=True)
        return [
            BestPath(torch.tensor(row, dtype=torch.long), *(values[: len(row)] for values in rest))
            for row, *rest in rows
        ]
