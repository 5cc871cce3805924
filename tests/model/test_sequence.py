from types import SimpleNamespace

import pytest
import torch

from ssr_connector.model.sequence import IGNORED, Piece, Sequences, Speech
from ssr_connector.types import Alignment

ALIGNMENT = Alignment("ab", (7, 8), (0, 2), (2, 4), ((0, 1), (1, 2)), 5)


def embed(ids):
    return ids[:, None].float() * torch.ones(1, 3)


def test_pieces_are_laid_end_to_end():
    speech = Speech(ALIGNMENT, torch.full((2, 3), 0.5))
    rows = [[Piece.text([1]), Piece.speech(speech, scored=True), Piece.text([4], scored=True)], [Piece.text([1, 2])]]
    right = Sequences.build(rows, embed)
    assert right.labels.tolist() == [[IGNORED, 7, 8, 4], [IGNORED] * 4]
    assert right.mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert right.embeds[..., 0].tolist() == [[1, 0.5, 0.5, 4], [1, 2, 0, 0]]
    left = Sequences.build(rows, embed, pad_left=True)
    assert left.mask.tolist() == [[1, 1, 1, 1], [0, 0, 1, 1]]
    assert left.embeds[1, :, 0].tolist() == [0, 0, 1, 2]


def test_vectors_at_a_fixed_rate_stand_for_no_token_even_where_the_number_agrees():
    speech = Speech(ALIGNMENT, torch.zeros(2, 3), per_token=False)
    assert Piece.speech(speech).tokens.tolist() == [IGNORED, IGNORED]
    with pytest.raises(ValueError, match="cannot be scored"):
        Piece.speech(speech, scored=True)


def test_an_empty_piece_takes_no_place():
    batch = Sequences.build([[Piece.text([]), Piece.text([3, 4], scored=True)]], embed)
    assert batch.labels.tolist() == [[3, 4]]


class Counting(torch.nn.Module):
    """Stands for an LLM: its logits are its inputs."""

    def forward(self, inputs_embeds, attention_mask, use_cache):
        return SimpleNamespace(logits=inputs_embeds)


class Choosing(Counting):
    """One that can leave positions out."""

    def forward(self, inputs_embeds, attention_mask, use_cache, logits_to_keep):
        return SimpleNamespace(logits=inputs_embeds[:, logits_to_keep])


@pytest.mark.parametrize("llm", [Counting(), Choosing()])
def test_logits_are_those_that_predict_something(llm):
    rows = [[Piece.text([5, 6, 7]), Piece.text([8], scored=True)], [Piece.text([1]), Piece.text([2], scored=True)]]
    batch = Sequences.build(rows, embed)
    assert batch.predicting.tolist() == [0, 2]
    assert batch.logits(llm, batch.predicting)[..., 0].tolist() == [[5, 7], [1, 0]]
