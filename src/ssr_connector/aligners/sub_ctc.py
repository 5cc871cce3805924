"""SUB-CTC: labels are the LLM's own tokens, those that training has seen."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ssr_connector.aligners.base import Tokenize
from ssr_connector.aligners.ctc import CTCAligner, CTCConfig
from ssr_connector.aligners.placement import Span


@dataclass(frozen=True)
class SubCTCConfig(CTCConfig):
    """The head, and its labels: token ids, and how each is written with the white space in front of it."""

    token_ids: tuple[int, ...] = ()
    token_texts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.token_ids) != len(self.token_texts):
            raise ValueError(f"{len(self.token_ids)} token ids and {len(self.token_texts)} texts")


class SubCTC(CTCAligner):
    """Spells in tokens.

    A token that training has not seen has no label, as a character outside the alphabet has none in CHAR-CTC: it
    takes its place between its neighbours, and is none of a hypothesis' words.
    """

    kind = "sub_ctc"

    def __init__(self, config: SubCTCConfig, encoder_width: int) -> None:
        if not config.token_ids:
            raise ValueError("a subword aligner needs its tokens")
        super().__init__(config, encoder_width, len(config.token_ids))
        self.pieces = config.token_texts
        self.label_of = {token: i + 1 for i, token in enumerate(config.token_ids)}

    @classmethod
    def build(cls, values: dict[str, Any], encoder_width: int) -> "SubCTC":
        """From the values of a checkpoint."""
        return cls(SubCTCConfig(**values), encoder_width)

    @classmethod
    def configure(cls, shape: dict[str, Any], transcripts: Iterable[str], tokenize: Tokenize) -> SubCTCConfig:
        """Read the tokens off the training transcripts."""
        texts: dict[int, Counter[str]] = {}
        for text in transcripts:
            at = 0
            for token, (_, end) in zip(*tokenize(text), strict=True):
                texts.setdefault(token, Counter())[text[at:end]] += 1
                at = max(at, end)
        ids = tuple(sorted(texts))
        usual = tuple(min(texts[i], key=lambda t: (-texts[i][t], t)) for i in ids)
        return SubCTCConfig(**shape, token_ids=ids, token_texts=usual)

    def spell(self, text: str, tokenize: Tokenize) -> tuple[list[int], list[Span]]:
        """A label for each token with one."""
        known = [(t, span) for t, span in zip(*tokenize(text), strict=True) if t in self.label_of]
        return [self.label_of[t] for t, _ in known], [span for _, span in known]
