"""Any speech encoder of transformers, one or several hidden layers of it, frozen (docs/method.md §2)."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ssr_connector.base_models import loading
from ssr_connector.encoders.front_end import (
    FRONT_ENDS,
    UNPADDED,
    FrontEnd,
    Samples,
    WhisperUnpadded,
    encoder_config,
    encoder_part,
    let_positions_follow,
    pad_frames,
)
from ssr_connector.encoders.layer_mix import Layers, n_mixed
from ssr_connector.encoders.windows import windows
from ssr_connector.errors import UserError
from ssr_connector.types import Frames, Waveform
from ssr_connector.units import FrameClock, seconds_to_samples

WINDOW_S = 60.0  # attention takes memory with the square of it; utterances of corpora are shorter
TOGETHER_S = 120.0
MARGIN_S = 4.0  # of context at both sides of what is kept


class PretrainedEncoder(nn.Module):
    """Recordings → frames [B, T, F] of one hidden layer, without gradient.

    `layer` counts transformers' hidden states: 0 is the input of the first layer, 1 its output; None is the last
    hidden state, after the model's final norm. Several lie side by side in every frame, in the order given, to be mixed
    by what hears them (`LayerMix`). A recording's features do not depend on what it is batched with. At most
    `together_s` seconds, padding included, go through it at once; it may be set.
    """

    def __init__(self, backbone: nn.Module, front_end: FrontEnd, layer: Layers = None) -> None:
        super().__init__()
        self.backbone = backbone.eval().requires_grad_(False)
        self.front_end = front_end
        self.layer = layer
        self.together_s = TOGETHER_S
        cut_to_layers(backbone, layer)
        config: Any = backbone.config
        self.width: int = config.hidden_size * n_mixed(layer)
        if isinstance(front_end, WhisperUnpadded):
            let_positions_follow(backbone)

    @classmethod
    def from_pretrained(cls, name: str, layer: Layers = None, padded: bool = True) -> "PretrainedEncoder":
        """Load by hub name or folder. Raises UserError where there is no such encoder or its family is not known."""
        from transformers import AutoModel

        _, front_end = read_front_end(name, padded)
        with loading("a speech encoder", name, "encoder.name"):
            backbone = AutoModel.from_pretrained(name, dtype=torch.float32)  # as its input is
        return cls(encoder_part(backbone), front_end, layer)

    @property
    def clock(self) -> FrameClock:
        """When the frames happen."""
        return self.front_end.clock

    def train(self, mode: bool = True) -> "PretrainedEncoder":
        """Stay in evaluation mode: frozen encoders have no dropout."""
        super().train(mode)
        self.backbone.eval()
        return self

    def hears(self, n_samples: int) -> bool:
        """Whether a recording of that many samples is long enough for a frame."""
        return self.front_end.n_frames(n_samples) > 0

    @torch.no_grad()
    def forward(self, recordings: Sequence[Waveform]) -> Frames:
        """Encode recordings of any lengths; what is longer than a window goes through overlapping ones.

        Raises ValueError for another sampling rate, or a recording too short for a frame (see `hears`).
        """
        pieces: list[Samples] = []
        places: list[tuple[int, slice]] = []  # whose, and which of its frames are kept
        for i, recording in enumerate(recordings):
            if recording.sampling_rate_hz != self.clock.sampling_rate_hz:
                raise ValueError(
                    f"the encoder hears {self.clock.sampling_rate_hz} Hz, not {recording.sampling_rate_hz}"
                )
            if not self.hears(len(recording.samples)):
                raise ValueError(f"recording {i}, {recording.duration_s:.3f} s, is too short for this encoder")
            for piece, kept in self._windows(recording.samples):
                pieces.append(piece)
                places.append((i, kept))
        rows: list[list[Tensor]] = [[] for _ in recordings]
        for (i, kept), row in zip(places, self._encode(pieces), strict=True):
            rows[i].append(row[kept])
        values, lengths = pad_frames([torch.cat(r) for r in rows])
        return Frames(values, lengths.to(values.device), self.clock)

    def _windows(self, samples: Samples) -> Iterator[tuple[Samples, slice]]:
        """Stretches to encode, which begin at a frame's first sample, and the frames of each that are kept."""
        hop, rate = self.clock.hop_samples, self.clock.sampling_rate_hz
        longest = self.front_end.max_samples or seconds_to_samples(WINDOW_S, rate)
        if len(samples) <= longest:
            yield samples, slice(None)
            return
        size = self.front_end.n_frames(longest)
        margin = seconds_to_samples(MARGIN_S, rate) // hop
        n_frames = self.front_end.n_frames(len(samples))
        for window in windows(n_frames, size, min(margin, (size - 1) // 4)):
            stop = len(samples) if window.stop == n_frames else window.start * hop + longest
            yield samples[window.start * hop : stop], window.kept

    def _encode(self, pieces: list[Samples]) -> list[Tensor]:
        """Frames of each piece; pieces of like length go together, so that little of a batch is padding."""
        together = seconds_to_samples(self.together_s, self.clock.sampling_rate_hz)
        order = sorted(range(len(pieces)), key=lambda k: -len(pieces[k]))
        rows: list[Tensor] = [torch.empty(0)] * len(pieces)
        while order:
            longest = self._filled_up_to() or len(pieces[order[0]])
            n = max(1, together // longest) if self.front_end.batched else 1
            chosen, order = order[:n], order[n:]
            for k, row in zip(chosen, self._encode_batch([pieces[k] for k in chosen]), strict=True):
                rows[k] = row
        return rows

    def _filled_up_to(self) -> int | None:
        """Samples of every input, where that is not as long as its recording."""
        return self.front_end.max_samples if self.front_end.filled_up else None

    def _encode_batch(self, batch: list[Samples]) -> list[Tensor]:
        device = next(self.backbone.parameters()).device
        inputs = {k: v.to(device) for k, v in self.front_end.inputs(batch).items()}
        if self.layer is None:
            hidden = self.backbone(**inputs).last_hidden_state
        else:
            states = self.backbone(**inputs, output_hidden_states=True).hidden_states
            chosen = self.layer if isinstance(self.layer, list) else [self.layer]
            hidden = torch.cat([states[k] for k in chosen], -1)
        promised = self.front_end.n_frames(self._filled_up_to() or max(map(len, batch)))
        if not promised <= hidden.shape[1] <= promised + 1:  # one more where a last stack is not full
            raise ValueError(
                f"the encoder's configuration promises {promised} frames, its output has {hidden.shape[1]}"
            )
        return [row[: self.front_end.n_frames(len(piece))] for piece, row in zip(batch, hidden, strict=True)]


def read_front_end(name: str, padded: bool = True) -> tuple[Any, FrontEnd]:
    """The configuration of the part that encodes, and how recordings go into it; no weights are read.

    Raises UserError where there is no such encoder or its family is not known.
    """
    from transformers import AutoConfig, AutoFeatureExtractor

    with loading("a speech encoder", name, "encoder.name"):
        config = AutoConfig.from_pretrained(name)
        if config.model_type not in FRONT_ENDS:
            raise UserError(f"{name} is a {config.model_type!r}, not one of the encoders {', '.join(FRONT_ENDS)}")
        if not padded and config.model_type not in UNPADDED:
            raise UserError(f"encoder.padded false is for Whisper: {name} hears recordings as long as they are anyway")
        extractor = AutoFeatureExtractor.from_pretrained(name)
    part = encoder_config(config)
    front_end: FrontEnd = (FRONT_ENDS if padded else UNPADDED)[config.model_type].build(part, extractor)
    return part, front_end


def cut_to_layers(backbone: nn.Module, layer: Layers) -> None:
    """Remove the layers above those that are heard. Raises UserError for layers that there are not.

    One more is kept: hidden state k is the *input* of layer k, and the last of the list is taken after a final norm.
    """
    config: Any = backbone.config
    n_layers = config.num_hidden_layers
    if layer is None:
        if getattr(config, "add_adapter", False):
            raise UserError(f"this encoder has an adapter after its last layer; set encoder.layer, 0 to {n_layers}")
        return
    chosen = layer if isinstance(layer, list) else [layer]
    if isinstance(layer, list) and (len(layer) < 2 or len(set(layer)) < len(layer)):
        raise UserError(f"encoder.layer is {layer}: a mixture needs two layers or more, each once; or give one number")
    if not all(0 <= k <= n_layers for k in chosen):
        raise UserError(f"encoder.layer is {layer}, but this encoder has hidden states 0 to {n_layers}")
    holder: Any = getattr(backbone, "encoder", backbone)
    if isinstance(getattr(holder, "layers", None), nn.ModuleList):
        holder.layers = holder.layers[: max(chosen) + 1]
