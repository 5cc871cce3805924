"""Acoustic units."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from ssr_connector.aligners.units import fit_centroids, nearest_unit
from ssr_connector.types import Frames
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)


@given(st.integers(1, 9), st.integers(1, 6), st.integers(0, 99))
def test_the_nearest_is_the_nearest(n_units, width, seed):
    generator = torch.Generator().manual_seed(seed)
    frames, centroids = (torch.randn(n, width, generator=generator) for n in (11, n_units))
    distances = torch.cdist(frames, centroids)
    found = distances.gather(1, nearest_unit(frames, centroids)[:, None]).squeeze(1)
    assert torch.allclose(found, distances.min(1).values, atol=1e-4)


def test_planted_clusters_are_found_and_padding_is_not_one_of_them():
    torch.manual_seed(0)
    planted = torch.tensor([[5.0, 0], [0, 5], [-5, -5]])
    values = planted[torch.arange(60) % 3] + 0.1 * torch.randn(60, 2)
    batch = Frames(torch.stack([values, torch.full((60, 2), 99.0)]), torch.tensor([60, 0]), CLOCK)
    found = [fit_centroids(iter([batch]), 3, 0) for _ in range(2)]
    assert torch.equal(*found)
    assert torch.cdist(planted, found[0]).min(1).values.max() < 0.2
