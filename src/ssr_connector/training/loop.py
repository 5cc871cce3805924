"""The training loop of every stage."""

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ssr_connector.config import TrainingSection
from ssr_connector.errors import UserError
from ssr_connector.files import write_json
from ssr_connector.training.batches import Batch, Batches
from ssr_connector.training.checkpoint import Position, load_state, save_state, trainable
from ssr_connector.training.objectives import Logged, Objective

Progress = Callable[[int, int, Logged], None]
METRICS, SUMMARY = "metrics.jsonl", "training.json"


@dataclass(frozen=True)
class Weighted:
    """An objective and its share of the loss."""

    name: str
    weight: float
    objective: Objective


class Student(nn.Module):
    """What learns, behind one forward from batch to loss, so that DDP and FSDP can wrap it."""

    def __init__(self, learner: nn.Module, objectives: list[Weighted]) -> None:
        super().__init__()
        self.learner = learner
        self.objectives = objectives

    def forward(self, batch: Batch) -> tuple[Tensor, Logged]:
        """The weighted loss, and what to log."""
        total: Tensor | None = None
        logged: Logged = {}
        for part in self.objectives:
            loss, figures = part.objective(batch)
            total = part.weight * loss if total is None else total + part.weight * loss
            logged |= figures
        if total is None:
            raise UserError("training.objectives is empty: name at least one objective and its weight")
        return total, {"loss": total.item(), **logged}


def learning_rate(config: TrainingSection, step: int) -> float:
    """Linear warm-up, then the schedule down to `final_lr_share`."""
    if step < config.warmup_steps:
        return config.lr * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    floor = config.final_lr_share
    shares = {
        "constant": 1.0,
        "linear": floor + (1 - floor) * (1 - done),
        "cosine": floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2,
    }
    return config.lr * shares[config.schedule]


def train(
    student: Student,
    batches: Batches,
    config: TrainingSection,
    out: Path,
    progress: Progress,
    evaluate: Callable[[], Logged] | None = None,
) -> Logged:
    """Train to `config.steps`, going on from the newest checkpoint in `out`. Returns the last figures logged.

    Raises UserError on a loss that is not a number, naming the batch's utterances.
    """
    from accelerate import Accelerator

    accelerator = Accelerator(mixed_precision=config.precision)
    optimizer = torch.optim.AdamW(
        list(trainable(student).values()), lr=config.lr, betas=config.betas, weight_decay=config.weight_decay
    )
    at = load_state(out / "checkpoints", student, optimizer)
    log = MetricsLog(out, at.step)
    model, optimizer = accelerator.prepare(student, optimizer)
    student.train()
    figures: Logged = {}
    started, first = time.monotonic(), at.step
    stream = batches.from_position(at.step, at.epoch, at.index)
    try:
        while at.step < config.steps:
            epoch, index, batch = next(stream)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(config, at.step)
            with accelerator.autocast():
                loss, figures = model(batch)
            if not math.isfinite(figures["loss"]):
                ids = batch.speech.ids if batch.speech else []
                raise UserError(f"step {at.step}: the loss is {figures['loss']}; utterances {', '.join(ids[:8])}")
            accelerator.backward(loss)
            norm = accelerator.clip_grad_norm_(student.parameters(), config.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            at = Position(at.step + 1, epoch, index + 1)
            last = at.step == config.steps
            figures |= {"gradient_norm": float(norm), "lr": learning_rate(config, at.step - 1)}
            if evaluate and (last or (config.evaluate_every and at.step % config.evaluate_every == 0)):
                student.eval()
                figures |= {f"dev_{k}": v for k, v in evaluate().items()}
                student.train()
            if accelerator.is_main_process:
                if last or at.step % config.log_every == 0 or any(k.startswith("dev_") for k in figures):
                    log.write(at.step, figures)
                if last or at.step % config.checkpoint_every == 0:
                    save_state(out / "checkpoints", student, optimizer, at, config.keep_checkpoints)
            progress(at.step, config.steps, figures)
    except KeyboardInterrupt:
        if accelerator.is_main_process:
            save_state(out / "checkpoints", student, optimizer, at, config.keep_checkpoints)
        raise
    finally:
        log.close()
    seconds = time.monotonic() - started
    if at.step > first:
        write_json(
            out / SUMMARY, {"steps": at.step, "seconds_this_run": seconds, "steps_this_run": at.step - first, **figures}
        )
    return figures


class MetricsLog:
    """Figures as JSON lines and for TensorBoard; a resumed run cuts off what it will do again."""

    def __init__(self, out: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        out.mkdir(parents=True, exist_ok=True)
        self.path = out / METRICS
        kept = [line for line in self._lines() if json.loads(line)["step"] <= step]
        self.path.write_text("".join(kept))
        self.file = self.path.open("a")
        self.board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)

    def _lines(self) -> list[str]:
        if not self.path.exists():
            return []
        # A line that a killed process left half-written ends without a line break.
        return [line for line in self.path.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def write(self, step: int, figures: Logged) -> None:
        """Append one line."""
        self.file.write(json.dumps({"step": step, **figures}) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        for name, value in figures.items():
            self.board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush everything."""
        self.file.close()
        self.board.close()
