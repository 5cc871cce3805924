"""Windowed Q-Former, as in SALMONN (Tang et al. 2024, arXiv 2310.13289): BLIP-2's layers, one window at a time.

Learned queries look at the frames of one window and at each other; windows do not overlap. As there, nothing tells the
places of frames within a window apart but the encoder's own states.
"""

import math
from typing import Any

import torch
from torch import nn

from ssr_connector.connectors.base import ConnectorConfig
from ssr_connector.connectors.decoded import DecodedConnector
from ssr_connector.types import Frames, Segments, SpeechEmbeds

_QUERY_SPREAD = 0.02  # as BLIP-2 draws them


class QFormerConnector(DecodedConnector):
    """`window_frames` frames → `queries` vectors, at a fixed rate; the alignment is not looked at."""

    needs_segments = False
    options = frozenset({"window_frames", "queries", "qformer_layers"})

    def __init__(self, config: ConnectorConfig, encoder_width: int, llm_config: Any) -> None:
        from transformers import Blip2QFormerConfig, Blip2QFormerModel

        super().__init__(config, encoder_width, llm_config)
        self.window_frames = config.window_frames
        self.norm_in = nn.RMSNorm(self.state_width)
        self.queries = nn.Parameter(_QUERY_SPREAD * torch.randn(config.queries, self.width))
        shape = Blip2QFormerConfig(
            vocab_size=1,  # no text goes in
            hidden_size=self.width,
            num_hidden_layers=config.qformer_layers,
            num_attention_heads=math.gcd(self.width, llm_config.get_text_config().num_attention_heads),
            intermediate_size=4 * self.width,
            hidden_dropout_prob=config.dropout,
            attention_probs_dropout_prob=config.dropout,
            cross_attention_frequency=1,
            encoder_hidden_size=self.state_width,
        )
        self.qformer: Any = Blip2QFormerModel(shape)
        self.norm_out = nn.RMSNorm(self.width)

    def forward(self, frames: Frames, segments: Segments | None) -> SpeechEmbeds:  # noqa: ARG002 - one contract for all
        """Frames [B, T, F] → [B, ⌈T / window_frames⌉ · queries, D]; the last window may be shorter."""
        x = self.norm_in(self.states(frames))  # [B, T, C]
        B, T, C = x.shape
        fill = -T % self.window_frames
        windows = nn.functional.pad(x, (0, 0, 0, fill)).view(B, -1, self.window_frames, C)
        heard = nn.functional.pad(frames.mask, (0, fill)).view(B, -1, self.window_frames)
        real = heard[..., 0]  # [B, W] a window without any frame would have nothing to look at
        found = self.qformer(
            query_embeds=self.queries.expand(int(real.sum()), -1, -1),
            encoder_hidden_states=windows[real],
            encoder_attention_mask=heard[real],
        ).last_hidden_state  # [windows, queries, D]
        n = len(self.queries)
        values = found.new_zeros(B, real.shape[1], n, self.width)
        values[real] = found
        lengths = -(-frames.lengths // self.window_frames) * n
        return SpeechEmbeds(self.norm_out(values.flatten(1, 2)), lengths)
