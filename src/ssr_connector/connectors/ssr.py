"""The SSR connector: a causal decoder over frames, read out at every token's last frame (docs/method.md §2)."""

from typing import Any

import torch
from torch import Tensor

from ssr_connector.connectors.base import Connector, ConnectorConfig
from ssr_connector.connectors.decoder import FrameDecoder
from ssr_connector.types import Frames, Segments, SpeechEmbeds


class SSRConnector(Connector):
    """One vector per text token: `z_i = o[b_i]`, with `b_i` the last frame of token i."""

    needs_segments = True
    options = frozenset({"attention", "slack_frames"})

    def __init__(self, config: ConnectorConfig, encoder_width: int, llm_config: Any) -> None:
        super().__init__()
        self.decoder = FrameDecoder(config, encoder_width, llm_config)

    def forward(self, frames: Frames, segments: Segments | None) -> SpeechEmbeds:
        """Frames [B, T, F], segments [B, S] → [B, S, D]."""
        if segments is None:
            raise ValueError("the SSR connector needs an alignment")
        last = (segments.ends - 1).clamp(min=0)  # [B, S]; padding reads frame 0 and is masked by its length
        return SpeechEmbeds(self.decoder(self.mix(frames.values), segments, last), segments.lengths)

    @torch.no_grad()
    def match_scale(self, embeddings: Tensor) -> None:
        """Set the final norm's gain to the embeddings' root mean square."""
        self.decoder.gain.fill_(embeddings.float().square().mean().sqrt())
