"""How close speech vectors come to text embeddings, and what the LLM writes when asked to transcribe."""

import sys
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ssr_connector.errors import UserError
from ssr_connector.model.modeling import SSRForConditionalGeneration
from ssr_connector.model.processing import prompt_ids
from ssr_connector.model.scoring import max_positions
from ssr_connector.model.sequence import Piece, Sequences, Speech


@torch.no_grad()
def closeness(model: SSRForConditionalGeneration, speech: Speech) -> tuple[Tensor, Tensor]:
    """Cosine and squared error of each speech vector [n] against the embedding of the token it stands for."""
    target = model.embed_tokens(torch.tensor(speech.alignment.token_ids, dtype=torch.long)).float()
    vectors = speech.vectors.float()
    return nn.functional.cosine_similarity(vectors, target, dim=-1), (vectors - target).square().sum(-1)


@torch.no_grad()
def paired_closeness(model: SSRForConditionalGeneration, speech: Speech, reference: Sequence[int]) -> Tensor:
    """Cosines along the best path: its vectors are paired with the reference's tokens by edit distance [pairs]."""
    from rapidfuzz.distance import Levenshtein

    pairs = [
        (k, reference[block.dest_start + k - block.src_start])
        for block in Levenshtein.opcodes(speech.alignment.token_ids, tuple(reference))
        if block.tag in ("equal", "replace")
        for k in range(block.src_start, block.src_end)
    ]
    if not pairs:
        return torch.zeros(0)
    target = model.embed_tokens(torch.tensor([token for _, token in pairs])).float()
    return nn.functional.cosine_similarity(speech.vectors[[k for k, _ in pairs]].float(), target, dim=-1)


@torch.no_grad()
def nearest_text(model: SSRForConditionalGeneration, heard: Sequence[Speech]) -> list[str]:
    """Each utterance as the tokens whose embeddings are nearest (cosine) to its vectors."""
    table = nn.functional.normalize(model.llm.get_input_embeddings().weight.float(), dim=-1)  # [V, D]
    texts = []
    for speech in heard:
        nearest = (nn.functional.normalize(speech.vectors.float(), dim=-1) @ table.T).argmax(-1)
        texts.append(model.tokenizer.decode(nearest.tolist(), skip_special_tokens=True))
    return texts


class Transcripts(NamedTuple):
    """What was written of every recording, and of how many that goes beyond what the LLM was made for."""

    texts: list[str]
    n_beyond: int


@torch.no_grad()
def transcribe(
    model: SSRForConditionalGeneration,
    heard: Sequence[Speech],
    batch: int = 32,
    spare_tokens: int = 8,
    beams: int = 1,
    examples: Sequence[tuple[Speech, str]] = (),
) -> Transcripts:
    """The first line that the LLM writes when asked to transcribe: at most twice as many tokens as heard, and a few.

    Greedy, or the best of so many beams. `examples` are recordings with their transcripts, laid out as the objective
    `transcribe` does and an empty line after each, that come before every recording. What comes after the first line is
    no transcript: an LLM that was not taught to end goes on. Raises UserError where it has no room for the examples.
    """
    texts: dict[int, str] = {}
    prompt = Piece.text(prompt_ids(model.tokenizer, model.config.transcribe_prompt))
    start_of_all = [Piece.text(model.prefix_ids)]
    for speech, text in examples:
        start_of_all += [Piece.speech(speech), prompt, Piece.text(model.tokenize(f" {text}\n\n")[0])]
    rows = [[*start_of_all, Piece.speech(speech), prompt] for speech in heard]
    limit = max_positions(model.llm) or sys.maxsize
    if examples and length(start_of_all) + length([prompt]) + spare_tokens > limit:
        raise UserError(
            f"evaluation.asr_shots {len(examples)}: the examples alone fill the {limit} positions of the LLM; ask for "
            "fewer, or 0"
        )
    n_new = [2 * len(speech.alignment) + spare_tokens for speech in heard]
    n_beyond = sum(length(row) + new - 1 > limit for row, new in zip(rows, n_new, strict=True))
    order = sorted(range(len(heard)), key=lambda i: n_new[i])
    alike = [list(found) for _, found in groupby(order, lambda i: n_new[i])] if beams > 1 else [order]
    for chosen in (group[start : start + batch] for group in alike for start in range(0, len(group), batch)):
        inputs = Sequences.build([rows[i] for i in chosen], model.embed_tokens, pad_left=True)
        out = model.llm.generate(
            inputs_embeds=inputs.embeds,
            attention_mask=inputs.mask,
            max_new_tokens=n_new[chosen[-1]],  # of the longest; what goes beyond another's own is cut off below
            do_sample=False,
            num_beams=beams,
            pad_token_id=model.tokenizer.pad_token_id or model.tokenizer.eos_token_id,
        )
        own = [row[: n_new[i]] for i, row in zip(chosen, out, strict=True)]
        written = model.tokenizer.batch_decode(own, skip_special_tokens=True)
        texts |= {i: text.strip().partition("\n")[0].rstrip() for i, text in zip(chosen, written, strict=True)}
    return Transcripts([texts[i] for i in range(len(heard))], n_beyond)


def length(row: Sequence[Piece]) -> int:
    """Positions that it takes."""
    return sum(len(piece.tokens) for piece in row)
