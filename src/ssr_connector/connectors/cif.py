"""Continuous integrate-and-fire as a connector (Dong & Xu 2020, arXiv 1905.11235).

A convolution over the encoder's frames gives each a weight in (0, 1); a vector fires whenever the sum of weights passes
a whole number. In training the weights are scaled to sum to the number of text tokens, and the objective `quantity`
teaches the sum itself; at test they stand as they are. So it needs no alignment to hear, and hears no tokens.
"""

from typing import Any

from torch import Tensor, nn

from ssr_connector.aligners.cif import FIRST_BIAS, SCORER_KERNEL, scaled
from ssr_connector.connectors.base import ConnectorConfig
from ssr_connector.connectors.decoded import DecodedConnector
from ssr_connector.kernels import integrate_and_fire
from ssr_connector.types import Frames, Segments, SpeechEmbeds


class CIFConnector(DecodedConnector):
    """As many vectors as fire: in training one for each token of the segments, at test what the weights sum to."""

    needs_segments = False
    needed_objective = "quantity"

    def __init__(self, config: ConnectorConfig, encoder_width: int, llm_config: Any) -> None:
        super().__init__(config, encoder_width, llm_config)
        self.norm_in = nn.RMSNorm(encoder_width)
        self.scorer = nn.Conv1d(encoder_width, encoder_width, SCORER_KERNEL, padding="same")
        self.weight = nn.Linear(encoder_width, 1)
        self.project = self.to_width()
        self.norm_out = nn.RMSNorm(self.width)
        nn.init.constant_(self.weight.bias, FIRST_BIAS)

    def weights(self, frames: Frames) -> Tensor:
        """[B, T] in (0, 1), not scaled; 0 beyond the lengths."""
        real = frames.mask
        x = self.mix(frames.values).masked_fill(~real[..., None], 0.0)  # or the padding would reach an utterance
        x = self.norm_in(x)
        scored = nn.functional.relu(self.scorer(x.transpose(1, 2)).transpose(1, 2))
        weights: Tensor = self.weight(scored).squeeze(-1).float().sigmoid()
        return weights.masked_fill(~real, 0.0)

    def forward(self, frames: Frames, segments: Segments | None) -> SpeechEmbeds:
        """Frames [B, T, F] → [B, S, D] in training where there are segments [B, S], else [B, fired, D]."""
        weights = self.weights(frames)
        if self.training and segments is not None:
            weights = scaled(weights, segments.lengths, frames.mask)
        fired = integrate_and_fire(self.states(frames).float(), weights, frames.lengths)
        return SpeechEmbeds(self.norm_out(self.project(fired.values)), fired.lengths)
