"""State of a training run on disk: weights, buffers, optimiser, position. Atomic, and without pickle.

A sharded run writes one file of safetensors a process, each with its rows of every tensor; any number of processes can
go on from it, sharded or not. Random numbers need no place in it: they follow from the seed and the step
(`loop.step_seed`).
"""

import contextlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from ssr_connector.errors import UserError
from ssr_connector.files import replace_folder, write_tensors
from ssr_connector.training.processes import common_folder, processes
from ssr_connector.training.sharding import local, rows

POSITION = "position.json"


@dataclass(frozen=True)
class Position:
    """Where a run is, counted over all its processes, so that another number of them can go on.

    `step` steps are done, which took `batches` batches; the next one is number `index` of `epoch`.
    """

    step: int = 0
    epoch: int = 0
    index: int = 0
    batches: int = 0


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters that learn, by name; a shared one once."""
    return {k: p for k, p in module.named_parameters() if p.requires_grad}


def learnt_buffers(module: nn.Module) -> dict[str, Tensor]:
    """Buffers, by name, of parts that learn: what they follow in training, or were fitted to, is part of them.

    Not those that a module computes anew and does not save.
    """
    return {
        f"{prefix}.{name}" if prefix else name: buffer
        for prefix, part in module.named_modules()
        if any(p.requires_grad for p in part.parameters())
        for name, buffer in part.named_buffers(recurse=False)
        if name not in part._non_persistent_buffers_set
    }


def owners(optimizers: Sequence[torch.optim.Optimizer]) -> dict[int, torch.optim.Optimizer]:
    """Which optimiser moves a parameter, by its `id`."""
    return {id(p): o for o in optimizers for group in o.param_groups for p in group["params"]}


def save_state(
    folder: Path, module: nn.Module, optimizers: Sequence[torch.optim.Optimizer], at: Position, keep: int
) -> None:
    """Write `folder/step-…`, then remove all but the newest `keep`. The older one stays until this one is whole.

    All processes call it at once; where nothing is sharded, the first one writes for all.
    """
    tensors: dict[str, Tensor] = {}
    owner = owners(optimizers)
    for name, parameter in trainable(module).items():
        tensors[f"weight/{name}"] = parameter.detach()
        moved_by = owner.get(id(parameter))
        for key, value in (moved_by.state.get(parameter, {}) if moved_by else {}).items():
            tensors[f"optimizer/{key}/{name}"] = torch.as_tensor(value).detach()
    state = processes()
    sharded = any(isinstance(t, DTensor) for t in tensors.values())
    if not sharded and not state.is_main_process:
        return
    place = folder / f"step-{at.step:08d}"
    n_files = state.num_processes if sharded else 1
    if state.is_main_process:  # they are divided nowhere
        tensors |= {f"buffer/{name}": buffer for name, buffer in learnt_buffers(module).items()}
    with common_folder(place) if sharded else replace_folder(place) as new:
        file = new / file_name(state.process_index, n_files)
        write_tensors(file, {k: local(v).cpu().contiguous() for k, v in tensors.items()})
        if state.is_main_process:
            (new / POSITION).write_text(json.dumps(asdict(at) | {"files": n_files}))
    if state.is_main_process:
        for old in checkpoints(folder)[:-keep]:
            shutil.rmtree(old)
        for half_written in folder.glob("step-*.*"):  # by a process that was killed
            shutil.rmtree(half_written, ignore_errors=True)


def file_name(index: int, n_files: int) -> str:
    """Of the rows of one process; named as transformers names such files."""
    return "state.safetensors" if n_files == 1 else f"state-{index + 1:05d}-of-{n_files:05d}.safetensors"


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(p for p in folder.glob("step-????????") if (p / POSITION).is_file())


def load_state(folder: Path, module: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> Position:
    """Take up the newest checkpoint, or stay at the start where there is none. Raises UserError where it is damaged."""
    found = checkpoints(folder)
    if not found:
        return Position()
    with contextlib.ExitStack() as opened:
        try:
            kept = json.loads((found[-1] / POSITION).read_text())
            n_files = kept.pop("files", 1)
            names = [file_name(k, n_files) for k in range(n_files)]
            at = Position(**kept)
            state = Rows([opened.enter_context(safe_open(found[-1] / name, "pt")) for name in names])
            take_up(state, trainable(module), owners(optimizers), found[-1])
            take_up_buffers(state, learnt_buffers(module), found[-1])
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{found[-1]} is damaged ({error}); remove it to go on from the one before") from error
    return at


class Rows:
    """The tensors of a checkpoint, whose rows lie in one file after the other."""

    def __init__(self, files: Sequence[Any]) -> None:
        self.files = files
        self.keys: list[str] = list(files[0].keys())

    def shape(self, key: str) -> tuple[int, ...]:
        """Of the whole tensor."""
        shapes = [file.get_slice(key).get_shape() for file in self.files]
        return (sum(s[0] for s in shapes), *shapes[0][1:]) if shapes[0] else ()

    def undivided(self, key: str) -> Tensor:
        """What the first file has, for all."""
        tensor: Tensor = self.files[0].get_tensor(key)
        return tensor

    def read(self, key: str, like: Tensor) -> Tensor:
        """The rows that `like` holds here; numbers are the same in every file."""
        if not self.shape(key):
            return self.undivided(key)
        wanted, first = rows(like), 0
        parts = []
        for file in self.files:
            part = file.get_slice(key)
            n = part.get_shape()[0]
            parts.append(part[min(n, max(0, wanted.start - first)) : min(n, max(0, wanted.stop - first))])
            first += n
        return torch.cat(parts)


def take_up(
    state: Rows, parameters: dict[str, nn.Parameter], owner: dict[int, torch.optim.Optimizer], place: Path
) -> None:
    """Fill parameters and optimisers. Raises UserError where the checkpoint is of another model."""
    stored = {k.removeprefix("weight/") for k in state.keys if k.startswith("weight/")}
    if stored != set(parameters):
        name = min(stored ^ set(parameters))
        raise UserError(f"{place} is of another model (it differs in {name}); start in another folder")
    for name, parameter in parameters.items():
        if parameter.shape != state.shape(f"weight/{name}"):
            raise UserError(f"{place} has another shape for {name}; start in another folder")
        local(parameter.detach()).copy_(state.read(f"weight/{name}", parameter))
    for key in state.keys:
        if key.startswith("optimizer/"):
            _, entry, name = key.split("/", 2)
            target = parameters[name]
            value = state.read(key, target)
            if value.dim():
                whole = torch.zeros_like(target, dtype=value.dtype)
                local(whole).copy_(value)
                value = whole
            owner[id(target)].state[target][entry] = value


def take_up_buffers(state: Rows, buffers: dict[str, Tensor], place: Path) -> None:
    """Fill buffers; checkpoints of older versions have none. Raises UserError where one has another shape."""
    for key in state.keys:
        if key.startswith("buffer/"):
            name = key.removeprefix("buffer/")
            stored, buffer = state.undivided(key), buffers.get(name)
            if buffer is None or buffer.shape != stored.shape:
                raise UserError(f"{place} is of another model (it differs in {name}); start in another folder")
            buffer.copy_(stored)
