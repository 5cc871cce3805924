"""State of a training run on disk: weights, optimiser, position. Atomic, and without pickle.

Random numbers need no place in it: they follow from the seed and the step (`loop.step_seed`).
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ssr_connector.errors import UserError
from ssr_connector.files import replace_folder, write_tensors

TENSORS, POSITION = "state.safetensors", "position.json"


@dataclass(frozen=True)
class Position:
    """Where a run is: `step` steps are done, the next batch is number `index` of `epoch`."""

    step: int = 0
    epoch: int = 0
    index: int = 0


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters that learn, by name; a shared one once."""
    return {k: p for k, p in module.named_parameters() if p.requires_grad}


def owners(optimizers: Sequence[torch.optim.Optimizer]) -> dict[int, torch.optim.Optimizer]:
    """Which optimiser moves a parameter, by its `id`."""
    return {id(p): o for o in optimizers for group in o.param_groups for p in group["params"]}


def save_state(
    folder: Path, module: nn.Module, optimizers: Sequence[torch.optim.Optimizer], at: Position, keep: int
) -> None:
    """Write `folder/step-…`, then remove all but the newest `keep`. The older one stays until this one is whole."""
    tensors: dict[str, Tensor] = {}
    owner = owners(optimizers)
    for name, parameter in trainable(module).items():
        tensors[f"weight/{name}"] = parameter.detach()
        moved_by = owner.get(id(parameter))
        for key, value in (moved_by.state.get(parameter, {}) if moved_by else {}).items():
            tensors[f"optimizer/{key}/{name}"] = torch.as_tensor(value).detach()
    with replace_folder(folder / f"step-{at.step:08d}") as new:
        write_tensors(new / TENSORS, {k: v.cpu().contiguous() for k, v in tensors.items()})
        (new / POSITION).write_text(json.dumps(asdict(at)))
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    for half_written in folder.glob("step-*.*"):  # by a process that was killed
        shutil.rmtree(half_written, ignore_errors=True)


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(p for p in folder.glob("step-????????") if (p / POSITION).is_file())


def load_state(folder: Path, module: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> Position:
    """Take up the newest checkpoint, or stay at the start where there is none. Raises UserError where it is damaged."""
    found = checkpoints(folder)
    if not found:
        return Position()
    try:
        tensors = load_file(found[-1] / TENSORS)
        at = Position(**json.loads((found[-1] / POSITION).read_text()))
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise UserError(f"{found[-1]} is damaged ({error}); remove it to go on from the one before") from error
    parameters = trainable(module)
    stored = {k.removeprefix("weight/") for k in tensors if k.startswith("weight/")}
    if stored != set(parameters):
        name = min(stored ^ set(parameters))
        raise UserError(f"{found[-1]} is of another model (it differs in {name}); start in another folder")
    with torch.no_grad():
        for name, parameter in parameters.items():
            if parameter.shape != tensors[f"weight/{name}"].shape:
                raise UserError(f"{found[-1]} has another shape for {name}; start in another folder")
            parameter.copy_(tensors[f"weight/{name}"])
    owner = owners(optimizers)
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, entry, name = key.split("/", 2)
            target = parameters[name]
            owner[id(target)].state[target][entry] = value if entry == "step" else value.to(target.device)
    return at
