"""CTC kernels against brute force over all paths, planted paths, and properties."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssr_connector.kernels import ctc_best_path, ctc_forced_align


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


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_forced_path_is_optimal_on_ties_repeats_and_short_inputs(data):
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


def test_minus_infinity_makes_an_item_infeasible_only_where_no_path_is_left():
    log_probs = torch.zeros(2, 3, 3)
    log_probs[0, :, 1] = float("-inf")  # label 1 can never be emitted
    log_probs[1, 0, 1] = float("-inf")  # ... or only later
    path = ctc_forced_align(log_probs, torch.tensor([[1], [1]]), torch.tensor([3, 3]), torch.tensor([1, 1]))
    assert path.feasible.tolist() == [False, True]
    assert path.starts[1, 0] > 0


def test_minimal_length_with_repeats():
    target = torch.tensor([[1, 1, 2, 2]])
    exact = ctc_forced_align(torch.randn(1, 6, 3).log_softmax(-1), target, torch.tensor([6]), torch.tensor([4]))
    assert exact.feasible[0]
    assert exact.starts[0].tolist() == [0, 2, 3, 5]
    short = ctc_forced_align(torch.randn(1, 5, 3).log_softmax(-1), target, torch.tensor([5]), torch.tensor([4]))
    assert not short.feasible[0]


def test_batch_composition_changes_nothing():
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


def test_planted_path_is_found_by_both():
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


def test_blank_as_target_is_an_error():
    with pytest.raises(ValueError, match="blank"):
        ctc_forced_align(torch.zeros(1, 3, 3), torch.tensor([[0]]), torch.tensor([3]), torch.tensor([1]))
