"""Log-likelihoods of continuations given contexts, where either is any mix of text and speech."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ssr_connector.model.sequence import IGNORED, Piece, Sequences, Speech, token_log_probs
from ssr_connector.types import Waveform

if TYPE_CHECKING:
    from ssr_connector.model.modeling import SSRForConditionalGeneration

Part = str | Waveform | Speech

SHARED_FROM = 32  # positions; a shorter context is cheaper to repeat, in a batch with others, than to run on its own


@dataclass(frozen=True)
class Score:
    """Sum of a continuation's token log-probabilities, and how many tokens."""

    total: float
    n_tokens: int

    @property
    def mean(self) -> float:
        """Per token; an empty continuation has none and scores -inf, so that it never wins."""
        return self.total / self.n_tokens if self.n_tokens else float("-inf")


def score_pairs(
    model: "SSRForConditionalGeneration", pairs: Sequence[tuple[Sequence[Part], Sequence[Part]]], batch_tokens: int
) -> list[Score]:
    """Score (context, continuation) pairs in batches of similar length, at most `batch_tokens` positions each.

    A context of `SHARED_FROM` positions or more that several pairs begin with goes through the LLM once.
    """
    heard = _listen_once(model, pairs)
    rows = [_pieces(model, context, continuation, heard) for context, continuation in pairs]
    scores: dict[int, Score] = {}
    for members in _sharing(rows):
        found = _score_shared(model, [rows[i] for i in members], batch_tokens)
        scores |= zip(members, found, strict=True)
    rest = [i for i in range(len(rows)) if i not in scores]
    scores |= zip(rest, _score_alone(model, [rows[i] for i in rest], batch_tokens), strict=True)
    return [scores[i] for i in range(len(rows))]


def _score_alone(
    model: "SSRForConditionalGeneration", rows: Sequence[Sequence[Piece]], batch_tokens: int
) -> list[Score]:
    """Every row from its beginning, in batches of similar length."""
    lengths = [sum(len(p.tokens) for p in row) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: lengths[i])
    scores: dict[int, Score] = {}
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and lengths[order[end]] * (end + 1 - start) <= batch_tokens:
            end += 1
        chosen = order[start:end]
        batch = Sequences.build([rows[i] for i in chosen], model.embed_tokens)
        logits = model.llm(inputs_embeds=batch.embeds, attention_mask=batch.mask).logits
        scores |= zip(chosen, _sums(logits, batch.labels), strict=True)
        start = end
    return [scores[i] for i in range(len(rows))]


def _score_shared(
    model: "SSRForConditionalGeneration", rows: Sequence[Sequence[Piece]], batch_tokens: int
) -> list[Score]:
    """Rows that begin with the same context: it is run once, and its keys and values are kept for every ending."""
    n = _n_context(rows[0])
    context = Sequences.build([rows[0][:n]], model.embed_tokens)
    out = model.llm(inputs_embeds=context.embeds, use_cache=True)
    if not _repeatable(out.past_key_values):
        return _score_alone(model, rows, batch_tokens)
    endings = [row[n:] for row in rows]
    longest = context.embeds.shape[1] + max(sum(len(p.tokens) for p in ending) for ending in endings)
    at_once = max(1, batch_tokens // longest)
    scores: list[Score] = []
    for start in range(0, len(endings), at_once):
        batch = Sequences.build(endings[start : start + at_once], model.embed_tokens)
        B = len(batch.embeds)
        cache = copy.deepcopy(out.past_key_values)  # which the LLM changes
        cache.batch_repeat_interleave(B)
        # No mask: padding stands behind what is scored, where causal attention does not see it.
        logits = model.llm(inputs_embeds=batch.embeds, past_key_values=cache, use_cache=True).logits
        logits = torch.cat([out.logits[:, -1:].expand(B, -1, -1), logits], 1)  # the context's end predicts the first
        scores += _sums(logits, torch.nn.functional.pad(batch.labels, (1, 0), value=IGNORED))
    return scores


def _sums(logits: Tensor, labels: Tensor) -> list[Score]:
    """Scores of a batch: logits [B, N, V], labels [B, N]."""
    sums = token_log_probs(logits, labels).sum(1).tolist()
    counts = (labels[:, 1:] != IGNORED).sum(1).tolist()
    return [Score(total, n) for total, n in zip(sums, counts, strict=True)]


def _repeatable(cache: Any) -> bool:
    """Whether all layers keep plain keys and values; recurrent ones do not."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    return isinstance(cache, DynamicCache) and all(isinstance(layer, DynamicLayer) for layer in cache.layers)


def _sharing(rows: Sequence[Sequence[Piece]]) -> Iterable[list[int]]:
    """Indices of rows that begin with one context: the same tokens, and the very same speech vectors."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, row in enumerate(rows):
        n = _n_context(row)
        if n < len(row) and sum(len(p.tokens) for p in row[:n]) >= SHARED_FROM:
            key = tuple(tuple(p.tokens.tolist()) if p.vectors is None else id(p.vectors) for p in row[:n])
            groups.setdefault(key, []).append(i)
    return [members for members in groups.values() if len(members) > 1]


def _n_context(row: Sequence[Piece]) -> int:
    """How many pieces stand before the first that has something to score."""
    return next((k for k, piece in enumerate(row) if piece.scored and len(piece.tokens)), len(row))


def _listen_once(
    model: "SSRForConditionalGeneration", pairs: Sequence[tuple[Sequence[Part], Sequence[Part]]]
) -> dict[int, Speech]:
    """Hear every distinct recording once, one at a time: a shared context costs one pass."""
    recordings = {id(p): p for pair in pairs for parts in pair for p in parts if isinstance(p, Waveform)}
    return {key: model.listen([waveform])[0] for key, waveform in recordings.items()}


def _pieces(
    model: "SSRForConditionalGeneration",
    context: Sequence[Part],
    continuation: Sequence[Part],
    heard: dict[int, Speech],
) -> list[Piece]:
    if len(context) == len(continuation) == 1 and isinstance(context[0], str) and isinstance(continuation[0], str):
        # As lm-evaluation-harness: tokenise the whole, so that a token over the seam counts to the continuation; spaces
        # before the seam are the continuation's, since tokens hold the space before a word.
        head, whole = model.tokenize(context[0].rstrip())[0], model.tokenize(context[0] + continuation[0])[0]
        split = len(head)
        return begun(model, [Piece.text(model.prefix_ids + whole[:split]), Piece.text(whole[split:], scored=True)])
    pieces = [Piece.text(model.prefix_ids)]
    for parts, scored in ((context, False), (continuation, True)):
        for part in parts:
            if isinstance(part, str):
                pieces.append(Piece.text(model.tokenize(part)[0], scored))
            else:
                pieces.append(Piece.speech(heard[id(part)] if isinstance(part, Waveform) else part, scored))
    return begun(model, pieces)


def begun(model: "SSRForConditionalGeneration", pieces: list[Piece]) -> list[Piece]:
    """With something before the first scored token: the EOS where there is neither BOS nor context, as in lm-eval."""
    first = next((p for p in pieces if len(p.tokens)), None)
    if first is None or not first.scored:
        return pieces
    end = model.tokenizer.eos_token_id
    if end is None:
        raise ValueError("a continuation without context needs a tokenizer with a BOS or an EOS to stand before it")
    return [Piece.text([end]), *pieces]
