"""Every frame through one linear layer: no compression, what the paper sets out from (docs/method.md §1)."""

from typing import Any

from torch import nn

from ssr_connector.connectors.base import ConnectorConfig
from ssr_connector.connectors.decoded import DecodedConnector
from ssr_connector.types import Frames, Segments, SpeechEmbeds


class LinearConnector(DecodedConnector):
    """One vector per frame; the alignment is not looked at."""

    needs_segments = False

    def __init__(self, config: ConnectorConfig, encoder_width: int, llm_config: Any) -> None:
        super().__init__(config, encoder_width, llm_config)
        self.project = self.to_width()
        self.norm_out = nn.RMSNorm(self.width)

    def forward(self, frames: Frames, segments: Segments | None) -> SpeechEmbeds:  # noqa: ARG002 - one contract for all
        """Frames [B, T, F] → [B, T, D]."""
        return SpeechEmbeds(self.norm_out(self.project(self.states(frames))), frames.lengths)
