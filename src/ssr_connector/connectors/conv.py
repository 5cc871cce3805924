"""Strided convolutions: the length adaptor of Li et al. 2021 (arXiv 2010.12829), as many speech LLMs use it.

A layer is a convolution of kernel 3, stride 2 and one zero at both ends with a gated linear unit: n frames → ⌈n / 2⌉.
"""

from typing import Any

import torch
from torch import nn

from ssr_connector.connectors.base import ConnectorConfig
from ssr_connector.connectors.decoded import DecodedConnector
from ssr_connector.types import Frames, Segments, SpeechEmbeds

_KERNEL, _STRIDE = 3, 2


class ConvConnector(DecodedConnector):
    """2 to the power of `conv_layers` frames → one vector, at a fixed rate; the alignment is not looked at."""

    needs_segments = False
    options = frozenset({"conv_layers"})

    def __init__(self, config: ConnectorConfig, encoder_width: int, llm_config: Any) -> None:
        super().__init__(config, encoder_width, llm_config)
        self.norm_in = nn.RMSNorm(self.state_width)
        self.convs = nn.ModuleList(
            nn.Conv1d(self.width if k else self.state_width, 2 * self.width, _KERNEL, _STRIDE, padding=1)
            for k in range(config.conv_layers)
        )
        self.dropout = nn.Dropout(config.dropout)
        self.norm_out = nn.RMSNorm(self.width)

    def forward(self, frames: Frames, segments: Segments | None) -> SpeechEmbeds:  # noqa: ARG002 - one contract for all
        """Frames [B, T, F] → [B, ⌈T / 2^conv_layers⌉, D]."""
        x = self.norm_in(self.states(frames)).transpose(1, 2)  # [B, C, T]
        lengths = frames.lengths
        for conv in self.convs:
            x = self.dropout(nn.functional.glu(conv(x), dim=1))  # [B, D, ⌈T / 2⌉]
            lengths = -(-lengths // _STRIDE)
            real = torch.arange(x.shape[2], device=x.device) < lengths[:, None].to(x.device)
            x = x.masked_fill(~real[:, None], 0.0)  # or the next layer would carry the padding into an utterance
        return SpeechEmbeds(self.norm_out(x.transpose(1, 2)), lengths)
