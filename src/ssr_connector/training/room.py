"""Out of memory, wherever in a run it happens: said in one place, with what was held and what was being done."""

from types import TracebackType
from typing import Self

from torch import nn

from ssr_connector.aligners import TrainableAligner
from ssr_connector.config import TrainingSection
from ssr_connector.devices import is_out_of_memory
from ssr_connector.errors import UserError
from ssr_connector.training.batches import Batch
from ssr_connector.training.footprint import GIB
from ssr_connector.training.optimizers import state_bytes
from ssr_connector.training.sharding import local


class Room:
    """What a run holds and does; errors of memory inside it leave it as UserError, others as they are."""

    def __init__(self, student: nn.Module, config: TrainingSection) -> None:
        self.student, self.config = student, config
        self.step, self.doing = 0, ""

    def enter(self, step: int, *doing: str) -> None:
        """Take note of what comes."""
        self.step, self.doing = step, " and ".join(doing)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and is_out_of_memory(error):
            raise UserError(self.message()) from error

    def message(self) -> str:
        """What to change: first what a run may go on with, then, in the order of what it costs, what is another run."""
        parameters = list(self.student.parameters())
        weights = sum(local(p.detach()).numel() * p.element_size() for p in parameters)
        learning = 4 * sum(local(p.detach()).numel() for p in parameters if p.requires_grad)  # gradients in float32
        moments = state_bytes(self.student, self.config)
        same, other = [], ["--training.precision bf16"]
        if self.config.optimizer == "adamw":
            same.append("on several GPUs, --training.sharding fsdp")
        of_aligner = isinstance(getattr(self.student, "learner", None), TrainableAligner)
        if not of_aligner:  # whose training has nothing of these
            same.insert(0, "--training.gradient_checkpointing true")
            other += ["--llm.dtype bfloat16", "--training.adapter lora"]
        goes_on = f"the same command with {', or, '.join(same)}, goes on from the last checkpoint; " if same else ""
        halved = "--training.batch_tokens, too" if "text" in self.config.objectives else "the same step in two halves"
        return (
            f"step {self.step}: out of memory on {self.doing} (weights take {weights / GIB:.2f} GiB, gradients and "
            f"the optimiser's state {(learning + moments) / GIB:.2f}); {goes_on}in another --out: "
            f"halve --training.batch_s and double --training.accumulate ({halved}), {', '.join(other)}; "
            "`ssr plan` shows what each takes"
        )


def described(batch: Batch) -> str:
    """What a batch holds."""
    parts = []
    if (speech := batch.speech) is not None:
        seconds = int(speech.frames.lengths.sum()) * speech.frames.clock.frame_s
        tokens = sum(len(a) for a in speech.alignments)
        parts.append(f"{len(speech.ids)} recordings of {seconds:.0f} s in all, with {tokens} tokens")
    if batch.text is not None:
        parts.append(f"{batch.text.numel()} tokens of text")
    return ", ".join(parts)
