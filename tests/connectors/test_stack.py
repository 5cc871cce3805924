"""Frame stacking: lengths, filling, and that no frame is lost."""

from dataclasses import replace

import pytest
import torch


@pytest.mark.parametrize("layers", [0, 2])
def test_lengths_are_rounded_up(layers, make, noise):
    frames = noise(1, 4, 5, 8, 9)
    out = make("stack", layers=layers, stack=4)(frames, None)
    assert out.lengths.tolist() == [1, 1, 2, 2, 3]
    assert out.values.shape == (5, 3, 32)


@pytest.mark.parametrize("layers", [0, 2])
def test_the_last_frame_is_heard(layers, make, noise):
    connector = make("stack", layers=layers, stack=4)
    for n in range(1, 10):
        frames = noise(n)
        values = frames.values.requires_grad_()
        out = connector(replace(frames, values=values), None).values
        (seen,) = torch.autograd.grad(out[0, -1].square().sum(), values)
        assert seen[0, -1].any()


def test_without_layers_a_vector_sees_its_own_stack_only(make, noise):
    frames = noise(10)
    values = frames.values.requires_grad_()
    out = make("stack", layers=0, stack=4)(replace(frames, values=values), None).values
    for k in range(3):
        (seen,) = torch.autograd.grad(out[0, k].square().sum(), values, retain_graph=True)
        assert seen[0].abs().sum(1).nonzero().flatten().tolist() == list(range(4 * k, min(4 * k + 4, 10)))


def test_a_stack_is_its_frames_side_by_side_and_zeros(make, noise):
    connector = make("stack", layers=0, stack=4)
    frames = noise(6)
    row = torch.cat([frames.values[0, 4], frames.values[0, 5], torch.zeros(24)])
    expected = connector.norm_out(connector.mlp(connector.norm_in(row)))
    torch.testing.assert_close(connector(frames, None).values[0, 1], expected)


@pytest.mark.parametrize("layers", [0, 2])
def test_padding_and_company_change_nothing(layers, make, noise):
    connector = make("stack", layers=layers, stack=4)
    frames = noise(9, 6)
    frames.values[1, 6:] = 100.0
    together = connector(frames, None)
    alone = connector(replace(frames, values=frames.values[1:, :6], lengths=frames.lengths[1:]), None)
    torch.testing.assert_close(together.values[1, :2], alone.values[0])


def test_match_scale_starts_at_the_size_of_the_embeddings(make, noise):
    connector = make("stack", layers=0, stack=4)
    embeddings = torch.randn(500, 32) * 0.03
    connector.match_scale(embeddings)
    size = float(connector(noise(40), None).values.detach().square().mean().sqrt())
    assert size == pytest.approx(float(embeddings.square().mean().sqrt()), rel=0.01)


@pytest.mark.parametrize("layers", [0, 2])
def test_every_weight_learns(layers, make, noise):
    connector = make("stack", layers=layers, stack=4)
    out = connector(noise(9, 6), None).values
    (out * torch.randn(out.shape, generator=torch.Generator().manual_seed(3))).sum().backward()
    assert [n for n, p in connector.named_parameters() if p.grad is None or not p.grad.any()] == []
