"""Monotonic alignment search against brute force, planted paths and the reference."""

import itertools

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssr_connector.kernels import monotonic_alignment_search, native

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# In Triton's interpreter a hundred drawn examples take half a minute.
MANY_TIMES = ["compiled", pytest.param("triton", marks=pytest.mark.slow), "reference"]


def brute_force(scores):
    """The best sum of any monotonic path of scores [T, N]; None where there is none."""
    T, N = scores.shape
    best = None
    for cuts in itertools.combinations(range(1, T), N - 1):
        edges = [0, *cuts, T]
        total = sum(scores[a:b, j].sum().item() for j, (a, b) in enumerate(itertools.pairwise(edges)))
        best = total if best is None or total > best else best
    return None if best == float("-inf") else best


def path_score(scores, durations):
    labels = torch.repeat_interleave(torch.arange(len(durations)), durations)
    return scores[torch.arange(len(labels)), labels].double().sum().item()


def search(scores):
    T, N = scores.shape
    return monotonic_alignment_search(scores[None], torch.tensor([T]), torch.tensor([N]))[0]


@pytest.mark.parametrize("face", MANY_TIMES, indirect=True)
@SETTINGS
@given(data=st.data())
def test_path_is_optimal_on_ties_and_impossible_frames(data, face):
    T, N = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 5))
    values = st.sampled_from([-2.0, -1.0, 0.0, float("-inf")])
    scores = torch.tensor(data.draw(st.lists(values, min_size=T * N, max_size=T * N))).view(T, N)
    best, durations = brute_force(scores), search(scores)
    if best is None:
        assert durations.eq(0).all()
    else:
        assert durations.ge(1).all()
        assert durations.sum() == T
        assert path_score(scores, durations) == pytest.approx(best)


@pytest.mark.parametrize("face", MANY_TIMES, indirect=True)
@settings(SETTINGS, max_examples=40)
@given(data=st.data())
def test_an_item_is_aligned_alike_in_any_batch(data, face):
    torch.manual_seed(data.draw(st.integers(0, 1000)))
    longest = 20 if face == "triton" else 90  # its interpreter takes a millisecond a frame
    B, T, N = data.draw(st.integers(1, 4)), data.draw(st.integers(1, longest)), data.draw(st.integers(1, 20))
    scores = torch.randn(B, T, N)
    frames, labels = torch.randint(0, T + 1, (B,)), torch.randint(0, N + 1, (B,))
    together = monotonic_alignment_search(scores, frames, labels)
    for i in range(B):
        n, m = int(frames[i]), int(labels[i])
        alone = search(scores[i, :n, :m])
        assert torch.equal(alone, together[i, :m])
        assert together[i, m:].eq(0).all()
        assert int(together[i].sum()) == (n if n >= m > 0 else 0)


def test_planted_durations_are_found_over_many_blocks(face):
    torch.manual_seed(0)
    n = 5 if face == "triton" else 120  # its interpreter takes a millisecond a frame
    durations = torch.randint(1, 60, (n,))
    labels = torch.repeat_interleave(torch.arange(n), durations)
    scores = torch.rand(len(labels), n) - 2
    scores[torch.arange(len(labels)), labels] += 1.5
    assert torch.equal(search(scores), durations)


def test_no_frame_to_spare(face):
    assert search(torch.randn(40, 40)).tolist() == [1] * 40
    assert search(torch.randn(39, 40)).tolist() == [0] * 40


def test_scores_of_any_size_are_compared(face):
    """A fixed 'minus infinity' of -1e9, as others use, loses against scores such as these."""
    scores = torch.tensor([[-1e12, 0.0], [-1e12, -1e12], [0.0, -1e12]])
    assert brute_force(scores) == path_score(scores, search(scores))


@pytest.mark.skipif(native.library() is None, reason="the kernels are not compiled here")
def test_a_long_recording_is_aligned_as_in_float64(monkeypatch):
    """Rounding over 20 000 frames may move a border between equals, never the sum by more than rounding."""
    torch.manual_seed(0)
    scores = torch.randn(20_000, 50)
    compiled = search(scores)
    monkeypatch.setattr(native, "library", lambda: None)
    exact = search(scores)
    assert path_score(scores, compiled) == pytest.approx(path_score(scores, exact), abs=1e-3)


def test_strided_and_half_precision_scores_are_read_rightly(face):
    scores = torch.randn(2, 3, 20, 6)
    lengths = torch.tensor([20, 15]), torch.tensor([6, 4])
    expected = monotonic_alignment_search(scores[:, 1].contiguous(), *lengths)
    assert torch.equal(monotonic_alignment_search(scores[:, 1], *lengths), expected)
    turned = scores[:, 1].transpose(1, 2).contiguous().transpose(1, 2)
    assert torch.equal(monotonic_alignment_search(turned, *lengths), expected)
    half = scores[:, 1].half()
    assert torch.equal(monotonic_alignment_search(half, *lengths), monotonic_alignment_search(half.float(), *lengths))


def test_bad_input_is_named(face):
    scores, n, m = torch.zeros(2, 4, 3), torch.tensor([4, 4]), torch.tensor([3, 3])
    odd = scores.clone()
    odd[1, 2, 1] = float("nan")
    with pytest.raises(ValueError, match="item 1"):
        monotonic_alignment_search(odd, n, m)
    beyond = scores.clone()
    beyond[1, 3] = float("nan")  # padding is not read
    assert monotonic_alignment_search(beyond, torch.tensor([4, 3]), m).sum() == 7
    with pytest.raises(ValueError, match="within 0 … 4"):
        monotonic_alignment_search(scores, torch.tensor([5, 4]), m)
    with pytest.raises(ValueError, match="shape"):
        monotonic_alignment_search(scores, n, torch.tensor([3]))
    with pytest.raises(ValueError, match="3:"):
        monotonic_alignment_search(scores[0], n, m)
    with pytest.raises(ValueError, match="floating"):
        monotonic_alignment_search(scores.long(), n, m)


@pytest.mark.skipif(native.library() is None, reason="the kernels are not compiled here")
@pytest.mark.parametrize("labels", [1, 15, 16, 17, 48, 64, 65, 129])  # one vector or several, in registers or in memory
def test_every_number_of_vectors_and_blocks_gives_the_path_on_paper(labels, monkeypatch):
    """Of whole scores, whose sums are exact, with ties and impossible frames: the same path, not just as good a one."""
    torch.manual_seed(labels)
    for frames in (labels, labels + 1, labels + 32, labels + 33, 2 * labels + 300):
        scores = torch.randint(-3, 1, (2, frames, labels)).float()
        scores[1][torch.rand(frames, labels) < 0.1] = float("-inf")
        lengths = torch.tensor([frames, max(frames - 5, labels)]), torch.tensor([labels, labels])
        compiled = monotonic_alignment_search(scores, *lengths)
        with monkeypatch.context() as slowly:
            slowly.setattr(native, "library", lambda: None)
            assert torch.equal(compiled, monotonic_alignment_search(scores, *lengths))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_score_is_found_wherever_a_path_may_pass(face, value):
    scores = torch.zeros(1, 12, 8)
    for frame, label in ((0, 0), (1, 1), (8, 6), (11, 7)):
        odd = scores.clone()
        odd[0, frame, label] = value
        with pytest.raises(ValueError, match="item 0"):
            monotonic_alignment_search(odd, torch.tensor([12]), torch.tensor([8]))
