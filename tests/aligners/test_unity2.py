"""UnitY2: units against characters."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from scipy.stats import betabinom

from ssr_connector.aligners import CharCTC, CharCTCConfig, Material, Unalignable, UnitY2, build_aligner
from ssr_connector.aligners.bundle import save_aligner
from ssr_connector.aligners.unity2 import attention_prior, forward_sum
from ssr_connector.config import AlignerSection, EncoderSection
from ssr_connector.errors import UserError
from ssr_connector.types import Alignment, Frames
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)
SECTION = AlignerSection(type="unity2", width=24, units=12, dropout=0.0, binarise_weight=0.1)


def material(toy, tokenize):
    return Material(toy.texts, tokenize, 12, CLOCK, lambda: iter([toy.frames]))


@pytest.fixture(scope="module")
def trained(toy, tokenize, fit):
    torch.manual_seed(0)
    aligner = UnitY2.untrained(SECTION, material(toy, tokenize))
    logged = fit(aligner, toy, 300)
    assert set(logged) == {"forward_sum", "infeasible", "binarise"}
    return aligner


def test_word_ends_are_found_without_ever_being_told(trained, unheard_toy, tokenize):
    found = trained.align(unheard_toy.frames, unheard_toy.texts, tokenize)
    errors = [abs(a - b) for x, e in zip(found, unheard_toy.ends, strict=True) for a, b in zip(x.ends, e, strict=True)]
    assert max(errors) <= 1
    assert all(score < 0 for x in found for score in x.scores)


def test_a_batch_of_utterances_too_short_for_their_texts_has_a_loss(trained, toy, tokenize):
    few = Frames(toy.frames.values[:, :3], torch.full_like(toy.frames.lengths, 3), CLOCK)
    loss, logged = trained.loss(few, toy.texts, tokenize)
    assert loss.isfinite()
    assert logged["binarise"] == 0
    assert logged["infeasible"] == len(toy.texts)
    loss.backward()


def test_without_a_transcript_it_says_what_it_needs(trained, unheard_toy, tokenize):
    assert trained.needs_transcript
    found = trained.align(unheard_toy.frames, [None, "a dog", None], tokenize)
    assert isinstance(found[1], Alignment)
    assert "--aligner.recogniser" in found[0].reason


def test_a_ctc_aligner_inside_hears_the_words(tmp_path, toy, unheard_toy, tokenize, fit, tiny_llm):
    torch.manual_seed(0)
    values = {"width": 32, "layers": 1, "heads": 2, "dropout": 0.0, "kernel": 5, "alphabet": " abdego"}
    recogniser = CharCTC(CharCTCConfig(**values), 12)
    fit(recogniser, toy, 300)
    save_aligner(tmp_path / "ctc", recogniser, EncoderSection("encoder"), tiny_llm, "lower")
    section = dataclasses.replace(SECTION, recogniser=str(tmp_path / "ctc"), binarise_weight=0.0)
    made = UnitY2.untrained(section, material(toy, tokenize))
    before = {k: v.clone() for k, v in made.recogniser.state_dict().items()}
    fit(made, toy, 150)
    assert not made.needs_transcript
    found = made.align(unheard_toy.frames, [None, "a dog", None], tokenize)
    assert [a.text for a in found] == unheard_toy.texts
    assert found == made.align(unheard_toy.frames, unheard_toy.texts, tokenize)
    assert all(torch.equal(v, before[k]) for k, v in made.recogniser.state_dict().items())
    again = build_aligner(json.loads(json.dumps(made.to_dict())), 12)
    again.load_state_dict(made.state_dict())
    assert again.eval().align(unheard_toy.frames, [None] * 3, tokenize) == found
    with pytest.raises(UserError, match="frames 13 wide, not 12"):
        made.hearing_with(CharCTC(CharCTCConfig(**values), 13))


def test_what_hears_the_words_was_trained_on_the_same_frames(tmp_path, toy, tokenize, tiny_llm):
    recogniser = CharCTC(CharCTCConfig(width=8, layers=1, heads=2, alphabet=" abdego"), 12)
    save_aligner(tmp_path / "ctc", recogniser, EncoderSection("encoder", 3), tiny_llm, "lower")
    section = dataclasses.replace(SECTION, recogniser=str(tmp_path / "ctc"))

    def for_frames_of(*encoder):
        heard = EncoderSection(*encoder)
        return UnitY2.untrained(section, dataclasses.replace(material(toy, tokenize), encoder=heard))

    assert for_frames_of("encoder", 3, True).recogniser is not None
    with pytest.raises(UserError, match=r"ctc was trained on frames of the encoder encoder, which another is not"):
        for_frames_of("another", 3, True)
    for other in ((2, True), (3, False), (None, True)):
        with pytest.raises(UserError, match=r"ctc was trained with encoder\.layer 3 and encoder\.padded True, not"):
            for_frames_of("encoder", *other)


def test_an_utterance_alone_is_aligned_as_among_others(trained, unheard_toy, tokenize):
    together = trained.align(unheard_toy.frames, unheard_toy.texts, tokenize)
    for i, n in enumerate(unheard_toy.frames.lengths.tolist()):
        alone = Frames(unheard_toy.frames.values[i : i + 1, :n], torch.tensor([n]), CLOCK)
        (found,) = trained.align(alone, [unheard_toy.texts[i]], tokenize)
        assert dataclasses.replace(found, scores=None) == dataclasses.replace(together[i], scores=None)


def test_what_cannot_be_aligned_says_why_and_spoils_no_other(trained, unheard_toy, tokenize):
    found = trained.align(unheard_toy.frames, ["dog bed go", "a dog " * 9, "... 123"], tokenize)
    assert isinstance(found[0], Alignment)
    assert found[1] == Unalignable(f"{len('a dog ' * 9) + 2} characters and pauses do not fit into 21 frames")
    assert found[2] == Unalignable("the transcript has no letter that the aligner can spell")


def test_a_delay_moves_every_boundary(trained, unheard_toy, tokenize):
    shifted = build_aligner(trained.to_dict(), 12)
    shifted.load_state_dict(trained.state_dict())
    shifted.eval().set_delay(0.02, CLOCK)
    pairs = [x.align(unheard_toy.frames, unheard_toy.texts, tokenize)[0].ends for x in (trained, shifted)]
    assert pairs[1] == tuple(end - 1 for end in pairs[0])


def test_the_prior_is_the_beta_binomial_distribution():
    lengths, n_labels = torch.tensor([7, 5]), torch.tensor([4, 2])
    found = attention_prior(torch.Size([2, 7, 4]), lengths, n_labels, 1.0)
    for i, (n_frames, n) in enumerate(((7, 4), (5, 2))):
        for t in range(n_frames):
            expected = betabinom(n - 1, t + 1, n_frames - t).logpmf(np.arange(n))
            assert found[i, t, :n].tolist() == pytest.approx(expected.tolist(), abs=1e-5)


def test_forward_sum_is_the_sum_over_all_paths():
    torch.manual_seed(0)
    scores = torch.randn(2, 5, 3).log_softmax(-1)
    scores[1, :, 2] = -1e4  # the second has two labels and four frames
    found = forward_sum(scores, torch.tensor([5, 4]), torch.tensor([3, 2]))

    def probability(frames, n):  # of all CTC paths with a blank at -1, by going through them
        logits = torch.cat([torch.full((len(frames), 1), -1.0), frames[:, :n]], 1).log_softmax(-1)
        total = 0.0
        for code in range((n + 1) ** len(frames)):
            path = [code // (n + 1) ** t % (n + 1) for t in range(len(frames))]
            told = [k for t, k in enumerate(path) if k and (t == 0 or path[t - 1] != k)]
            if told == list(range(1, n + 1)):
                total += float(logits[torch.arange(len(frames)), torch.tensor(path)].sum().exp())
        return total

    expected = -np.log(probability(scores[0], 3)) - np.log(probability(scores[1, :4], 2))
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_units_come_from_a_file_where_one_is_named(tmp_path, toy, tokenize):
    centroids = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    np.save(tmp_path / "units.npy", centroids)
    section = dataclasses.replace(SECTION, centroids=str(tmp_path / "units.npy"))
    made = UnitY2.untrained(section, material(toy, tokenize))
    assert torch.equal(made.centroids, torch.from_numpy(centroids))
    assert made.config.units == 5
    np.save(tmp_path / "units.npy", centroids[:, :7])
    with pytest.raises(UserError, match="12 wide"):
        UnitY2.untrained(section, material(toy, tokenize))
    np.save(tmp_path / "units.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(UserError, match="no centroids"):
        UnitY2.untrained(section, material(toy, tokenize))
    with pytest.raises(UserError, match=r"lower aligner\.units"):
        UnitY2.untrained(dataclasses.replace(SECTION, units=10_000), material(toy, tokenize))
