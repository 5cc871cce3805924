import pytest
import torch

from ssr_connector.tiny.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(2, 8, 24), (3, 24, 8), (1, 16, 16)])
def test_singular_values_become_alike(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.max() < 1.3
    assert values.quantile(0.2) > 0.5


def test_the_size_of_a_gradient_does_not_matter() -> None:
    gradient = torch.randn(6, 10, generator=torch.Generator().manual_seed(0))
    steps = []
    for scale in (1.0, 1000.0):
        weight = torch.zeros(6, 10, requires_grad=True)
        weight.grad = scale * gradient
        Muon([weight], lr=0.1).step()
        steps.append(weight.detach().clone())
    torch.testing.assert_close(steps[0], steps[1], rtol=1e-4, atol=1e-5)
    assert (steps[0] * gradient).sum() < 0


def test_it_learns_a_linear_map() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs, wanted = torch.randn(64, 12, generator=generator), torch.randn(12, 12, generator=generator)
    weight = torch.zeros(12, 12, requires_grad=True)
    optimizer = Muon([weight], lr=0.05, weight_decay=0.0)
    losses = []
    for step in range(150):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 150)
        loss = (inputs @ weight - inputs @ wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]
