"""LLM sequences of text and speech: pieces are laid end to end and padded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from ssr_connector.types import Alignment

IGNORED = -100


def embedding_of(llm: Any) -> Callable[[Tensor], Tensor]:
    """Token ids of any shape and device → the LLM's own input embeddings, where they are."""
    table = llm.get_input_embeddings()
    return lambda token_ids: table(token_ids.to(table.weight.device))


def taken(llm: Any, **arguments: Any) -> dict[str, Any]:
    """Those arguments that an LLM's own `forward` has, peft's additions around it or not."""
    own = llm.get_base_model() if hasattr(llm, "get_base_model") else llm
    parameters = signature(own.forward).parameters
    return {name: value for name, value in arguments.items() if name in parameters}


@dataclass(frozen=True)
class Speech:
    """One recording as the LLM hears it: what was understood where, and the vectors that stand for it."""

    alignment: Alignment
    vectors: Tensor  # [n, D]; n tokens of the alignment, or n stacks of frames
    per_token: bool = True  # whether vector i stands for token i


@dataclass(frozen=True)
class Piece:
    """A run of positions: tokens embedded by the LLM, or speech vectors with the tokens that they stand for."""

    tokens: Tensor  # [n] int64; IGNORED where a position stands for no token
    vectors: Tensor | None = None  # [n, D]
    scored: bool = False  # whether the tokens are targets

    @classmethod
    def text(cls, token_ids: Sequence[int], scored: bool = False) -> "Piece":
        """Written tokens."""
        return cls(torch.tensor(list(token_ids), dtype=torch.long), None, scored)

    @classmethod
    def speech(cls, speech: Speech, scored: bool = False) -> "Piece":
        """Spoken tokens, or vectors of no token (connectors at a fixed rate)."""
        if speech.per_token:
            return cls(torch.tensor(speech.alignment.token_ids, dtype=torch.long), speech.vectors, scored)
        if scored:
            raise ValueError("vectors at a fixed rate stand for no tokens and cannot be scored")
        return cls(torch.full((len(speech.vectors),), IGNORED, dtype=torch.long), speech.vectors)


@dataclass(frozen=True)
class Sequences:
    """A batch for the LLM: labels[i] is the token that position i stands for; position i - 1 predicts it."""

    embeds: Tensor  # [B, N, D]
    mask: Tensor  # [B, N] int64
    labels: Tensor  # [B, N] int64, IGNORED where not scored

    @property
    def predicting(self) -> Tensor:
        """[K] positions, in order, of which some row's next token is scored."""
        return (self.labels[:, 1:] != IGNORED).any(0).nonzero()[:, 0]

    def logits(self, llm: Any, positions: Tensor) -> Tensor:
        """[B, K, V] of an LLM at some positions [K]: the larger its vocabulary, the dearer are those of all."""
        kept = taken(llm, logits_to_keep=positions)
        out: Tensor = llm(inputs_embeds=self.embeds, attention_mask=self.mask, use_cache=False, **kept).logits
        return out if kept else out[:, positions]

    def predictions(self, llm: Any) -> tuple[Tensor, Tensor]:
        """Logits [B, K, V] of an LLM where it predicts something, and the tokens [B, K], IGNORED where not scored."""
        positions = self.predicting
        return self.logits(llm, positions), self.labels[:, positions + 1]

    @classmethod
    def build(
        cls, rows: Sequence[Sequence[Piece]], embed: Callable[[Tensor], Tensor], pad_left: bool = False
    ) -> "Sequences":
        """Lay out rows of pieces. `embed` is the LLM's own input embedding, with its own scaling.

        It is called once: where the LLM learns, every call has a gradient as large as the whole table.
        """
        written = [p.tokens for row in rows for p in row if p.vectors is None]
        texts = iter(torch.split(embed(torch.cat(written)), [len(t) for t in written]) if written else ())
        embedded, labels = [], []
        for row in rows:
            device = next((p.vectors.device for p in row if p.vectors is not None), None)
            vectors = [next(texts) if p.vectors is None else p.vectors for p in row]
            device = device or vectors[0].device
            embedded.append(torch.cat([v.to(device) for v in vectors]))
            labels.append(torch.cat([p.tokens if p.scored else torch.full_like(p.tokens, IGNORED) for p in row]))
        side = "left" if pad_left else "right"
        pad = torch.nn.utils.rnn.pad_sequence
        embeds = pad(embedded, batch_first=True, padding_side=side)
        ones = [torch.ones(len(e), dtype=torch.long) for e in embedded]
        mask = pad(ones, batch_first=True, padding_side=side).to(embeds.device)
        targets = pad(labels, batch_first=True, padding_value=IGNORED, padding_side=side).to(embeds.device)
        return cls(embeds, mask, targets)
