"""Acoustic units: every frame as the number of the nearest of some centroids (k-means)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssr_connector.errors import UserError
from ssr_connector.types import Frames

MAX_FRAMES = 200_000  # what is clustered: more changes little, and a batch step of k-means costs as many distances


def fit_centroids(batches: Iterator[Frames], n_units: int, seed: int) -> Tensor:
    """Centroids [n_units, F] of encoder frames, by scikit-learn's mini-batch k-means.

    Takes whole batches up to `MAX_FRAMES` frames. Raises UserError where there are fewer frames than units.
    """
    from sklearn.cluster import MiniBatchKMeans

    rows: list[Tensor] = []
    n = 0
    for batch in batches:
        rows += [values[:length] for values, length in zip(batch.values, batch.lengths.tolist(), strict=True)]
        n += int(batch.lengths.sum())
        if n >= MAX_FRAMES:
            break
    if n < n_units:
        raise UserError(f"{n} frames of speech cannot be told into {n_units} units; lower aligner.units")
    frames = torch.cat(rows)[:MAX_FRAMES].float().cpu().numpy()
    found = MiniBatchKMeans(n_units, batch_size=4096, n_init=3, random_state=seed).fit(frames)
    return torch.from_numpy(found.cluster_centers_.astype(np.float32))


def read_centroids(path: Path, encoder_width: int) -> Tensor:
    """Centroids [n, F] of a .npy file. Raises UserError where they are none of this encoder's."""
    try:
        with path.open("rb") as file:
            values = np.lib.format.read_array(file, allow_pickle=False)
        if values.dtype.kind not in "fiu":
            raise ValueError(f"an array of {values.dtype}")
    except (OSError, ValueError) as error:
        raise UserError(f"{path} holds no centroids ({error}); give a .npy file of shape [units, width]") from error
    if values.ndim != 2 or values.shape[1] != encoder_width or not len(values):
        raise UserError(f"{path} holds an array of shape {values.shape}; the encoder's frames are {encoder_width} wide")
    with np.errstate(over="ignore"):  # said below
        centroids = torch.from_numpy(values.astype(np.float32))
    if not bool(centroids.isfinite().all()):
        raise UserError(f"{path} has centroids that are not finite in float32; cluster the frames again")
    return centroids


def nearest_unit(frames: Tensor, centroids: Tensor) -> Tensor:
    """Number of the centroid nearest to each frame [..., F] → [...] int64."""
    with torch.autocast(frames.device.type, enabled=False):  # in 16 bits many frames would have another nearest one
        # The frame's own square is the same for all centroids.
        scores = frames.float() @ centroids.T - 0.5 * centroids.square().sum(1)
    return scores.argmax(-1)
