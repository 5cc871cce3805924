import pytest
import torch

from ssr_connector.encoders.layer_mix import LayerMix, layer_mix, n_mixed


def test_it_is_the_weighted_sum_of_levelled_layers():
    torch.manual_seed(0)
    layers = [torch.randn(2, 5, 8) * size + size for size in (1.0, 100.0, 0.01)]
    mix = LayerMix(3)
    with torch.no_grad():
        mix.weights.copy_(torch.tensor([0.3, -1.0, 2.0]))
        mix.scale.fill_(1.5)
    shares = torch.tensor([0.3, -1.0, 2.0]).exp()
    shares /= shares.sum()
    levelled = [(x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, correction=0) + 1e-5).sqrt() for x in layers]
    expected = 1.5 * sum(share * x for share, x in zip(shares, levelled, strict=True))
    torch.testing.assert_close(mix(torch.cat(layers, -1)), expected, atol=1e-5, rtol=1e-4)
    assert mix.shares() == pytest.approx(shares.tolist())


def test_it_learns_which_layer_holds_what_is_asked_for():
    torch.manual_seed(0)
    mix, read = LayerMix(3), torch.nn.Linear(8, 1, bias=False)
    optimiser = torch.optim.Adam([*mix.parameters(), *read.parameters()], lr=0.05)
    true = torch.randn(8)
    for _ in range(200):
        layers = torch.randn(3, 64, 8)
        target = torch.nn.functional.layer_norm(layers[1], (8,)) @ true
        loss = (read(mix(torch.cat(list(layers), -1)))[:, 0] - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert mix.shares()[1] > 0.9


def test_one_layer_is_left_as_it_is():
    assert (n_mixed(None), n_mixed(9), n_mixed([4, 8, 12])) == (1, 1, 3)
    x = torch.randn(2, 5, 8)
    assert torch.equal(layer_mix(1)(x), x)
    assert not list(layer_mix(1).parameters())
