"""Log-likelihoods of continuations given contexts, where either is any mix of text and speech."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ssr_connector.errors import UserError
from ssr_connector.model.sequence import IGNORED, Piece, Sequences, Speech, taken
from ssr_connector.types import Waveform

if TYPE_CHECKING:
    from ssr_connector.model.modeling import SSRForConditionalGeneration

Part = str | Waveform | Speech

SHARED_FROM = 32  # positions; a shorter context is cheaper to repeat, in a batch with others, than to run on its own


@dataclass(frozen=True)
class Score:
    """Sum of a continuation's token log-probabilities, over how many tokens, and what of its context was cut."""

    total: float
    n_tokens: int
    n_cut: int = 0  # positions of the context that the LLM had no room for

    @property
    def mean(self) -> float:
        """Per token; an empty continuation has none and scores -inf, so that it never wins."""
        return self.total / self.n_tokens if self.n_tokens else float("-inf")


@dataclass(frozen=True)
class _Body:
    """A row but for its last token, which nothing is predicted from; and the last tokens of the rows that begin so."""

    pieces: list[Piece]
    lasts: list[int] = field(default_factory=list)

    @property
    def n_positions(self) -> int:
        """How many the LLM is given."""
        return _length(self.pieces)


def score_pairs(
    model: "SSRForConditionalGeneration", pairs: Sequence[tuple[Sequence[Part], Sequence[Part]]], batch_tokens: int
) -> list[Score]:
    """Score (context, continuation) pairs in batches of similar length, at most `batch_tokens` positions each.

    Pairs that differ in their last token alone (the letters of a multiple choice), or in nothing, go through the LLM
    once; so does a context of `SHARED_FROM` positions or more that several pairs begin with. What is longer than the
    LLM's context loses the beginning of its own, as in lm-evaluation-harness; see `Score.n_cut`. Raises UserError where
    a continuation alone is too long.
    """
    heard = _listen_once(model, pairs)
    whole = [_pieces(model, context, continuation, heard) for context, continuation in pairs]
    limit = max_positions(model.llm)
    rows = [fitted(row, limit) for row in whole]
    bodies: dict[tuple[object, ...], _Body] = {}
    places: list[tuple[_Body, int] | None] = []  # of each row; None: it has nothing to score
    for row in rows:
        if not any(len(p.tokens) for p in row if p.scored):
            places.append(None)
            continue
        pieces, last = _without_last(row)
        body = bodies.setdefault(_key(pieces), _Body(pieces))
        if last not in body.lasts:
            body.lasts.append(last)
        places.append((body, body.lasts.index(last)))
    found: dict[int, list[float]] = {}
    distinct = list(bodies.values())
    for groups in _at_once(_sharing(distinct), batch_tokens):
        members = [body for group in groups for body in group]
        found |= zip(map(id, members), _score_shared(model, groups, batch_tokens), strict=True)
    rest = [body for body in distinct if id(body) not in found]
    found |= zip(map(id, rest), _score_alone(model, rest, batch_tokens), strict=True)
    counts = [sum(len(p.tokens) for p in row if p.scored) for row in rows]
    cut = [_length(long) - _length(row) for long, row in zip(whole, rows, strict=True)]
    return [
        Score(found[id(place[0])][place[1]], n, n_cut) if place else Score(0.0, 0, n_cut)
        for place, n, n_cut in zip(places, counts, cut, strict=True)
    ]


def max_positions(llm: Any) -> int | None:
    """The longest sequence that an LLM was made for; None where its configuration sets no limit."""
    return getattr(llm.config.get_text_config(), "max_position_embeddings", None)


def fitted(row: list[Piece], limit: int | None) -> list[Piece]:
    """A row without the beginning of its context, behind the first piece (the prefix), where it is too long otherwise.

    Its last token takes no position, since nothing is predicted from it. Raises UserError where there is no room for
    what is scored.
    """
    excess = 0 if limit is None else _length(row) - 1 - limit
    if excess <= 0:
        return row
    first, *others = row
    kept = [first]
    for piece in others:
        n = 0 if piece.scored else min(excess, len(piece.tokens))
        vectors = None if piece.vectors is None else piece.vectors[n:]
        kept.append(Piece(piece.tokens[n:], vectors, piece.scored))
        excess -= n
    if excess or not _length(kept[: _n_context(kept)]):
        n_scored = sum(len(p.tokens) for p in row if p.scored)
        raise UserError(
            f"an answer of {n_scored} tokens is too long for the LLM, which takes {limit}: leave its item out"
        )
    return kept


def _length(row: Iterable[Piece]) -> int:
    return sum(len(piece.tokens) for piece in row)


def _score_alone(model: "SSRForConditionalGeneration", bodies: Sequence[_Body], batch_tokens: int) -> list[list[float]]:
    """Every row from its beginning, in batches of similar length."""
    order = sorted(range(len(bodies)), key=lambda i: bodies[i].n_positions)
    sums: dict[int, list[float]] = {}
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and bodies[order[end]].n_positions * (end + 1 - start) <= batch_tokens:
            end += 1
        chosen = order[start:end]
        batch = Sequences.build([bodies[i].pieces for i in chosen], model.embed_tokens)
        positions = torch.unique(torch.cat([batch.predicting, batch.mask.sum(1) - 1]))
        logits = batch.logits(model.llm, positions)
        sums |= zip(chosen, _sums(logits, positions, batch, [bodies[i].lasts for i in chosen]), strict=True)
        start = end
    return [sums[i] for i in range(len(bodies))]


def _score_shared(
    model: "SSRForConditionalGeneration", groups: Sequence[Sequence[_Body]], batch_tokens: int
) -> list[list[float]]:
    """Groups of rows that begin with the same context: it is run once, and its keys and values are kept for every row.

    Contexts are padded on the left, so that every row goes on right behind its own. Returns rows in their order.
    """
    n_pieces = [_n_context(group[0].pieces) for group in groups]
    heads = [group[0].pieces[:n] for group, n in zip(groups, n_pieces, strict=True)]
    contexts = Sequences.build(heads, model.embed_tokens, pad_left=True)
    lengths = contexts.mask.sum(1)
    last = taken(model.llm, logits_to_keep=1)
    counted = (contexts.mask.cumsum(1) - 1).clamp(min=0)
    out = _run(model, contexts.embeds, contexts.mask, counted, use_cache=True, **last)
    rows = [(k, body) for k, group in enumerate(groups) for body in group]
    if not _repeatable(out.past_key_values):
        return _score_alone(model, [body for _, body in rows], batch_tokens)
    at_once = max(1, batch_tokens // max(body.n_positions for _, body in rows))
    sums: list[list[float]] = []
    for start in range(0, len(rows), at_once):
        chosen = rows[start : start + at_once]
        endings = [body.pieces[n_pieces[k] :] or [Piece.text([])] for k, body in chosen]
        batch = Sequences.build(endings, model.embed_tokens)
        of = torch.tensor([k for k, _ in chosen], device=lengths.device)
        logits = out.logits[of, -1:]  # the context's end predicts the first
        n = batch.embeds.shape[1]
        if n:
            cache = copy.deepcopy(out.past_key_values)  # which the LLM changes
            cache.batch_select_indices(of.cpu())  # of an LLM on several devices, each layer's is on its own
            mask = torch.cat([contexts.mask[of], batch.mask], 1)
            positions = lengths[of, None] + torch.arange(n, device=lengths.device)
            more = _run(model, batch.embeds, mask, positions, past_key_values=cache, use_cache=True).logits
            logits = torch.cat([logits, more], 1)
        pad = torch.nn.functional.pad
        after = Sequences(batch.embeds, pad(batch.mask, (1, 0), value=1), pad(batch.labels, (1, 0), value=IGNORED))
        positions = torch.arange(logits.shape[1], device=logits.device)
        sums += _sums(logits, positions, after, [body.lasts for _, body in chosen])
    return sums


def _run(model: "SSRForConditionalGeneration", embeds: Tensor, mask: Tensor, positions: Tensor, **more: Any) -> Any:
    """The LLM on a batch with padding before its rows; where it takes no positions, it counts them from the mask."""
    told = taken(model.llm, position_ids=positions)
    return model.llm(inputs_embeds=embeds, attention_mask=mask, **told, **more)


def _at_once(groups: Iterable[list[_Body]], batch_tokens: int) -> Iterator[list[list[_Body]]]:
    """Groups of similar length, as many together as a batch holds; one that is larger stands alone."""
    batch: list[list[_Body]] = []
    n_rows = 0
    for group in sorted(groups, key=_longest):
        if batch and (n_rows + len(group)) * _longest(group) > batch_tokens:
            yield batch
            batch, n_rows = [], 0
        batch.append(group)
        n_rows += len(group)
    if batch:
        yield batch


def _longest(group: Sequence[_Body]) -> int:
    return max(body.n_positions for body in group)


def _sums(logits: Tensor, positions: Tensor, batch: Sequences, lasts: Sequence[Sequence[int]]) -> list[list[float]]:
    """Log-probability of a row's labels, with that of each of its last tokens at its end: logits [B, K, V] at [K]."""
    row, place = (batch.labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
    targets, at = batch.labels[row, place + 1], torch.searchsorted(positions, place.contiguous())
    picked = logits[row, at].float().log_softmax(-1).gather(1, targets[:, None])[:, 0]  # where scored: V is large
    totals = picked.new_zeros(len(logits)).index_add(0, row, picked).tolist()
    final = torch.searchsorted(positions, batch.mask.sum(1) - 1)
    ends = logits[torch.arange(len(logits), device=logits.device), final].float().log_softmax(-1)
    return [[total + v for v in end[last].tolist()] for total, end, last in zip(totals, ends, lasts, strict=True)]


def _without_last(row: Sequence[Piece]) -> tuple[list[Piece], int]:
    """A row whose last piece with tokens is scored: all before its last token, and that."""
    k = max(i for i, piece in enumerate(row) if len(piece.tokens))
    piece = row[k]
    vectors = None if piece.vectors is None else piece.vectors[:-1]
    shorter = Piece(piece.tokens[:-1], vectors, piece.scored)
    return [*row[:k], *([shorter] if len(shorter.tokens) else [])], int(piece.tokens[-1])


def _key(pieces: Sequence[Piece]) -> tuple[object, ...]:
    """Equal for the same tokens, scored in the same places, and the very same speech vectors."""
    return tuple(
        (p.scored, tuple(p.tokens.tolist()), None if p.vectors is None else (p.vectors.data_ptr(), p.vectors.shape))
        for p in pieces
    )


def _repeatable(cache: Any) -> bool:
    """Whether all layers keep plain keys and values; recurrent ones do not."""
    from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

    plain = (DynamicLayer, DynamicSlidingWindowLayer)  # of which some that are recurrent as well are kinds
    return isinstance(cache, DynamicCache) and all(type(layer) in plain for layer in cache.layers)


def _sharing(bodies: Sequence[_Body]) -> Iterable[list[_Body]]:
    """Rows that begin with one context."""
    groups: dict[tuple[object, ...], list[_Body]] = {}
    for body in bodies:
        n = _n_context(body.pieces)
        if _length(body.pieces[:n]) >= SHARED_FROM:
            groups.setdefault(_key(body.pieces[:n]), []).append(body)
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
        texts = [Piece.text(model.prefix_ids), Piece.text(whole[:split]), Piece.text(whole[split:], scored=True)]
        return begun(model, texts)
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
