"""CTC kernels against brute force over all paths, planted paths, and properties."""

import itertools

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssr_connector.kernels import ctc_best_path, ctc_forced_align, native

# In Triton's interpreter a hundred drawn examples take half a minute.
MANY_TIMES = ["compiled", pytest.param("triton", marks=pytest.mark.slow), "reference"]


def collapse(path, blank=0):
    return [label for label, _ in itertools.groupby(path) if label != blank]


def brute_force(log_probs, target):
    """Best score of any frame labelling that collapses to the target; None where there is none."""
    T, V = log_probs.shape
    best = None
    for path in itertools.product(range(V), repeat=T):
        if collapse(path) == target:
            score = sum(log_probs[t, v].item() for t, v in enumerate(path))
            best = score if best is None or score > best else best
    return best


def path_score(log_probs, target, starts, ends, n):
    """The score of the frame labelling that starts and ends describe; checks that it spells the target."""
    path = [0] * n
    for label, a, b in zip(target, starts, ends, strict=True):
        for t in range(a, b):
            assert path[t] == 0
            path[t] = label
    assert collapse(path) == list(target)
    return sum(log_probs[t, v].item() for t, v in enumerate(path))


@pytest.mark.parametrize("face", MANY_TIMES, indirect=True)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_forced_path_is_optimal_on_ties_repeats_and_short_inputs(data, face):
    T = data.draw(st.integers(1, 6))
    target = data.draw(st.lists(st.integers(1, 2), min_size=0, max_size=4))
    # Small integers: many ties.
    values = data.draw(st.lists(st.integers(-3, 0), min_size=T * 3, max_size=T * 3))
    log_probs = torch.tensor(values, dtype=torch.float32).view(T, 3)
    best = brute_force(log_probs, target)
    path = ctc_forced_align(
        log_probs[None],
        torch.tensor([target], dtype=torch.long).view(1, -1),
        torch.tensor([T]),
        torch.tensor([len(target)]),
    )
    assert bool(path.feasible[0]) == (best is not None)
    if best is not None:
        score = path_score(log_probs, target, path.starts[0].tolist(), path.ends[0].tolist(), T)
        assert score == pytest.approx(best)


def test_minus_infinity_makes_an_item_infeasible_only_where_no_path_is_left(face):
    log_probs = torch.zeros(2, 3, 3)
    log_probs[0, :, 1] = float("-inf")  # label 1 can never be emitted
    log_probs[1, 0, 1] = float("-inf")  # ... or only later
    path = ctc_forced_align(log_probs, torch.tensor([[1], [1]]), torch.tensor([3, 3]), torch.tensor([1, 1]))
    assert path.feasible.tolist() == [False, True]
    assert path.starts[1, 0] > 0


def test_minimal_length_with_repeats(face):
    target = torch.tensor([[1, 1, 2, 2]])
    exact = ctc_forced_align(torch.randn(1, 6, 3).log_softmax(-1), target, torch.tensor([6]), torch.tensor([4]))
    assert exact.feasible[0]
    assert exact.starts[0].tolist() == [0, 2, 3, 5]
    short = ctc_forced_align(torch.randn(1, 5, 3).log_softmax(-1), target, torch.tensor([5]), torch.tensor([4]))
    assert not short.feasible[0]


def test_batch_composition_changes_nothing(face):
    torch.manual_seed(0)
    lengths, target_lengths = torch.tensor([40, 17, 9, 1]), torch.tensor([12, 5, 0, 1])
    log_probs = torch.randn(4, 40, 8).log_softmax(-1)
    targets = torch.randint(1, 8, (4, 12))
    together = ctc_forced_align(log_probs, targets, lengths, target_lengths)
    for i in range(4):
        n, m = int(lengths[i]), int(target_lengths[i])
        alone = ctc_forced_align(
            log_probs[i : i + 1, :n], targets[i : i + 1, :m], lengths[i : i + 1], target_lengths[i : i + 1]
        )
        assert torch.equal(alone.starts[0], together.starts[i, :m])
        assert torch.equal(alone.ends[0], together.ends[i, :m])
        assert torch.equal(alone.scores[0], together.scores[i, :m])


def test_planted_path_is_found_by_both(face):
    labels = [3, 3, 5, 1, 7]
    starts, ends = [2, 6, 8, 9, 20], [4, 7, 9, 15, 22]
    log_probs = torch.full((1, 25, 9), -9.0)
    log_probs[0, :, 0] = -0.1
    for label, a, b in zip(labels, starts, ends, strict=True):
        log_probs[0, a:b, 0] = -9.0
        log_probs[0, a:b, label] = -0.25
    forced = ctc_forced_align(log_probs, torch.tensor([labels]), torch.tensor([25]), torch.tensor([5]))
    (best,) = ctc_best_path(log_probs, torch.tensor([25]))
    assert best.labels.tolist() == labels
    for path_starts, path_ends in ((forced.starts[0], forced.ends[0]), (best.starts, best.ends)):
        assert path_starts.tolist() == starts
        assert path_ends.tolist() == ends
    assert torch.allclose(forced.scores, torch.full((1, 5), -0.25))
    assert torch.allclose(best.scores, torch.full((5,), -0.25))


def test_best_path_respects_lengths():
    log_probs = torch.zeros(2, 4, 3)
    log_probs[:, :, 2] = 1.0
    full, empty = ctc_best_path(log_probs, torch.tensor([4, 0]))
    assert full.labels.tolist() == [2]
    assert (full.starts.tolist(), full.ends.tolist()) == ([0], [4])
    assert empty.labels.tolist() == []


def test_the_best_path_of_no_scores_is_an_error_and_not_silence():
    log_probs, n = torch.zeros(2, 4, 3), torch.tensor([4, 3])
    for value in (float("nan"), float("inf")):
        odd = log_probs.clone()
        odd[1, 3, 1] = value  # padding is not read
        assert len(ctc_best_path(odd, n)) == 2
        odd[1, 2, 1] = value
        with pytest.raises(ValueError, match="item 1 hold values that are no scores"):
            ctc_best_path(odd, n)
    with pytest.raises(ValueError, match="within 0 … 4"):
        ctc_best_path(log_probs, torch.tensor([5, 4]))
    with pytest.raises(ValueError, match="the blank is 3, not one of 3 labels"):
        ctc_best_path(log_probs, n, blank=3)
    with pytest.raises(ValueError, match="input lengths have the shape"):
        ctc_best_path(log_probs, torch.tensor([4]))
    with pytest.raises(ValueError, match="floating"):
        ctc_best_path(log_probs.long(), n)


def test_blank_as_target_is_an_error(face):
    with pytest.raises(ValueError, match="blank"):
        ctc_forced_align(torch.zeros(1, 3, 3), torch.tensor([[0]]), torch.tensor([3]), torch.tensor([1]))


def planted(durations, gaps, vocabulary):
    """Log-probabilities in which each label is clearly the best for its frames, with blanks between."""
    labels = 1 + torch.arange(len(durations)) % (vocabulary - 1)
    pieces = [torch.tensor([0] * g + [int(k)] * d) for k, d, g in zip(labels, durations, gaps, strict=True)]
    path = torch.cat(pieces)
    scores = torch.rand(len(path), vocabulary)
    scores[torch.arange(len(path)), path] += 4
    ends = (torch.tensor(durations) + torch.tensor(gaps)).cumsum(0)
    return scores.log_softmax(-1), labels, ends - torch.tensor(durations), ends


def test_planted_path_is_found_over_many_checkpoints(face):
    torch.manual_seed(0)
    n = 8 if face == "triton" else 150  # it has no checkpoints
    durations, gaps = (torch.randint(low, 12, (n,)).tolist() for low in (1, 0))
    log_probs, labels, starts, ends = planted(durations, gaps, 20)
    path = ctc_forced_align(log_probs[None], labels[None], torch.tensor([len(log_probs)]), torch.tensor([n]))
    assert torch.equal(path.starts[0], starts)
    assert torch.equal(path.ends[0], ends)


@pytest.mark.skipif(native.library() is None, reason="the kernels are not compiled here")
def test_a_hundred_thousand_frames():
    """Half an hour at 50 frames a second, where a float32 sum of log-probabilities has long lost its last digits."""
    torch.manual_seed(0)
    durations, gaps = torch.randint(1, 5, (20_000,)).tolist(), torch.randint(0, 5, (20_000,)).tolist()
    log_probs, labels, starts, ends = planted(durations, gaps, 30)
    assert len(log_probs) > 85_000
    path = ctc_forced_align(log_probs[None], labels[None], torch.tensor([len(log_probs)]), torch.tensor([20_000]))
    assert torch.equal(path.starts[0], starts)
    assert torch.equal(path.ends[0], ends)


def test_tightest_of_all_dense_texts(face):
    """As many frames as labels and repeats: the size at which others corrupt their heap."""
    n = 40 if face == "triton" else 410  # its interpreter takes milliseconds a frame
    target = torch.arange(n) % 7 + 1
    path = ctc_forced_align(torch.randn(1, n, 9), target[None], torch.tensor([n]), torch.tensor([n]))
    assert path.starts[0].tolist() == list(range(n))
    twice = torch.tensor([[1, 1] * (n // 4)])
    m = twice.shape[1]
    path = ctc_forced_align(torch.randn(1, 2 * m - 1, 9), twice, torch.tensor([2 * m - 1]), torch.tensor([m]))
    assert path.starts[0].tolist() == list(range(0, 2 * m - 1, 2))


def test_nothing_to_align(face):
    empty = torch.zeros(3, 0, dtype=torch.long)
    path = ctc_forced_align(torch.zeros(3, 2, 4), empty, torch.tensor([0, 1, 2]), torch.tensor([0, 0, 0]))
    assert path.feasible.all()
    none = ctc_forced_align(torch.zeros(1, 2, 4), torch.tensor([[3]]), torch.tensor([0]), torch.tensor([1]))
    assert not none.feasible.any()


def test_any_label_may_be_the_blank(face):
    torch.manual_seed(0)
    log_probs = torch.randn(1, 30, 5)
    target = torch.tensor([[1, 1, 3, 2]])
    first = ctc_forced_align(log_probs, target, torch.tensor([30]), torch.tensor([4]))
    order = torch.tensor([4, 1, 2, 3, 0])
    last = ctc_forced_align(log_probs[..., order], target, torch.tensor([30]), torch.tensor([4]), blank=4)
    assert torch.equal(first.starts, last.starts)
    assert torch.equal(first.scores, last.scores)


def test_bad_input_is_named(face):
    log_probs, n = torch.zeros(2, 4, 3), torch.tensor([4, 4])
    targets, m = torch.tensor([[1, 2], [2, 1]]), torch.tensor([2, 2])
    for value in (float("nan"), float("inf")):
        odd = log_probs.clone()
        odd[1, 2, 1] = value
        with pytest.raises(ValueError, match="item 1"):
            ctc_forced_align(odd, targets, n, m)
    with pytest.raises(ValueError, match="0 … 2"):
        ctc_forced_align(log_probs, targets + 1, n, m)
    with pytest.raises(ValueError, match="the blank is 3"):
        ctc_forced_align(log_probs, targets, n, m, blank=3)
    with pytest.raises(ValueError, match="target lengths"):
        ctc_forced_align(log_probs, targets, n, torch.tensor([3, 2]))
    with pytest.raises(ValueError, match="targets have the shape"):
        ctc_forced_align(log_probs, targets[0], n, m)
