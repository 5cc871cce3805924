"""Training runs of the tiny base models: killed at any step, they go on bit for bit."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import nn

from ssr_connector.files import write_json
from ssr_connector.training.checkpoint import Position, load_state, save_state
from ssr_connector.training.loop import METRICS, MetricsLog

MADE_FROM = "made_from.json"
LOG_EVERY = 10
CHECKPOINT_EVERY = 100  # a multiple of LOG_EVERY: what is logged last belongs to the checkpoint


class Resumable:
    """The state of a run in `folder`, which holds no other's: one made from something else is removed first.

    What is drawn at random must follow from the seed and the step alone.
    """

    def __init__(
        self, folder: Path, made_from: Any, module: nn.Module, optimizers: Sequence[torch.optim.Optimizer]
    ) -> None:
        self.folder, self.module, self.optimizers = folder, module, optimizers
        marker = folder / MADE_FROM
        if not marker.is_file() or json.loads(marker.read_text(encoding="utf-8")) != made_from:
            shutil.rmtree(folder, ignore_errors=True)
            write_json(marker, made_from)
        self.done = load_state(folder / "checkpoints", module, optimizers).step
        self.log = MetricsLog(folder, self.done)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.log.close()

    @property
    def last(self) -> dict[str, float]:
        """What was logged last; empty at the start."""
        return self.log.last

    def after(self, step: int, steps: int, figures: dict[str, float]) -> None:
        """Log and save what is due after a step."""
        if step % LOG_EVERY == 0 or step == steps:
            self.log.write(step, figures)
        if step % CHECKPOINT_EVERY == 0 or step == steps:
            save_state(self.folder / "checkpoints", self.module, self.optimizers, Position(step), keep=1)

    def logged(self, name: str) -> list[float]:
        """All values of a figure so far."""
        return [json.loads(line)[name] for line in (self.folder / METRICS).read_text().splitlines()]


def state_folder(out: Path) -> Path:
    """Where the run that makes `out` keeps its state and its log."""
    return out.with_name(f"{out.name}-training")
