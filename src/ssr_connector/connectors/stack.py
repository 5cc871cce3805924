"""Frame stacking + MLP, as Ultravox and SLAM-LLM use it: the baseline that everybody knows.

With `layers` > 0 the SSR connector's own decoder layers come before the stacking: its parameters, and the MLP's.
"""

from typing import Any

from torch import nn

from ssr_connector.connectors.base import ConnectorConfig
from ssr_connector.connectors.decoded import DecodedConnector
from ssr_connector.types import Frames, Segments, SpeechEmbeds


class StackConnector(DecodedConnector):
    """`stack` neighbouring frames → one vector, at a fixed rate; the alignment is not looked at."""

    needs_segments = False
    options = frozenset({"stack"})

    def __init__(self, config: ConnectorConfig, encoder_width: int, llm_config: Any) -> None:
        super().__init__(config, encoder_width, llm_config)
        self.stack = config.stack
        self.norm_in = nn.RMSNorm(self.state_width * config.stack)
        self.mlp = nn.Sequential(
            nn.Linear(self.state_width * config.stack, 4 * self.width),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Linear(4 * self.width, self.width),
        )
        self.norm_out = nn.RMSNorm(self.width)

    def forward(self, frames: Frames, segments: Segments | None) -> SpeechEmbeds:  # noqa: ARG002 - one contract for all
        """Frames [B, T, F] → [B, ⌈T / stack⌉, D]; the last stack is filled up with zeros."""
        x = self.states(frames)  # [B, T, F]
        B, T, F = x.shape
        x = nn.functional.pad(x, (0, 0, 0, -T % self.stack)).view(B, -1, self.stack * F)
        values = self.norm_out(self.mlp(self.norm_in(x)))
        return SpeechEmbeds(values, -(-frames.lengths // self.stack))
