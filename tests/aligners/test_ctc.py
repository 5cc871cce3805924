"""What CTC aligners share: steps finer than frames, and priors of labels."""

import dataclasses
import itertools
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ssr_connector.aligners import CharCTC, CharCTCConfig, Material, Unalignable
from ssr_connector.aligners.ctc import coarser, force_along
from ssr_connector.config import AlignerSection
from ssr_connector.kernels import CTCPath
from ssr_connector.types import Frames
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)
SLOW = FrameClock(16000, 640, 320.0)  # 25 frames a second
SMALL = CharCTCConfig(width=32, layers=1, heads=2, dropout=0.0, kernel=5, alphabet=" abdego", reach_frames=2)


def halved(toy):
    """Every second frame of the toy: a letter has one and a half."""
    return dataclasses.replace(toy, frames=Frames(toy.frames.values[:, ::2], (toy.frames.lengths + 1) // 2, SLOW))


@pytest.mark.parametrize(("clock", "upsample"), [(CLOCK, 1), (SLOW, 2)])
def test_below_forty_frames_a_second_the_head_has_two_steps_a_frame(clock, upsample, toy, tokenize):
    material = Material(toy.texts, tokenize, 12, clock, lambda: iter([]))
    made = CharCTC.untrained(AlignerSection(width=32, heads=2, layers=1), material).eval()
    assert made.config.upsample == upsample
    assert made(toy.frames).shape == (6, upsample * toy.frames.values.shape[1], 8)
    assert made.needed_frames("good", tokenize) == 5 // upsample + (upsample == 2)
    assert made.config.token_counts == Counter(f" {w}" if k else w for t in toy.texts for k, w in enumerate(t.split()))


def test_letters_that_do_not_fit_into_frames_fit_into_steps(toy, unheard_toy, tokenize, fit):
    torch.manual_seed(0)
    made = CharCTC(dataclasses.replace(SMALL, upsample=2), 12)
    fit(made, halved(toy), 300)
    slow = halved(unheard_toy)
    heard = made.align(slow.frames, [None] * 3, tokenize)
    assert ["".join(a.text.split()) for a in heard] == ["dogbedgo", "adog", "gogobed"]
    found = made.align(slow.frames, unheard_toy.texts, tokenize)
    errors = [abs(a - b / 2) for x, e in zip(found, slow.ends, strict=True) for a, b in zip(x.ends, e, strict=True)]
    assert sum(errors) / len(errors) <= 1
    assert [a.n_frames for a in found] == slow.frames.lengths.tolist()
    few = Frames(torch.randn(1, 3, 12), torch.tensor([3]), SLOW)
    assert len(made.align(few, ["a b"], tokenize)[0]) == 2
    assert made.align(few, ["abdegoa"], tokenize) == [Unalignable("7 labels do not fit into 3 frames")]
    assert isinstance(made.align(few, ["a a a a"], tokenize)[0], Unalignable)
    made.set_delay(0.04, SLOW)
    assert made.config.delay_frames == 2  # steps of 20 ms


@given(st.data())
def test_coarser_frames_keep_words_apart_and_give_each_letter_one(data):
    words = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    n_frames = data.draw(st.integers(max(len(words), sum(words)), 24))
    n_labels = sum(words)
    edges = sorted(data.draw(st.sets(st.integers(0, 2 * n_frames), min_size=n_labels + 1, max_size=n_labels + 1)))
    steps = list(itertools.pairwise(edges))
    word_of = [k for k, n in enumerate(words) for _ in range(n)]
    found = coarser(steps, word_of, n_frames, 2)
    for k, (start, end) in enumerate(found):
        assert 0 <= start < end <= n_frames
        if k and word_of[k] != word_of[k - 1]:
            assert start >= found[k - 1][1]
        elif k:
            assert start >= found[k - 1][0]
            assert end >= found[k - 1][1]


def test_the_gradient_with_a_prior_is_that_of_the_sum_over_all_paths():
    torch.manual_seed(0)
    made = CharCTC(dataclasses.replace(SMALL, alphabet="ab", label_prior=0.5), 12).double().eval()
    made.log_prior.copy_(torch.tensor([0.7, 0.2, 0.1]).log())
    frames = Frames(torch.randn(1, 4, 12, dtype=torch.float64), torch.tensor([4]), CLOCK)
    loss, _ = made.loss(frames, ["ab"], lambda text: ([], []))
    (gradient,) = torch.autograd.grad(loss, made.output.weight)
    scores = made(frames)[0] - 0.5 * made.log_prior  # by going through all paths
    paths = [p for p in itertools.product(range(3), repeat=4) if [k for k, _ in itertools.groupby(p) if k] == [1, 2]]
    total = torch.stack([scores[torch.arange(4), torch.tensor(p)].sum() for p in paths]).logsumexp(0)
    (expected,) = torch.autograd.grad(-total / 2, made.output.weight)
    assert float(loss.detach()) == pytest.approx(float(-total.detach() / 2), abs=1e-5)
    assert torch.allclose(gradient, expected, atol=1e-5)


def test_a_prior_is_learnt_in_training_alone_and_counts_no_padding(toy, tokenize):
    torch.manual_seed(0)
    made = CharCTC(dataclasses.replace(SMALL, label_prior=0.3), 12)
    made.eval().loss(toy.frames, toy.texts, tokenize)
    assert not made.log_prior.any()
    made.train().loss(toy.frames, toy.texts, tokenize)
    log_probs = made.eval()(toy.frames)
    rows = torch.cat([log_probs[i, :n] for i, n in enumerate(toy.frames.lengths.tolist())])
    assert torch.allclose(made.log_prior.exp(), rows.exp().mean(0), atol=1e-5)
    before = made.log_prior.clone()
    made.train().loss(toy.frames, toy.texts, tokenize)
    assert torch.allclose(made.log_prior, before, atol=1e-3)


def test_a_prior_makes_peaks_wider(toy, tokenize, fit):
    blanks = []
    for prior in (0.0, 0.5):
        torch.manual_seed(0)
        made = CharCTC(dataclasses.replace(SMALL, label_prior=prior), 12)
        fit(made, toy, 150)
        best = made(toy.frames).argmax(-1)
        real = torch.arange(best.shape[1]) < toy.frames.lengths[:, None]
        blanks.append(float((best[real] == 0).float().mean()))
        (found, *_) = made.align(toy.frames, toy.texts, tokenize)
        assert found.text == toy.texts[0]
    assert blanks[1] < blanks[0]


def test_what_is_too_short_for_its_text_adds_nothing_to_a_loss_with_a_prior():
    torch.manual_seed(0)
    made = CharCTC(dataclasses.replace(SMALL, label_prior=0.4), 12).eval()
    made.log_prior.copy_(torch.randn(8).log_softmax(0))
    values = torch.randn(2, 6, 12)
    both, logged = made.loss(Frames(values, torch.tensor([6, 2]), CLOCK), ["go", "bed"], lambda text: ([], []))
    alone, _ = made.loss(Frames(values[:1], torch.tensor([6]), CLOCK), ["go"], lambda text: ([], []))
    assert logged["infeasible"] == 1
    assert float(both.detach()) * 5 == pytest.approx(float(alone.detach()) * 2, rel=1e-4)
    assert nn.functional.softplus(both).isfinite()


def test_long_recordings_go_through_the_head_in_windows(toy, tokenize, fit, monkeypatch):
    torch.manual_seed(0)
    made = CharCTC(SMALL, 12)
    fit(made, toy, 200)
    text = " ".join(toy.texts)
    rows = [toy.frames.values[i, : int(n)] for i, n in enumerate(toy.frames.lengths)]
    long = torch.cat(rows)[None]
    both = torch.cat([long, torch.zeros_like(long)])  # beside one that ends in the first window
    frames = Frames(both, torch.tensor([long.shape[1], 39]), CLOCK)
    monkeypatch.setattr("ssr_connector.aligners.head.WINDOW_FRAMES", 60)
    monkeypatch.setattr("ssr_connector.aligners.head.MARGIN_FRAMES", 15)
    assert made(frames).shape == (2, long.shape[1], 8)
    ends = [sum(map(len, rows[:k])) + end for k, row in enumerate(toy.ends) for end in row]
    found, _ = made.align(frames, [text, "go"], tokenize)
    assert max(abs(a - b) for a, b in zip(found.ends, ends, strict=True)) <= 3


@pytest.mark.parametrize("upsample", [1, 2])
def test_runs_of_labels_are_found_by_counting(upsample, toy):
    """Against the most probable label of every step, one after the other; a frame counts that a run touches."""
    torch.manual_seed(0)
    aligner = CharCTC(dataclasses.replace(SMALL, upsample=upsample), 12).eval()
    found = aligner.label_runs(toy.frames)
    best = aligner(toy.frames).argmax(-1)
    for i, n in enumerate(toy.frames.lengths.tolist()):
        runs = [list(g) for _, g in itertools.groupby(range(n * upsample), lambda t, i=i: int(best[i, t]))]
        expected = [(int(best[i, r[0]]), r[0] // upsample, r[-1] // upsample + 1) for r in runs if best[i, r[0]] != 0]
        assert int(found.lengths[i]) == len(expected) > 1
        columns = (x[i, : len(expected)].tolist() for x in (found.token_ids, found.starts, found.ends))
        assert list(zip(*columns, strict=True)) == expected
        assert not found.ends[i, len(expected) :].any()  # padding is empty
        alone = aligner.label_runs(Frames(toy.frames.values[i : i + 1, :n], toy.frames.lengths[i : i + 1], CLOCK))
        assert alone.ends[0].tolist() == found.ends[i, : len(expected)].tolist()


def test_labels_are_forced_where_the_scores_are(monkeypatch):
    def kernel(log_probs, targets, lengths, target_lengths, blank):
        assert log_probs.is_meta  # as it would be on a GPU: what the scores are is not asked for
        return CTCPath(*(torch.zeros(1, 2) for _ in range(4)))

    monkeypatch.setattr("ssr_connector.aligners.ctc.ctc_forced_align", kernel)
    path = force_along(torch.zeros(1, 5, 3, device="meta"), torch.tensor([5]), [[1, 2]])
    assert path.starts.device.type == "cpu"


def test_an_aligner_that_hears_only_blanks_has_no_runs(toy):
    aligner = CharCTC(SMALL, 12).eval()
    nn.init.constant_(aligner.output.bias[:1], 1e4)
    runs = aligner.label_runs(toy.frames)
    assert runs.ends.shape == (6, 0)
    assert not runs.lengths.any()


def test_scores_are_log_probabilities_whatever_the_prior():
    """A rare label's weighed score exceeds 0; on one path both aligners report the same."""
    torch.manual_seed(0)
    plain = CharCTC(SMALL, 12).eval()
    weighed = CharCTC(dataclasses.replace(SMALL, label_prior=0.9), 12).eval()
    weighed.load_state_dict(plain.state_dict())
    weighed.log_prior.fill_(-9.0)  # of all labels alike: the same path
    frames = Frames(torch.randn(2, 30, 12), torch.tensor([30, 21]), CLOCK)
    texts, tokenize = ["good dog", "bed"], lambda text: ([1], [(0, len(text))])
    expected = plain.align(frames, texts, tokenize)
    for found, known in zip(weighed.align(frames, texts, tokenize), expected, strict=True):
        assert found.ends == known.ends
        assert found.scores == pytest.approx(known.scores, abs=1e-5)
        assert all(score <= 0 for score in found.scores)
