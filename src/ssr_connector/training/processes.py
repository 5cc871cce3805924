"""The processes of a training run: one, or as many as `torchrun` started."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ssr_connector.files import replace_folder
from ssr_connector.types import Logged


def on_cpu() -> bool:
    """Whether several processes share CPUs: accelerate takes them for strangers unless it is told."""
    return "LOCAL_RANK" in os.environ and not torch.accelerator.is_available()


def processes() -> Any:
    """accelerate's view of them: `process_index`, `num_processes`, `device`."""
    from accelerate import PartialState

    return PartialState(cpu=on_cpu())


def anywhere(found: bool) -> bool:
    """Whether any process found it. All ask at once."""
    from accelerate.utils import reduce

    return bool(reduce(torch.tensor(float(found), device=processes().device), "sum") > 0)


def summed(figures: Logged) -> Logged:
    """Each figure's sum over all processes, of which some may lack it. All ask at once."""
    from accelerate.utils import gather_object

    total: Logged = {}
    for found in gather_object([figures]):
        for name, value in found.items():
            total[name] = total.get(name, 0.0) + value
    return total


@contextlib.contextmanager
def common_folder(path: Path) -> Iterator[Path]:
    """`replace_folder` for all processes together: it takes the place of `path` when each has filled its part."""
    from accelerate.utils import broadcast_object_list

    state = processes()
    with replace_folder(path) if state.is_main_process else contextlib.nullcontext() as new:
        (name,) = broadcast_object_list([str(new)])
        yield Path(name)
        state.wait_for_everyone()
