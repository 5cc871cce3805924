"""The mean of every token's frames: what SSR's choice of the last frame is to be measured against.

Everything else is SSR's: its decoder layers, causal or block-wise, and its alignment; so it is distilled as SSR is.
"""

from typing import Any

from torch import nn

from ssr_connector.connectors.base import ConnectorConfig
from ssr_connector.connectors.decoded import DecodedConnector
from ssr_connector.kernels import segment_pool
from ssr_connector.types import Frames, Segments, SpeechEmbeds


class MeanPoolConnector(DecodedConnector):
    """One vector per text token: the mean state of its frames, through a linear layer where there is no decoder."""

    needs_segments = True
    options = frozenset({"attention", "slack_frames"})

    def __init__(self, config: ConnectorConfig, encoder_width: int, llm_config: Any) -> None:
        super().__init__(config, encoder_width, llm_config)
        self.project = self.to_width()
        self.norm_out = nn.RMSNorm(self.width)

    def forward(self, frames: Frames, segments: Segments | None) -> SpeechEmbeds:
        """Frames [B, T, F], segments [B, S] → [B, S, D]. Raises ValueError where there are no segments."""
        if segments is None:
            raise ValueError("a pooling connector needs an alignment")
        states = self.states(frames, segments).float()  # [B, T, C]
        pooled = segment_pool(states, segments.starts, segments.ends)  # [B, S, C]
        return SpeechEmbeds(self.norm_out(self.project(pooled)), segments.lengths)
