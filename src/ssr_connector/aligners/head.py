"""The Transformer over encoder frames that CTC and CIF aligners share (docs/method.md §3)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssr_connector.aligners.base import TrainableConfig
from ssr_connector.encoders.layer_mix import layer_mix
from ssr_connector.encoders.windows import windows
from ssr_connector.errors import UserError
from ssr_connector.types import Frames

WINDOW_FRAMES = 3000  # a minute at 50 frames a second: attention takes memory with the square of it
MARGIN_FRAMES = 200


@dataclass(frozen=True)
class HeadConfig(TrainableConfig):
    """Shape of the head."""

    width: int = 256
    layers: int = 4
    heads: int = 4
    dropout: float = 0.1
    kernel: int = 31  # of the convolution that tells positions apart
    mixed_layers: int = 1  # of the encoder, that lie side by side in every frame


def gelu(x: Tensor) -> Tensor:
    """torch's own under another name: with that, layers take a "fast path" that is up to twice as slow on CPUs."""
    return nn.functional.gelu(x)


class FrameHead(nn.Module):
    """Frames [B, T, F] → states [B, T, W]. What lies beyond an utterance's length does not reach it."""

    def __init__(self, config: HeadConfig, encoder_width: int) -> None:
        super().__init__()
        if config.width % config.heads:
            raise UserError(f"aligner.width is {config.width}, not a multiple of aligner.heads, {config.heads}")
        self.mix = layer_mix(config.mixed_layers)
        width = encoder_width // config.mixed_layers
        self.project = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, config.width))
        self.position = nn.Conv1d(config.width, config.width, config.kernel, padding="same", groups=config.width)
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, 4 * config.width, config.dropout, gelu, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(
            layer, config.layers, norm=nn.LayerNorm(config.width), enable_nested_tensor=False
        )

    def forward(self, frames: Frames) -> Tensor:
        """States [B, T, W]; once trained, what is in a batch of long sequences goes through windows of its own."""
        T = frames.values.shape[1]
        if self.training or T <= WINDOW_FRAMES:
            return self._states(frames)
        rows = []
        for i, n in enumerate(frames.lengths.clamp(min=1).tolist()):  # of nothing there are no states
            parts = []
            for w in windows(n, WINDOW_FRAMES, MARGIN_FRAMES):
                values = frames.values[i : i + 1, w.start : w.stop]
                lengths = torch.tensor([w.stop - w.start], device=values.device)
                parts.append(self._states(Frames(values, lengths, frames.clock))[0, w.kept])
            rows.append(nn.functional.pad(torch.cat(parts), (0, 0, 0, T - n)))
        return torch.stack(rows)

    def _states(self, frames: Frames) -> Tensor:
        padding = ~frames.mask  # [B, T]
        x = self.project(self.mix(frames.values)).masked_fill(padding[..., None], 0.0)  # [B, T, W]
        x = x + self.position(x.transpose(1, 2)).transpose(1, 2)
        states: Tensor = self.layers(x, src_key_padding_mask=padding)
        return states
