"""Strided convolutions: lengths against a real call, and what a vector sees."""

import pytest
import torch
from torch import nn

from ssr_connector.types import Frames


@pytest.mark.parametrize("conv_layers", [1, 2, 3])
def test_lengths_are_those_of_torchs_own_convolutions(conv_layers, make, noise):
    connector = make("conv", layers=0, conv_layers=conv_layers)
    for n in range(1, 35):
        x = torch.zeros(1, 1, n)
        for _ in range(conv_layers):
            x = nn.functional.conv1d(x, torch.zeros(1, 1, 3), stride=2, padding=1)
        out = connector(noise(n), None)
        assert out.lengths.tolist() == [x.shape[2]] == [-(-n // 2**conv_layers)]
        assert out.values.shape == (1, x.shape[2], 32)


@pytest.mark.parametrize("layers", [0, 2])
def test_the_last_frame_is_heard(layers, make, noise):
    connector = make("conv", layers=layers)
    for n in range(1, 12):
        frames = noise(n)
        values = frames.values.requires_grad_()
        out = connector(Frames(values, frames.lengths, frames.clock), None).values
        (seen,) = torch.autograd.grad(out[0, -1, 0], values)
        assert seen[0, -1].any()


def test_a_vector_sees_three_frames_on_both_sides_of_its_own(make, noise):
    """Kernel 3 and stride 2, twice: vector k is centred on frame 4k and reaches 1 + 2 frames."""
    frames = noise(20)
    values = frames.values.requires_grad_()
    out = make("conv", layers=0)(Frames(values, frames.lengths, frames.clock), None).values
    for k in range(5):
        (seen,) = torch.autograd.grad(out[0, k, 0], values, retain_graph=True)
        assert seen[0].abs().sum(1).nonzero().flatten().tolist() == list(range(max(0, 4 * k - 3), min(20, 4 * k + 4)))


def test_a_layer_is_a_convolution_and_a_gate(make, noise):
    connector = make("conv", layers=0, conv_layers=1)
    frames = noise(6)
    x = connector.norm_in(frames.values[0])
    kernel, bias = connector.convs[0].weight, connector.convs[0].bias  # [64, 12, 3]
    summed = bias + sum(kernel[:, :, j] @ x[3 + j] for j in range(3))  # vector 2 is centred on frame 4
    expected = connector.norm_out(summed[:32] * summed[32:].sigmoid())
    torch.testing.assert_close(connector(frames, None).values[0, 2], expected)
