"""CIF: weights that fire once a token."""

import dataclasses
import json

import pytest
import torch

from ssr_connector.aligners import CIF, CIFConfig, Material, Unalignable, build_aligner
from ssr_connector.aligners.cif import scaled
from ssr_connector.config import AlignerSection
from ssr_connector.types import Alignment, Frames
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)

SHAPE = {"width": 32, "layers": 1, "heads": 2, "dropout": 0.0, "kernel": 5}
TOKENS = {"token_ids": (1, 2, 3, 4), "token_texts": (" go", " bed", " dog", " a")}


def untrained(**more):
    torch.manual_seed(0)
    return CIF(CIFConfig(**SHAPE, **TOKENS, **more), 12)


def known(toy, tokenize):
    """The toy's own boundaries as alignments: a token ends with its word."""
    made = []
    for text, ends, n in zip(toy.texts, toy.ends, toy.frames.lengths.tolist(), strict=True):
        ids, spans = tokenize(text)
        made.append(Alignment(text, tuple(ids), (0, *ends[:-1]), tuple(ends), tuple(spans), n))
    return made


@pytest.fixture(scope="module")
def trained(toy, fit):
    aligner = untrained()
    logged = fit(aligner, toy, 200)
    assert logged["token"] < 0.2
    assert set(logged) == {"token", "quantity"}
    return aligner


def test_words_are_heard_without_a_transcript(trained, unheard_toy, tokenize):
    found = trained.align(unheard_toy.frames, [None] * 3, tokenize)
    assert [a.text for a in found] == unheard_toy.texts
    assert [a.token_ids for a in found] == [tuple(tokenize(t)[0]) for t in unheard_toy.texts]


def test_along_a_transcript_there_are_as_many_tokens_as_it_has(trained, unheard_toy, tokenize):
    texts = ["dog bed go a", "dog", "go strange bed"]  # of other lengths than what is spoken; one word without a label
    found = trained.align(unheard_toy.frames, texts, tokenize)
    assert [a.text for a in found] == texts
    assert [len(a) for a in found] == [4, 1, 3]
    assert torch.tensor(found[2].scores).isnan().tolist() == [False, True, False]


def test_boundaries_of_another_aligner_are_learnt(toy, unheard_toy, tokenize, fit):
    aligner = untrained(boundary_weight=10.0)
    logged = fit(aligner, toy, 300, alignments=known(toy, tokenize))
    assert logged["boundary"] < 0.02
    found = aligner.align(unheard_toy.frames, unheard_toy.texts, tokenize)
    errors = [
        abs(a - b) for x, ends in zip(found, unheard_toy.ends, strict=True) for a, b in zip(x.ends, ends, strict=True)
    ]
    assert sum(errors) / len(errors) <= 2


def test_an_utterance_alone_is_aligned_as_among_others(trained, unheard_toy, tokenize):
    together = trained.align(unheard_toy.frames, [None] * 3, tokenize)
    for i, n in enumerate(unheard_toy.frames.lengths.tolist()):
        alone = Frames(unheard_toy.frames.values[i : i + 1, :n], torch.tensor([n]), CLOCK)
        (found,) = trained.align(alone, [None], tokenize)
        assert dataclasses.replace(found, scores=None) == dataclasses.replace(together[i], scores=None)
        assert found.scores == pytest.approx(together[i].scores, abs=1e-4)


def test_what_cannot_be_aligned_says_why(trained, tokenize, fit):
    frames = Frames(torch.randn(3, 2, 12), torch.tensor([2, 2, 2]), CLOCK)
    short, empty, unheard = trained.align(frames, ["go bed dog", " ... ", None], tokenize)
    assert short == Unalignable("3 tokens do not fit into 2 frames")
    assert empty == Unalignable("the transcript has no letter or digit")
    assert isinstance(unheard, Alignment)
    assert trained.needed_frames("go bed dog", tokenize) == 3


def test_scaled_weights_sum_to_the_counts():
    weights = torch.rand(3, 7)
    weights[2] = 0
    real = torch.arange(7) < torch.tensor([[7], [7], [4]])
    found = scaled(weights, torch.tensor([2.0, 5.0, 3.0]), real)
    assert found.sum(1).tolist() == pytest.approx([2, 5, 3])
    assert found[2].tolist() == [0.75] * 4 + [0] * 3


def test_silence_spoils_no_batch(tokenize):
    aligner = untrained().eval()
    torch.nn.init.constant_(aligner.weight.bias, -1000.0)
    frames, texts = Frames(torch.randn(3, 20, 12), torch.tensor([20, 20, 4]), CLOCK), ["go bed dog", "dog", "a go"]
    loss, _ = aligner.loss(frames, texts, tokenize)
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in aligner.parameters())
    found = aligner.align(frames, [*texts[:2], None], tokenize)
    assert found[:2] == [Unalignable("no speech is heard")] * 2
    assert len(found[2]) == 0


def test_a_delay_is_taken_off_and_every_token_keeps_a_frame(trained, unheard_toy, tokenize):
    before = trained.align(unheard_toy.frames, unheard_toy.texts, tokenize)
    shifted = build_aligner(trained.to_dict(), 12)
    shifted.load_state_dict(trained.state_dict())
    shifted.eval().set_delay(0.06, CLOCK)
    after = shifted.align(unheard_toy.frames, unheard_toy.texts, tokenize)
    assert after[0].ends == tuple(e - 3 for e in before[0].ends)
    shifted.set_delay(100.0, CLOCK)
    assert shifted.align(unheard_toy.frames, unheard_toy.texts, tokenize)[0].ends == (1, 2, 3)


def test_a_hypothesis_of_more_tokens_than_frames_shares_them(trained):
    ids, spans = (7, 8, 9), ((0, 2), (2, 4), (4, 6))
    found = trained._place("a b c.", ids, spans, (1, 2, 2), (-0.1, -0.2, -0.3), 2)
    assert (found.token_ids, found.n_frames, found.ends[-1]) == (ids, 2, 2)


def test_a_checkpoint_holds_all_of_it(trained, toy, tokenize):
    again = build_aligner(json.loads(json.dumps(trained.to_dict())), 12)
    again.load_state_dict(trained.state_dict())
    found = [x.eval().align(toy.frames, [None] * 6, tokenize) for x in (again, trained)]
    assert found[0] == found[1]


def test_the_recipe_shapes_it(toy, tokenize):
    material = Material(toy.texts, tokenize, 12, CLOCK, lambda: iter([toy.frames]))
    made = CIF.untrained(AlignerSection(type="cif", width=32, layers=1, quantity_weight=0.3), material)
    assert made.config.token_ids == (1, 2, 3, 4)
    assert (made.config.width, made.config.quantity_weight) == (32, 0.3)
    with pytest.raises(ValueError, match="needs its tokens"):
        CIF(CIFConfig(), 12)
