"""Means of segments against slices."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssr_connector.kernels import segment_pool


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_agrees_with_slices(data):
    B, T, S = (data.draw(st.integers(1, n)) for n in (3, 10, 5))
    edges = st.tuples(st.integers(0, T), st.integers(0, T)).map(sorted)
    spans = torch.tensor(data.draw(st.lists(edges, min_size=B * S, max_size=B * S))).view(B, S, 2)
    torch.manual_seed(0)
    frames = torch.randn(B, T, 4)
    pooled = segment_pool(frames, spans[..., 0], spans[..., 1])
    for i in range(B):
        for j in range(S):
            a, b = spans[i, j].tolist()
            expected = frames[i, a:b].mean(0) if b > a else torch.zeros(4)
            assert torch.allclose(pooled[i, j], expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(0, 4, 3, 2), (2, 4, 3, 0), (2, 0, 3, 1), (0, 0, 3, 0)])
def test_nothing_to_pool(shape):
    B, T, D, S = shape
    none = torch.zeros(B, S, dtype=torch.long)
    assert torch.equal(segment_pool(torch.randn(B, T, D), none, none), torch.zeros(B, S, D))


def test_gradients():
    frames = torch.randn(2, 6, 3, dtype=torch.float64, requires_grad=True)
    starts, ends = torch.tensor([[0, 2, 2], [1, 1, 0]]), torch.tensor([[2, 5, 2], [6, 2, 0]])
    assert torch.autograd.gradcheck(lambda f: segment_pool(f, starts, ends), (frames,))


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (0, 5)])
def test_a_segment_beyond_the_frames_is_an_error(start, end):
    with pytest.raises(ValueError, match="within 0 … 4"):
        segment_pool(torch.zeros(1, 4, 2), torch.tensor([[start]]), torch.tensor([[end]]))
