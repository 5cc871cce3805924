"""A few real steps of a stage's shapes: how fast this machine is, and what a process takes beyond its tensors."""

import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import nn

from ssr_connector.config import Recipe
from ssr_connector.devices import best_device, in_precision
from ssr_connector.training.optimizers import build_optimizers
from ssr_connector.training.stand_in import ASSEMBLE, Speech, evaluation_or_training

LENGTHS = (1.0, 0.6, 1.3, 0.8)  # of utterances, by the mean: batches come in all shapes, which tells on the allocator


@dataclass(frozen=True)
class Trial:
    """Time of all steps, and memory where models run on the CPU."""

    seconds: float
    cpu_seconds: float
    process_bytes: int | None  # before there was any model
    peak_bytes: int


def try_out(stage: str, recipe: Recipe, shapes: Sequence[Speech], llm_layers: int | None) -> Trial:
    """A step of each shape after one that warms up, in a process that begins with nothing, as a run does."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_try_out, stage, recipe, shapes, llm_layers).result()


def _try_out(stage: str, recipe: Recipe, shapes: Sequence[Speech], llm_layers: int | None) -> Trial:
    device = best_device()
    _load_libraries()
    process_bytes = _peak_bytes()
    with torch.device(device):
        parts = ASSEMBLE[stage](recipe, shapes[0], llm_layers)
        modules = nn.ModuleList(parts.named().values()).to(device)
        evaluation_or_training(parts)
        optimizers = build_optimizers(modules, recipe.training)
        for k, shape in enumerate([shapes[0], *shapes]):
            if k == 1:
                started, cpu_started = time.perf_counter(), time.process_time()
            with in_precision(recipe.training.precision, device):
                loss = parts.loss(recipe, shape)
            torch.autograd.backward(loss)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            if device.type != "cpu":
                torch.accelerator.synchronize()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return Trial(seconds, cpu_seconds, process_bytes if device.type == "cpu" else None, _peak_bytes())


def _load_libraries() -> None:
    """All that a run of training has loaded when it begins, and what an optimiser loads at its first step."""
    import accelerate
    import lhotse.dataset
    import torch.utils.tensorboard

    import ssr_connector.training.stages  # noqa: F401

    _ = accelerate, lhotse.dataset, torch.utils.tensorboard
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([weight])
    torch.autograd.backward(weight.square().sum())
    optimizer.step()


def _peak_bytes() -> int:
    """The most that this process has had in memory."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes where there is no /proc (macOS)
    return next(1024 * int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
