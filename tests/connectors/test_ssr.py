"""The SSR connector: which frame becomes which vector."""

from dataclasses import replace

import pytest
import torch

from ssr_connector.types import Alignment, Segments

ONE = Alignment("abc", (1, 2, 3), (0, 2, 4), (2, 5, 5), ((0, 1), (1, 2), (2, 3)), 9)
TWO = Alignment("a", (1,), (1,), (6,), ((0, 1),), 7)


@pytest.fixture
def frames(noise):
    return noise(9, 7)


@pytest.fixture(params=["causal", "blockwise"])
def connector(request, make):
    return make("ssr", attention=request.param)


def test_a_token_is_the_state_at_its_last_frame(frames, make):
    connector = make("ssr")
    out = connector(frames, Segments.collate([ONE, TWO]))
    states = connector.decoder(frames.values)
    assert out.values.shape == (2, 3, 32)
    assert out.lengths.tolist() == [3, 1]
    for k, frame in enumerate((1, 4, 4)):
        assert torch.equal(out.values[0, k], states[0, frame])
    assert torch.equal(out.values[1, 0], states[1, 5])


def test_padding_changes_nothing(connector, frames):
    together = connector(frames, Segments.collate([ONE, TWO])).values
    loud = frames.values.clone()
    loud[1, 7:] = 100.0
    padded = torch.cat([loud, torch.full((2, 4, 12), -100.0)], 1)
    again = connector(replace(frames, values=padded), Segments.collate([ONE, TWO])).values
    second = replace(frames, values=frames.values[1:, :7], lengths=frames.lengths[1:])
    alone = connector(second, Segments.collate([TWO])).values
    torch.testing.assert_close(again[0], together[0])
    torch.testing.assert_close(again[1, :1], together[1, :1])
    torch.testing.assert_close(alone[0], together[1, :1])


def test_nothing_after_a_token_reaches_it(connector, frames):
    values = frames.values.clone().requires_grad_()
    out = connector(replace(frames, values=values), Segments.collate([ONE, TWO])).values
    for row, k, end in ((0, 0, 2), (0, 1, 5), (1, 0, 6)):
        (seen,) = torch.autograd.grad(out[row, k].square().sum(), values, retain_graph=True)
        assert not seen[row, end:].any()
        assert seen[row, end - 1].any()
        assert not seen[1 - row].any()


def test_every_weight_learns(connector, frames):
    connector(frames, Segments.collate([ONE, TWO])).values[0].square().sum().backward()
    assert [n for n, p in connector.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_match_scale_starts_at_the_size_of_the_embeddings(connector, frames):
    embeddings = torch.randn(500, 32) * 0.03
    connector.match_scale(embeddings)
    out = connector(frames, Segments.collate([ONE, TWO])).values[0].detach()
    assert float(out.square().mean().sqrt()) == pytest.approx(float(embeddings.square().mean().sqrt()), rel=0.01)
    assert connector.decoder.gain.requires_grad


def test_it_needs_an_alignment(connector, frames):
    with pytest.raises(ValueError, match="needs an alignment"):
        connector(frames, None)
