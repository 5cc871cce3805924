"""Acoustic units."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssr_connector.aligners.units import fit_centroids, nearest_unit, read_centroids
from ssr_connector.errors import UserError
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


def test_what_is_no_file_of_centroids_is_said_to_be_none(tmp_path):
    path = tmp_path / "units.npy"
    np.save(path, np.arange(6).reshape(3, 2))
    assert read_centroids(path, 2).tolist() == [[0, 1], [2, 3], [4, 5]]
    whole = path.read_bytes()
    np.savez(tmp_path / "units.npz", np.zeros((3, 2)))
    for content in (b"", b"text", whole[:20], whole[:-1], (tmp_path / "units.npz").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"units\.npy holds no centroids"):
            read_centroids(path, 2)
    for values in ([["a", "b"]], [[1j, 2]], [[True, False]]):
        np.save(path, np.array(values))
        with pytest.raises(UserError, match=r"units\.npy holds no centroids .*an array of"):
            read_centroids(path, 2)
    for values in (np.zeros((3, 1)), np.zeros(2), np.zeros((0, 2))):
        np.save(path, values)
        with pytest.raises(UserError, match="the encoder's frames are 2 wide"):
            read_centroids(path, 2)
    for value in (np.nan, np.inf, 1e300):
        np.save(path, np.full((3, 2), value))
        with pytest.raises(UserError, match=r"units\.npy has centroids that are not finite"):
            read_centroids(path, 2)


def test_planted_clusters_are_found_and_padding_is_not_one_of_them():
    torch.manual_seed(0)
    planted = torch.tensor([[5.0, 0], [0, 5], [-5, -5]])
    values = planted[torch.arange(60) % 3] + 0.1 * torch.randn(60, 2)
    batch = Frames(torch.stack([values, torch.full((60, 2), 99.0)]), torch.tensor([60, 0]), CLOCK)
    found = [fit_centroids(iter([batch]), 3, 0) for _ in range(2)]
    assert torch.equal(*found)
    assert torch.cdist(planted, found[0]).min(1).values.max() < 0.2


def test_autocast_changes_no_unit():
    generator = torch.Generator().manual_seed(0)
    frames, centroids = (20 + torch.randn(n, 64, generator=generator) for n in (500, 200))
    with torch.autocast("cpu", torch.bfloat16):
        found = nearest_unit(frames, centroids)
    assert torch.equal(found, nearest_unit(frames, centroids))
