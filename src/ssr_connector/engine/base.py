"""What an engine offers: to do a stage's work on every shard, wherever it is done."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol

from ssr_connector.engine.shard import Shard, Tick, Work


class Stage(Protocol):
    """What is to be done, as plain values that travel to another process or machine."""

    uses_gpu: ClassVar[bool]  # where there is one

    def load(self) -> Work:
        """Load the models, once for each process. Raises UserError where there are none."""


class Engine(Protocol):
    """Where shards are worked on."""

    def run(self, stage: Stage, shards: Sequence[Shard], folder: Path, tick: Tick) -> None:
        """Commit every shard to a folder named after it in `folder`, in any order.

        Returns when all are there. Raises what the work raises, and UserError where there is nothing to work on.
        """
