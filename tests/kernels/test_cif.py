"""Integrate-and-fire against a loop over frames, and its gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssr_connector.kernels import integrate_and_fire


def step_by_step(frames, weights, tail_threshold):
    """One item, one frame at a time: segments and the frames after which they fired."""
    segments, ends = [], []
    held, total = torch.zeros(frames.shape[1], dtype=frames.dtype), 0.0
    for t, (frame, weight) in enumerate(zip(frames, weights.tolist(), strict=True)):
        while total + weight >= 1 - 1e-9:
            used = 1 - total
            segments.append(held + used * frame)
            ends.append(t + 1)
            weight, total, held = weight - used, 0.0, torch.zeros_like(held)
        held, total = held + weight * frame, total + weight
    if total >= tail_threshold:
        segments.append(held)
        ends.append(len(frames))
    return segments, ends


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_agrees_with_a_loop_over_frames(data):
    B, T = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 12))
    # Multiples of 1/7: sums come close to whole numbers and to the threshold only by being them.
    weights = data.draw(st.lists(st.integers(0, 20), min_size=B * T, max_size=B * T))
    weights = torch.tensor(weights, dtype=torch.float64).view(B, T) / 7
    torch.manual_seed(0)
    frames = torch.randn(B, T, 3, dtype=torch.float64)
    lengths = torch.tensor(data.draw(st.lists(st.integers(1, T), min_size=B, max_size=B)))
    fired = integrate_and_fire(frames, weights, lengths)
    for i, n in enumerate(lengths.tolist()):
        segments, ends = step_by_step(frames[i, :n], weights[i, :n], 0.5)
        assert fired.lengths[i] == len(segments)
        assert fired.ends[i, : len(ends)].tolist() == ends
        assert fired.values[i, len(segments) :].eq(0).all()
        if segments:
            assert torch.allclose(fired.values[i, : len(segments)], torch.stack(segments))


def test_gradients():
    torch.manual_seed(0)
    frames = torch.randn(2, 7, 3, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(2, 7, dtype=torch.float64) * 1.4 + 0.05
    weights.requires_grad_()
    lengths = torch.tensor([7, 5])
    assert torch.autograd.gradcheck(lambda f, w: integrate_and_fire(f, w, lengths).values, (frames, weights))


def test_scaled_weights_give_the_wanted_number_of_segments():
    torch.manual_seed(0)
    weights = torch.rand(8, 3000)
    wanted = torch.randint(1, 900, (8,))
    scaled = weights * (wanted / weights.sum(1))[:, None]
    assert torch.equal(integrate_and_fire(torch.zeros(8, 3000, 1), scaled).lengths, wanted)


def test_rest_below_the_threshold_is_no_segment():
    frames = torch.ones(2, 3, 1)
    fired = integrate_and_fire(frames, torch.tensor([[0.5, 0.5, 0.4], [0.1, 0.2, 0.1]]))
    assert fired.lengths.tolist() == [1, 0]
    assert integrate_and_fire(frames, torch.zeros(2, 3)).values.shape == (2, 0, 1)


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (torch.tensor([[0.5, -0.1]]), "negative"),
        (torch.tensor([[0.5, float("nan")]]), "finite"),
        (torch.zeros(1, 3), "shape"),
    ],
)
def test_bad_weights_are_named(weights, match):  # and lengths
    for lengths in (torch.tensor([3]), torch.tensor([-1]), torch.tensor([1, 1]), torch.tensor([1.5])):
        with pytest.raises(ValueError, match="lengths"):
            integrate_and_fire(torch.zeros(1, 2, 4), torch.zeros(1, 2), lengths)
    with pytest.raises(ValueError, match=match):
        integrate_and_fire(torch.zeros(1, 2, 4), weights)
