"""What a step takes, found out without taking it: the real modules run on tensors that have shapes and no contents."""

import contextlib
import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import FlopCounterMode

GIB = 2**30
_COLLECT_EVERY = 20  # operations, of which a layer has some hundred


@dataclass(frozen=True)
class Footprint:
    """Of forward and backward: bytes beyond weights, after the forward and at the peak; floating-point operations."""

    forward_bytes: int
    peak_bytes: int
    flops: int


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not type it
    """Counts the bytes of all storages that operations make, while they live."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self.tidy = False  # whether to collect what hangs on in cycles
        self._n_calls = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._n_calls += 1
        if self.tidy and self._n_calls % _COLLECT_EVERY == 0:
            gc.collect()
        self._see((args, kwargs), counted=False)  # weights and inputs were there before
        out = func(*args, **(kwargs or {}))
        self._see(out, counted=True)
        return out

    def _see(self, values: Any, counted: bool) -> None:
        for value in tree_iter(values):
            if isinstance(value, Tensor):
                storage = value.untyped_storage()
                self._count(storage, storage.nbytes() if counted else 0)

    def _count(self, storage: Any, size: int) -> None:
        key = storage._cdata
        if key in self._known:
            return
        self._known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def footprint(forward: Callable[[], Tensor], checkpointed: bool = False) -> Footprint:
    """Of `forward`, which returns a loss, and its backward; modules and tensors are fake (see `pretend`).

    What `checkpointed` layers compute again hangs on in cycles here, which it does not on real tensors.
    """
    live, flops = LiveBytes(), count_flops()
    with flops, live:
        loss = forward()
        after_forward, live.tidy = live.live, checkpointed
        gc.freeze()  # what is there already is not looked at, which makes collecting quick
        try:
            torch.autograd.backward(loss)
        finally:
            gc.unfreeze()
    return Footprint(after_forward, live.peak, flops.get_total_flops())


def count_flops() -> FlopCounterMode:
    """A context that counts operations, those of attention too: torch's own knows the GPU's kernels only."""
    return FlopCounterMode(display=False, custom_mapping=_ATTENTION)


def _attention(query: Any, key: Any, *_: Any, **__: Any) -> int:
    """Of queries [B, heads, N, width] on keys [B, heads, M, width], both products; causality is left out."""
    B, heads, N, width = query
    return int(4 * B * heads * N * key[2] * width)


def _attention_backward(gradient: Any, query: Any, key: Any, *_: Any, **__: Any) -> int:  # noqa: ARG001 - torch's order
    """The scores once more, and the gradients of queries, keys, values and scores."""
    return _attention(query, key) * 5 // 2


_ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}


def hollow(build: Callable[[], nn.Module]) -> nn.Module:
    """What `build` makes; within `pretend` it works on the meta device, and its tensors are made fake afterwards.

    For builders that cannot move fake tensors, such as peft's.
    """
    with for_real() as pretending:
        with torch.device("meta") if pretending else contextlib.nullcontext():
            module = build()
        if not pretending:
            return module
    made: dict[int, nn.Parameter] = {}  # tied ones stay tied
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                fake = torch.empty(value.shape, dtype=value.dtype)
                part._parameters[name] = made.setdefault(id(value), nn.Parameter(fake, value.requires_grad))
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = torch.empty(buffer.shape, dtype=buffer.dtype)
    return module


def pretend() -> Any:
    """A context in which modules and tensors have shapes and no contents: an 8B model takes no memory.

    Fake tensors, not meta ones: transformers looks into masks and positions of the latter.
    """
    from torch._subclasses import FakeTensorMode

    return FakeTensorMode()


def for_real() -> Any:
    """A context within `pretend` whose tensors have contents: what wraps an array of numpy's dies as a fake one."""
    from torch._subclasses.fake_tensor import unset_fake_temporarily

    return unset_fake_temporarily()


def is_pretended(tensor: Tensor) -> bool:
    """Whether it has a shape and no contents."""
    from torch._subclasses import FakeTensor

    return isinstance(tensor, FakeTensor)
