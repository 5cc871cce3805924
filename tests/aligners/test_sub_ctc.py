"""SUB-CTC: the LLM's own tokens as labels."""

import dataclasses
import json

import pytest
import torch
from torch import nn

from ssr_connector.aligners import SubCTC, SubCTCConfig, Unalignable, build_aligner
from ssr_connector.aligners.labels import tokens_of
from ssr_connector.types import Frames
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)
PIECES = {" go": 7, " be": 3, "d": 4, ".": 9, " dog": 12, " é": 5, "🙂": 6}
SHAPE = {"width": 32, "layers": 1, "heads": 2, "dropout": 0.0, "kernel": 5, "reach_frames": 2}


def tokenize(text):
    """The longest piece first, each with the blank before it; offsets leave that blank out. Unknown: one character."""
    ids, spans, i = [], [], 0
    text_with_start = " " + text
    while i < len(text_with_start):
        piece = next((p for p in sorted(PIECES, key=len, reverse=True) if text_with_start.startswith(p, i)), None)
        size = len(piece) if piece else 1
        ids.append(PIECES.get(piece, 100 + ord(text_with_start[i])))
        start = max(i - 1, 0)
        skip = 1 if piece and piece[0] == " " and i else 0
        spans.append((start + skip, i - 1 + size))
        i += size
    return ids, spans


def untrained(texts):
    config = SubCTCConfig(**SHAPE, **dict(zip(("token_ids", "token_texts"), tokens_of(texts, tokenize), strict=True)))
    return SubCTC(config, 12)


def aligner(texts=("go bed.", "dog go be.")):
    return untrained(texts)


def test_labels_are_the_tokens_of_training_as_they_are_written():
    config = aligner().config
    assert config.token_ids == (3, 4, 7, 9, 12)
    assert config.token_texts == (" be", "d", " go", ".", "dog")  # of two ways as frequent, the first in order


def test_tokens_that_training_lacks_have_no_label_and_yet_a_frame():
    torch.manual_seed(0)
    made = aligner().eval()
    labels, spans = made.spell("go é be", tokenize)
    assert [made.pieces[k - 1] for k in labels] == [" go", " be"]
    assert spans == [(0, 2), (5, 7)]
    (out,) = made.align(Frames(torch.randn(1, 20, 12), torch.tensor([20]), CLOCK), ["go é be"], tokenize)
    assert out.token_ids == tuple(tokenize("go é be")[0])
    (none,) = made.align(Frames(torch.randn(1, 20, 12), torch.tensor([20]), CLOCK), ["é"], tokenize)
    assert isinstance(none, Unalignable)


def test_a_toy_language_is_learnt_and_heard():
    torch.manual_seed(0)
    texts = ["go bed.", "dog go be.", "bed dog.", "go go dog"]
    made = untrained(texts)
    sounds = {token: torch.randn(12) for token in made.config.token_ids}
    rows = []
    for text in texts:
        row = [torch.zeros(12)] * 3
        for token in tokenize(text)[0]:
            row += [sounds[token]] * 4 + [torch.zeros(12)] * 2
        rows.append(torch.stack(row))
    frames = Frames(nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor([len(r) for r in rows]), CLOCK)
    optimiser = torch.optim.AdamW(made.parameters(), lr=5e-3)
    for _ in range(120):
        loss, logged = made.loss(frames, texts, tokenize)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert logged["infeasible"] == 0
    assert float(loss.detach()) < 0.05
    made.eval()
    heard = made.align(frames, [None] * len(texts), tokenize)
    assert [a.text for a in heard] == texts


class Planted(SubCTC):
    """An aligner whose frames are already log-probabilities."""

    def forward(self, frames):
        return frames.values.log_softmax(-1)


@pytest.mark.parametrize("forced", [True, False])
def test_planted_tokens_get_their_frames(forced):
    made = Planted(aligner().config, 12)
    labels = made.spell("go bed.", tokenize)[0]
    path = [0, 0, 0, 0, labels[0], labels[0], 0, 0, 0, 0, 0, 0, labels[1], 0, 0, 0, labels[2], 0, labels[3], 0, 0, 0]
    values = torch.zeros(1, len(path), len(made.pieces) + 1)
    values[0, torch.arange(len(path)), torch.tensor(path)] = 8.0
    (out,) = made.align(Frames(values, torch.tensor([len(path)]), CLOCK), ["go bed." if forced else None], tokenize)
    assert out.text == "go bed."
    # go at 4 and 5 reaches two frames out; so does be at 12 to the front; the three blanks to d at 16 are split, and d
    # reaches two on; the full stop has the pause after its word.
    assert list(zip(out.starts, out.ends, strict=True)) == [(2, 8), (10, 15), (15, 19), (19, 22)]


@pytest.mark.parametrize("path", [[1, 3, 1, 3], [1, 4, 3, 4], [1, 2, 3, 1]])
def test_more_words_heard_than_there_are_frames_share_them(path):
    class TwoSteps(Planted):
        def forward(self, frames):
            return super().forward(Frames(frames.values.unflatten(2, (2, -1)).flatten(1, 2), frames.lengths * 2, CLOCK))

    made = TwoSteps(dataclasses.replace(aligner().config, upsample=2), 12)  # " be", "d", " go", ".", "dog"
    values = torch.zeros(3, 4, len(made.pieces) + 1)
    values[:, torch.arange(4), torch.tensor(path)] = 8.0
    frames = Frames(values.view(3, 2, -1), torch.tensor([2, 1, 2]), CLOCK)
    found = made.align(frames, [None] * 3, tokenize)
    said = "".join(made.pieces[k - 1] for k in path).strip()
    assert [a.text for a in found] == [said, "".join(made.pieces[k - 1] for k in path[:2]).strip(), said]
    assert found[0].ends[-1] == 2
    assert set(zip(found[1].starts, found[1].ends, strict=True)) == {(0, 1)}


def test_it_is_saved_and_built_again_exactly():
    torch.manual_seed(0)
    made = aligner().eval()
    made.set_delay(0.04, CLOCK)
    again = build_aligner(json.loads(json.dumps(made.to_dict())), 12).eval()
    again.load_state_dict(made.state_dict())
    assert again.config == made.config
    frames = Frames(torch.randn(1, 20, 12), torch.tensor([20]), CLOCK)
    assert repr(again.align(frames, ["go bed."], tokenize)) == repr(made.align(frames, ["go bed."], tokenize))


def test_what_is_no_configuration_is_refused():
    with pytest.raises(ValueError, match="needs its tokens"):
        SubCTC(SubCTCConfig(), 12)
    with pytest.raises(ValueError, match="2 token ids and 1 texts"):
        dataclasses.replace(aligner().config, token_ids=(1, 2), token_texts=("a",))
    with pytest.raises(ValueError, match="choose from char_ctc, sub_ctc"):
        build_aligner({"type": "magic"}, 12)
