"""Frame stacking + MLP, as Ultravox and SLAM-LLM use it: the baseline that everybody knows.

With `layers` > 0 the SSR connector's own decoder layers come before the stacking, for equal parameters.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ssr_connector.connectors.base import Connector, ConnectorConfig
from ssr_connector.connectors.decoder import FrameDecoder
from ssr_connector.types import Frames, Segments, SpeechEmbeds


class StackConnector(Connector):
    """`stack` neighbouring frames → one vector, at a fixed rate; the alignment is not looked at."""

    needs_segments = False

    def __init__(self, config: ConnectorConfig, encoder_width: int, llm_config: Any) -> None:
        super().__init__()
        width = llm_config.get_text_config().hidden_size
        self.stack = config.stack
        self.decoder = FrameDecoder(config, encoder_width, llm_config) if config.layers else None
        frame_width = width if self.decoder is not None else encoder_width
        self.norm_in = nn.RMSNorm(frame_width * config.stack)
        self.mlp = nn.Sequential(
            nn.Linear(frame_width * config.stack, 4 * width),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Linear(4 * width, width),
        )
        self.norm_out = nn.RMSNorm(width)

    def forward(self, frames: Frames, segments: Segments | None) -> SpeechEmbeds:  # noqa: ARG002 - one contract for all
        """Frames [B, T, F] → [B, ⌈T / stack⌉, D]; the last stack is filled up with zeros."""
        x = frames.values if self.decoder is None else self.decoder(frames.values)  # [B, T, F]
        B, T, F = x.shape
        valid = frames.mask
        x = x * valid[..., None]
        x = nn.functional.pad(x, (0, 0, 0, -T % self.stack)).view(B, -1, self.stack * F)
        values = self.norm_out(self.mlp(self.norm_in(x)))
        return SpeechEmbeds(values, -(-frames.lengths // self.stack))

    @torch.no_grad()
    def match_scale(self, embeddings: Tensor) -> None:
        """Set the output norm's gain to the embeddings' root mean square."""
        self.norm_out.weight.fill_(embeddings.float().square().mean().sqrt())
