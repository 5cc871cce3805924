"""A learnt weighted sum of hidden layers of the encoder (ELMo, Peters et al. 2018; SUPERB, Yang et al. 2021)."""

import torch
from torch import Tensor, nn

Layers = int | list[int] | None  # hidden states of an encoder: one, several to be mixed, or (None) the last


def n_mixed(layer: Layers) -> int:
    """How many layers lie side by side in every frame."""
    return len(layer) if isinstance(layer, list) else 1


class LayerMix(nn.Module):
    """Frames with `n` layers side by side [..., n · F] → [..., F]: `scale · Σ softmax(weights)_k · norm(layer_k)`.

    Each layer is normalised first (without gain), as their sizes differ by orders of magnitude: so the softmax is the
    share that a layer has. Every module that hears frames has a mixture of its own, which learns with it.
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(n))
        self.scale = nn.Parameter(torch.ones(1))  # one dimension: FSDP shards no scalars

    def forward(self, values: Tensor) -> Tensor:
        """[..., n · F] → [..., F]."""
        layers = values.reshape(*values.shape[:-1], len(self.weights), -1)  # [..., n, F]
        levelled = nn.functional.layer_norm(layers, layers.shape[-1:])
        mixed: Tensor = torch.einsum("...nf,n->...f", levelled, self.weights.softmax(0).to(levelled.dtype))
        return self.scale * mixed

    def shares(self) -> list[float]:
        """What each layer counts; they sum to 1."""
        found: list[float] = self.weights.detach().softmax(0).tolist()
        return found


def layer_mix(n: int) -> nn.Module:
    """The mixture of `n` layers; nothing where there is one."""
    return LayerMix(n) if n > 1 else nn.Identity()
