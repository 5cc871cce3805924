"""What every connector offers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from ssr_connector.aligners import TrainableAligner
from ssr_connector.config import ConnectorConfig
from ssr_connector.encoders.layer_mix import layer_mix
from ssr_connector.types import Alignment, Frames, Segments, SpeechEmbeds

__all__ = ["Connector", "ConnectorConfig"]


class Connector(nn.Module, ABC):
    """Frames [B, T, F] and segments [B, S] → speech embeddings [B, S, D]."""

    needs_segments: bool  # whether it emits one vector per text token, and so can be distilled token by token
    options: ClassVar[frozenset[str]] = frozenset()  # what it reads of ConnectorConfig beside what all read
    needed_objective: ClassVar[str | None] = None  # without which it does not learn how many vectors to emit

    def __init__(self, *_: Any) -> None:  # members: ConnectorConfig, the encoder's width, the LLM's configuration
        super().__init__()
        self.mix = layer_mix(1)  # of the encoder's layers; members apply it to the frames' values before anything else

    @abstractmethod
    def forward(self, frames: Frames, segments: Segments | None) -> SpeechEmbeds:
        """Connect a batch."""

    @abstractmethod
    def match_scale(self, embeddings: Tensor) -> None:
        """Start with outputs of the size of the LLM's own embeddings [V, D], not of unit size."""

    def segments(
        self,
        frames: Frames,
        alignments: Sequence[Alignment],
        aligner: TrainableAligner,  # noqa: ARG002 - for members with segments of their own
    ) -> Segments:
        """What `forward` is to be given along these alignments: their tokens."""
        return Segments.collate(list(alignments), frames.values.device)

    @property
    def n_parameters(self) -> int:
        """How many numbers there are to learn: comparisons on equal terms report it."""
        return sum(p.numel() for p in self.parameters())
