"""Mean pooling against numpy."""

import numpy as np
import pytest
import torch

from ssr_connector.connectors.decoder import FrameDecoder

ROWS = ([(0, 4), (4, 9), (10, 20), (18, 20)], [(2, 3), (3, 9)])


def normed(x, gain):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + np.finfo(np.float32).eps) * gain


@pytest.mark.parametrize("layers", [0, 2])
def test_a_token_is_the_mean_of_its_frames(layers, make, noise, spans):
    connector = make("mean_pool", layers=layers)
    frames = noise(20, 9)
    with torch.no_grad():
        out = connector(frames, spans(*ROWS))
        states = (frames.values if connector.decoder is None else connector.decoder(frames.values)).numpy()
    gain = connector.norm_out.weight.detach().numpy()
    weight = np.eye(32) if layers else connector.project.weight.detach().numpy()
    for i, row in enumerate(ROWS):
        for k, (a, b) in enumerate(row):
            expected = normed(states[i, a:b].mean(0) @ weight.T, gain)
            np.testing.assert_allclose(out.values[i, k].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_without_layers_a_token_hears_its_own_frames_alone(make, noise, spans):
    values = noise(20).values.requires_grad_()
    frames = noise(20)
    out = make("mean_pool", layers=0)(type(frames)(values, frames.lengths, frames.clock), spans(ROWS[0])).values
    for k, (a, b) in enumerate(ROWS[0]):
        (seen,) = torch.autograd.grad(out[0, k, 0], values, retain_graph=True)
        assert seen[0].abs().sum(1).nonzero().flatten().tolist() == list(range(a, b))


def test_behind_the_decoder_it_has_ssrs_parameters_and_one_norm(make):
    ssr, pool = make("ssr"), make("mean_pool")
    assert isinstance(pool.decoder, FrameDecoder)
    assert pool.n_parameters == ssr.n_parameters + 32
