"""What the connectors beside SSR share: they work on the frames as they are, or behind SSR's own decoder layers.

With the layers a comparison with SSR is one of what is done with the states; none has fewer parameters than SSR then.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ssr_connector.connectors.base import Connector, ConnectorConfig
from ssr_connector.connectors.decoder import FrameDecoder
from ssr_connector.types import Frames, Segments


class DecodedConnector(Connector):
    """Frames [B, T, F] → states (SSR's decoder; with `layers` 0 the frames) → a member's own part → `norm_out`."""

    norm_out: nn.RMSNorm

    def __init__(self, config: ConnectorConfig, encoder_width: int, llm_config: Any) -> None:
        super().__init__()
        self.width: int = llm_config.get_text_config().hidden_size
        self.decoder = FrameDecoder(config, encoder_width, llm_config) if config.layers else None
        self.state_width = self.width if self.decoder is not None else encoder_width

    def states(self, frames: Frames, segments: Segments | None = None) -> Tensor:
        """[B, T, state_width], zeros beyond the lengths. `segments` [B, S]: for block-wise attention."""
        x = self.mix(frames.values)
        if self.decoder is not None:
            x = self.decoder(x, segments)
        states: Tensor = x.masked_fill(~frames.mask[..., None], 0.0)
        return states

    def to_width(self) -> nn.Module:
        """One linear layer from states to the LLM's width; none where the decoder's own has led there."""
        return nn.Linear(self.state_width, self.width, bias=False) if self.decoder is None else nn.Identity()

    @torch.no_grad()
    def match_scale(self, embeddings: Tensor) -> None:
        """Set the output norm's gain to the embeddings' root mean square."""
        self.norm_out.weight.fill_(embeddings.float().square().mean().sqrt())
