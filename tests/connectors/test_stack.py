"""Frame stacking: lengths, filling, and that no frame is lost."""

import pytest
import torch
import transformers

from ssr_connector.connectors import ConnectorConfig, StackConnector
from ssr_connector.types import Frames
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)
LLM = transformers.LlamaConfig(
    vocab_size=64,
    hidden_size=32,
    intermediate_size=48,
    num_attention_heads=4,
    num_key_value_heads=2,
    initializer_range=0.3,  # large, so that what a frame sees shows
)


def make(layers, stack=4):
    torch.manual_seed(0)
    return StackConnector(ConnectorConfig(type="stack", layers=layers, stack=stack, dropout=0.0), 12, LLM)


def noise(*lengths, seed=0):
    values = torch.randn(len(lengths), max(lengths), 12, generator=torch.Generator().manual_seed(seed))
    return Frames(values, torch.tensor(lengths), CLOCK)


@pytest.mark.parametrize("layers", [0, 2])
def test_lengths_are_rounded_up(layers):
    frames = noise(1, 4, 5, 8, 9)
    out = make(layers)(frames, None)
    assert out.lengths.tolist() == [1, 1, 2, 2, 3]
    assert out.values.shape == (5, 3, 32)


@pytest.mark.parametrize("layers", [0, 2])
def test_the_last_frame_is_heard(layers):
    connector = make(layers)
    for n in range(1, 10):
        values = noise(n).values.requires_grad_()
        out = connector(Frames(values, torch.tensor([n]), CLOCK), None).values
        (seen,) = torch.autograd.grad(out[0, -1].square().sum(), values)
        assert seen[0, -1].any()


def test_without_layers_a_vector_sees_its_own_stack_only():
    values = noise(10).values.requires_grad_()
    out = make(0)(Frames(values, torch.tensor([10]), CLOCK), None).values
    for k in range(3):
        (seen,) = torch.autograd.grad(out[0, k].square().sum(), values, retain_graph=True)
        assert seen[0].abs().sum(1).nonzero().flatten().tolist() == list(range(4 * k, min(4 * k + 4, 10)))


def test_a_stack_is_its_frames_side_by_side_and_zeros():
    connector = make(0)
    frames = noise(6)
    row = torch.cat([frames.values[0, 4], frames.values[0, 5], torch.zeros(24)])
    expected = connector.norm_out(connector.mlp(connector.norm_in(row)))
    torch.testing.assert_close(connector(frames, None).values[0, 1], expected)


@pytest.mark.parametrize("layers", [0, 2])
def test_padding_and_company_change_nothing(layers):
    connector = make(layers)
    frames = noise(9, 6)
    frames.values[1, 6:] = 100.0
    together = connector(frames, None)
    alone = connector(Frames(frames.values[1:, :6], torch.tensor([6]), CLOCK), None)
    torch.testing.assert_close(together.values[1, :2], alone.values[0])


def test_match_scale_starts_at_the_size_of_the_embeddings():
    connector = make(0)
    embeddings = torch.randn(500, 32) * 0.03
    connector.match_scale(embeddings)
    size = float(connector(noise(40), None).values.detach().square().mean().sqrt())
    assert size == pytest.approx(float(embeddings.square().mean().sqrt()), rel=0.01)


@pytest.mark.parametrize("layers", [0, 2])
def test_every_weight_learns(layers):
    connector = make(layers)
    out = connector(noise(9, 6), None).values
    (out * torch.randn(out.shape, generator=torch.Generator().manual_seed(3))).sum().backward()
    assert [n for n, p in connector.named_parameters() if p.grad is None or not p.grad.any()] == []
