"""The training loop of every stage."""

import contextlib
import json
import math
import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from ssr_connector.config import TrainingSection
from ssr_connector.errors import UserError
from ssr_connector.files import replace_file, whole_lines, write_json
from ssr_connector.training.batches import Batch, Batches
from ssr_connector.training.checkpoint import Position, load_state, save_state
from ssr_connector.training.curves import draw_curves
from ssr_connector.training.objectives import ContinueLikeText, Objective, PredictLikeText
from ssr_connector.training.optimizers import build_optimizers
from ssr_connector.training.processes import anywhere, on_cpu, processes
from ssr_connector.training.retention import TextGuard
from ssr_connector.training.room import Room, described
from ssr_connector.training.sharding import full, is_sharded, shard, unshard
from ssr_connector.types import Logged

Progress = Callable[[int, int, Logged], None]
METRICS, SUMMARY, BAD_BATCHES = "metrics.jsonl", "training.json", "bad_batches.jsonl"
MOST_SKIPPED, MOST_SKIPPED_SHARE = 10, 0.1  # steps: a run that skips more than both is not spoilt by single recordings


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
        taught = [o.objective for o in objectives if isinstance(o.objective, PredictLikeText | ContinueLikeText)]
        own = set(learner.modules())  # an LLM is its own teacher where it does not learn, or additions to it alone
        teachers = dict.fromkeys(objective.teacher.llm for objective in taught)  # two may share one
        self.teachers = nn.ModuleList(llm for llm in teachers if llm not in own)

    def forward(self, batch: Batch, objectives: Sequence[Weighted] | None = None) -> tuple[Tensor, Logged]:
        """The weighted loss of these objectives, or of its own, and what to log."""
        batch = batch.to(next(self.learner.parameters()).device)
        total: Tensor | None = None
        logged: Logged = {}
        for part in self.objectives if objectives is None else objectives:
            loss, figures = part.objective(batch)
            total = part.weight * loss if total is None else total + part.weight * loss
            logged |= figures
        if total is None:
            raise UserError("training.objectives is empty: name at least one objective and its weight")
        return total, {"loss": total.item(), **logged}

    def train(self, mode: bool = True) -> Self:
        """As ever, but parts that do not learn stay in evaluation mode: a frozen LLM drops nothing out."""
        super().train(mode)
        for part in [*self.learner.children(), *self.teachers]:
            parameters = list(part.parameters())
            if parameters and not any(p.requires_grad for p in parameters):
                part.eval()
        return self


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


def set_learning_rate(optimizer: Any, rate: float) -> None:
    """For all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def step_seed(seed: int, step: int, rank: int) -> int:
    """The seed of a step's random numbers: a resumed run draws the same ones, on any device."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint32)[0])


def train(
    student: Student,
    batches: Batches,
    config: TrainingSection,
    out: Path,
    seed: int,
    progress: Progress,
    evaluate: Callable[[], Logged] | None = None,
) -> Logged:
    """Train to `config.steps`, going on from the newest checkpoint in `out`. Returns the last figures logged.

    A sharded student is whole again when it is done, and on the CPU.
    Raises UserError on a loss that is not a number, naming the batch's utterances; KeyboardInterrupt after Ctrl-C,
    and SIGTERM where it is handled as that (`processes.sigterm_as_ctrl_c`), when the step is finished and saved.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state()  # stages in one process may differ in precision
    accelerator = Accelerator(mixed_precision=config.precision, cpu=on_cpu())
    sharded, world = is_sharded(config), accelerator.num_processes
    if sharded:
        shard(student, config.precision)
    optimizers = build_optimizers(student, config)
    if sharded:
        model = accelerator.prepare_model(student, device_placement=False, evaluation_mode=True)  # autocast, and no DDP
    else:
        model, *optimizers = accelerator.prepare(student, *optimizers)
    at = load_state(out / "checkpoints", student, optimizers)
    log = MetricsLog(out, at.step) if accelerator.is_main_process else None
    guard = None
    if config.max_text_drop is not None and evaluate:
        guard = TextGuard(out / "allowed", student, config.max_text_drop, goes_on=at.step > 0)
    figures: Logged = log.last if log else {}
    started, first = time.monotonic(), at.step
    n_left = (config.steps - at.step) * config.accumulate
    stream = batches.from_position(at.batches // world, at.epoch, at.index // world, n_left)
    bad = BadBatches(out / BAD_BATCHES, config.bad_batches == "skip", accelerator.process_index, at.step)
    padding: list[float] = []  # of each step
    stop = asked = False
    room = Room(student, config)
    try:
        with room, contextlib.closing(stream), deferred_interrupt() as interrupted:
            watched = guard is not None and not guard.begun
            shown = bool(config.evaluate_every) and "llm" in config.train and at.step == 0
            if evaluate and (watched or shown):
                room.enter(at.step, "the development data")
                before = measured(student, evaluate)  # what is lost is lost since then
                if log:
                    log.write(at.step, before)
                if guard and watched:
                    guard.begin(before["dev_text"])
            student.train()
            while at.step < config.steps and not asked and not stop:
                room.enter(at.step, "the next batch, read and encoded")
                drawn = [next(stream) for _ in range(config.accumulate)]
                taken = [batch for _, _, batch in drawn]
                room.enter(at.step, *map(described, taken))
                torch.manual_seed(step_seed(seed, at.step, accelerator.process_index))
                try:
                    figures = one_step(accelerator, model, optimizers, taken, config, at.step)
                except NotFiniteError as error:
                    bad.add(at.step, error)
                    figures = {}
                padding += [figures["padding"]] if "padding" in figures else []
                epoch, index, _ = drawn[-1]
                at = Position(at.step + 1, epoch, (index + 1) * world, at.batches + config.accumulate * world)
                last = at.step == config.steps
                evaluated = evaluate and (last or (config.evaluate_every and at.step % config.evaluate_every == 0))
                if evaluate and evaluated:
                    room.enter(at.step, "the development data")
                    figures |= measured(student, evaluate)
                    student.train()
                    if guard and not guard.allows(at, figures["dev_text"]):
                        stop, figures["went_back_to"] = True, float(guard.go_back())
                if log and figures and (last or evaluated or at.step % config.log_every == 0):
                    log.write(at.step, figures)
                if log and evaluated:
                    draw_curves(log.path, config)
                asked = anywhere(interrupted()) and not stop
                if last or asked or (at.step % config.checkpoint_every == 0 and not stop):
                    save_state(out / "checkpoints", student, optimizers, at, config.keep_checkpoints)
                progress(at.step, config.steps, figures)
            if asked:
                raise KeyboardInterrupt
    finally:
        if log:
            log.close()
    if sharded:
        unshard(student.learner)
    if batches.speech and batches.speech.unreadable is not None:
        accelerator.wait_for_everyone()
        figures |= {"unreadable": float(len(batches.speech.unreadable))}
    figures |= {"skipped_steps": float(len(bad.skipped))}
    if padding:
        figures |= {"padding_this_run": statistics.fmean(padding)}
    if log:
        done = {"seconds_this_run": time.monotonic() - started, "steps_this_run": at.step - first}
        write_json(out / SUMMARY, {"steps": at.step, **done, **figures})
    return figures


def one_step(
    accelerator: Any,
    model: nn.Module,
    optimizers: Sequence[Any],
    batches: Sequence[Batch],
    config: TrainingSection,
    step: int,
) -> Logged:
    """Forward and backward on each batch, one update; what to log, as means over the batches of all processes.

    Raises NotFiniteError, before anything is spoilt, where the loss or a gradient is none.
    """
    for optimizer in optimizers:
        set_learning_rate(optimizer, learning_rate(config, step))
    total: Logged = {}
    for k, batch in enumerate(batches):
        last = k == len(batches) - 1
        with contextlib.nullcontext() if last else accelerator.no_sync(model):
            with accelerator.autocast():
                loss, figures = model(batch)
            accelerator.backward(loss / len(batches))
        if batch.speech is not None:
            figures |= {"padding": batch.speech.frames.padding}
        for name, value in figures.items():
            total[name] = total.get(name, 0.0) + value / len(batches)
    total = averaged(accelerator, total)
    norm = float(full(accelerator.clip_grad_norm_(model.parameters(), config.clip)))
    if not math.isfinite(total["loss"]) or not math.isfinite(norm):  # of all processes, so that all do the same
        model.zero_grad(set_to_none=True)
        raise NotFiniteError(total["loss"], norm, [i for b in batches if b.speech for i in b.speech.ids])
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return {**total, "gradient_norm": norm, "lr": learning_rate(config, step)}


class NotFiniteError(Exception):
    """A loss or gradient that is no number, and the utterances that gave it."""

    def __init__(self, loss: float, norm: float, ids: list[str]) -> None:
        super().__init__(f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient is {norm}")
        self.ids = ids


class DivergedError(UserError):
    """A loss that is no number, where that is not to be skipped, or too often for single recordings to explain."""


class BadBatches:
    """Lists the batches that gave no number, and stops the run unless they may be skipped, or where they are many."""

    def __init__(self, path: Path, skip: bool, rank: int, begins_at: int) -> None:
        self.path, self.skip, self.rank = path, skip, rank
        with processes().main_process_first():  # all append to it
            listed = [json.loads(line) for line in whole_lines(path, mend=rank == 0)]
        self.skipped = {line["step"] for line in listed if line.get("skipped") and line["step"] < begins_at}

    def add(self, step: int, error: NotFiniteError) -> None:
        """Raises DivergedError where the run is to stop."""
        line = {"step": step, "rank": self.rank, "what": str(error), "skipped": self.skip, "ids": error.ids}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if not self.skip:
            among = f" on the utterances {', '.join(error.ids)}" if error.ids else ""
            raise DivergedError(
                f"step {step}: {error}{among}; the same command with --training.bad_batches skip goes on from the last "
                "checkpoint without this batch; a lower training.lr, or data without the bad recording, is a new run: "
                "another --out"
            )
        self.skipped.add(step)
        n = len(self.skipped)
        if n > MOST_SKIPPED and n > MOST_SKIPPED_SHARE * (step + 1):
            raise DivergedError(
                f"step {step}: {error}; {n} of {step + 1} steps were skipped for that ({self.path} lists them), which "
                "single recordings do not explain: begin anew in another --out with a lower training.lr"
            )


def averaged(accelerator: Any, figures: Logged) -> Logged:
    """The mean of each figure over all processes."""
    if accelerator.num_processes == 1:
        return figures
    values = torch.tensor(list(figures.values()), device=accelerator.device, dtype=torch.float64)
    return dict(zip(figures, accelerator.reduce(values, "mean").tolist(), strict=True))


def measured(student: Student, evaluate: Callable[[], Logged]) -> Logged:
    """What `evaluate` finds, under names that say that it is of development data."""
    student.eval()
    return {f"dev_{k}": v for k, v in evaluate().items()}


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed, or SIGTERM came: the step is finished first, so that what is saved is exact.

    Ctrl-C twice stops at once. SIGTERM may come twice by itself: from a scheduler, and from the launcher that it told.
    """
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            signal.default_int_handler(number, frame)
        asked = True

    main = threading.current_thread() is threading.main_thread()
    stops = (signal.SIGINT, signal.SIGTERM)
    ours = [s for s in stops if main and signal.getsignal(s) is signal.default_int_handler]
    for number in ours:
        signal.signal(number, ask)
    try:
        yield lambda: asked
    finally:
        for number in ours:
            signal.signal(number, signal.default_int_handler)


class MetricsLog:
    """Figures as JSON lines and for TensorBoard; a resumed run cuts off what it will do again."""

    def __init__(self, out: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        out.mkdir(parents=True, exist_ok=True)
        self.path = out / METRICS
        kept = [line for line in whole_lines(self.path) if json.loads(line)["step"] <= step] if step else []
        with replace_file(self.path) as new:
            new.write_text("".join(f"{line}\n" for line in kept))
        self.last: Logged = {k: v for k, v in json.loads(kept[-1]).items() if k != "step"} if kept else {}
        self.file = self.path.open("a")
        self.board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)

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
