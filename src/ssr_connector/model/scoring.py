"""Log-likelihoods of continuations given contexts, where either is any mix of text and speech."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssr_connector.model.sequence import IGNORED, Piece, Sequences, Speech, token_log_probs
from ssr_connector.types import Waveform

if TYPE_CHECKING:
    from ssr_connector.model.modeling import SSRForConditionalGeneration

Part = str | Waveform | Speech


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
    """Score (context, continuation) pairs in batches of similar length, at most `batch_tokens` positions each."""
    heard = _listen_once(model, pairs)
    rows = [_pieces(model, context, continuation, heard) for context, continuation in pairs]
    lengths = [sum(len(p.tokens) for p in row) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: lengths[i])
    scores: list[Score | None] = [None] * len(rows)
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and lengths[order[end]] * (end + 1 - start) <= batch_tokens:
            end += 1
        chosen = order[start:end]
        batch = Sequences.build([rows[i] for i in chosen], model.embed_tokens)
        logits = model.llm(inputs_embeds=batch.embeds, attention_mask=batch.mask).logits
        sums = token_log_probs(logits, batch.labels).sum(1).tolist()
        counts = (batch.labels[:, 1:] != IGNORED).sum(1).tolist()
        for i, total, n in zip(chosen, sums, counts, strict=True):
            scores[i] = Score(total, n)
        start = end
    return [s for s in scores if s is not None]


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
        # As lm-evaluation-harness: tokenise the whole, so that a token over the seam counts to the continuation.
        head, whole = model.tokenize(context[0])[0], model.tokenize(context[0] + continuation[0])[0]
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
