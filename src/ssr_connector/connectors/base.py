"""What every connector offers."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from ssr_connector.config import ConnectorConfig
from ssr_connector.types import Frames, Segments, SpeechEmbeds

__all__ = ["Connector", "ConnectorConfig"]


class Connector(nn.Module, ABC):
    """Frames [B, T, F] and segments [B, S] → speech embeddings [B, S, D]."""

    needs_segments: bool  # whether it emits one vector per text token, and so can be distilled token by token

    @abstractmethod
    def forward(self, frames: Frames, segments: Segments | None) -> SpeechEmbeds:
        """Connect a batch."""

    @abstractmethod
    def match_scale(self, embeddings: Tensor) -> None:
        """Start with outputs of the size of the LLM's own embeddings [V, D], not of unit size."""
