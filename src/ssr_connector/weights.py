"""Weights in files: every tensor fits, none is missing, none is left over; nor is what was said of their shape."""

from collections.abc import Callable, Collection
from pathlib import Path

import torch
from torch import nn

from ssr_connector.errors import UserError


def load_exactly(
    module: nn.Module, state: dict[str, torch.Tensor], file: Path, needed: Callable[[str], bool] = lambda _: True
) -> None:
    """Load every tensor of a file, and let none that is needed be missing."""
    own = module.state_dict()
    tied = set(own) - set(drop_shared(own))
    missing = sorted(k for k in own if k not in state and needed(k) and k not in tied)
    unknown = sorted(k for k in state if k not in own)
    misshapen = sorted(k for k in state if k in own and state[k].shape != own[k].shape)
    for what, keys in (("lacks", missing), ("has unknown", unknown), ("has another shape for", misshapen)):
        if keys:
            raise UserError(f"{file} {what} {keys[0]} and {len(keys) - 1} more; it is of another model or version")
    module.load_state_dict(state, strict=False)


def refuse_newer(file: Path, unknown: Collection[str]) -> None:
    """Raise UserError where there is anything unknown in the configuration beside the weights."""
    if unknown:
        raise UserError(
            f"{file} has {', '.join(sorted(unknown))}, which this version of ssr-connector does not know: a newer one "
            "wrote it; upgrade ssr-connector"
        )


def drop_shared(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """One name for each storage: safetensors holds no aliases, and tied embeddings are tied again on loading."""
    seen: set[tuple[int, tuple[int, ...]]] = set()
    kept = {}
    for key, value in state.items():
        place = (value.data_ptr(), tuple(value.shape))
        if place not in seen or not value.numel():
            kept[key] = value.contiguous()
        seen.add(place)
    return kept
