"""How each family of transformers speech encoders turns samples into frames: its clock, its lengths, its input.

The frame rate is a property of the checkpoint, read from its configuration and never a constant.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ssr_connector.encoders.log_mel import LogMel
from ssr_connector.errors import UserError
from ssr_connector.units import FrameClock

Samples = npt.NDArray[np.float32]


class FrontEnd(Protocol):
    """What differs between families of encoders."""

    clock: FrameClock
    max_samples: int | None  # longest input of one forward pass; None: any
    filled_up: bool  # whether every input is filled up to that
    batched: bool  # whether features stay the same when recordings are padded to a common length

    def n_frames(self, n_samples: int) -> int:
        """Frames for a recording of that many samples."""

    def inputs(self, recordings: Sequence[Samples]) -> dict[str, Tensor]:
        """The model's keyword arguments for a batch of recordings."""


@dataclass(frozen=True)
class ConvolutionStack:
    """wav2vec 2.0, HuBERT, WavLM, Data2VecAudio: strided convolutions over raw samples."""

    extractor: Any
    clock: FrameClock
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    batched: bool
    max_samples: int | None = None
    filled_up: bool = False

    @classmethod
    def build(cls, config: Any, extractor: Any) -> "ConvolutionStack":
        """From a configuration with `conv_kernel` and `conv_stride`."""
        kernels, strides = tuple(config.conv_kernel), tuple(config.conv_stride)
        hop, receptive = 1, 1
        for kernel, stride in zip(kernels, strides, strict=True):
            receptive += (kernel - 1) * hop
            hop *= stride
        clock = FrameClock(extractor.sampling_rate, hop, receptive / 2)
        # Group norm averages over time, padding included, and Data2Vec's stacked positional convolutions, or a batch
        # norm before HuBERT's, carry the padding in from the end: such encoders see one recording at a time.
        leaks = (
            getattr(config, "feat_extract_norm", "layer") == "group"
            or hasattr(config, "conv_pos_kernel_size")
            or getattr(config, "conv_pos_batch_norm", False)
        )
        return cls(extractor, clock, kernels, strides, batched=not leaks)

    def n_frames(self, n_samples: int) -> int:
        """Frames that the convolutions leave of that many samples."""
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            n_samples = max(0, (n_samples - kernel) // stride + 1)
        return n_samples

    def inputs(self, recordings: Sequence[Samples]) -> dict[str, Tensor]:
        """Normalised samples [B, N], with a mask where there is padding."""
        out = self.extractor(
            list(recordings),
            sampling_rate=self.clock.sampling_rate_hz,
            padding=True,
            return_attention_mask=True,
            return_tensors="pt",
        )
        if len(recordings) == 1:  # nothing is padded: older checkpoints were trained without a mask
            return {"input_values": out["input_values"]}
        return {"input_values": out["input_values"], "attention_mask": out["attention_mask"]}


@dataclass(frozen=True)
class Filterbank:
    """wav2vec2-BERT: stacked log-mel frames, masked."""

    log_mel: LogMel
    clock: FrameClock
    batched: bool = True
    max_samples: int | None = None
    filled_up: bool = False

    @classmethod
    def build(cls, config: Any, extractor: Any) -> "Filterbank":  # noqa: ARG003 - one signature for all families
        """From a feature extractor with `stride`; Kaldi's frames are 25 ms wide and 10 ms apart, not centred."""
        rate = extractor.sampling_rate
        window, shift = rate // 40, rate // 100
        first = (window + (extractor.stride - 1) * shift) / 2
        return cls(LogMel(extractor), FrameClock(rate, shift * extractor.stride, first))

    def n_frames(self, n_samples: int) -> int:
        """Whole stacks of whole windows: the extractor pads up to a stack and masks it where it is not full."""
        rate = self.clock.sampling_rate_hz
        windows = max(0, (n_samples - rate // 40) // (rate // 100) + 1)
        return windows // self.log_mel.stride

    def inputs(self, recordings: Sequence[Samples]) -> dict[str, Tensor]:
        """Filterbanks [B, T, stride × mels] and their mask."""
        return self.log_mel(recordings)


@dataclass(frozen=True)
class FastConformer:
    """Parakeet: log-mel frames centred on multiples of the hop, masked, through strided convolutions."""

    extractor: Any
    clock: FrameClock
    layers: int
    stride: int
    batched: bool = True
    max_samples: int | None = None
    filled_up: bool = False

    @classmethod
    def build(cls, config: Any, extractor: Any) -> "FastConformer":
        """Odd kernels, padded by half, keep frame 0 centred on the first mel frame, and that on the first sample."""
        kernel, stride = config.subsampling_conv_kernel_size, config.subsampling_conv_stride
        if kernel % 2 == 0:
            raise UserError(f"this encoder's subsampling_conv_kernel_size is {kernel}: only odd ones are centred")
        layers = int(math.log2(config.subsampling_factor))  # of which each takes `stride`, as the model has it
        clock = FrameClock(extractor.sampling_rate, extractor.hop_length * stride**layers, 0.0)
        return cls(extractor, clock, layers, stride)

    def n_frames(self, n_samples: int) -> int:
        """Frames of the convolutions over whole mel hops; one mel frame alone has no variance to be levelled by."""
        n: int = n_samples // self.extractor.hop_length
        if n < 2:
            return 0
        for _ in range(self.layers):
            n = (n - 1) // self.stride + 1
        return n

    def inputs(self, recordings: Sequence[Samples]) -> dict[str, Tensor]:
        """Log-mel frames [B, T, mels], levelled within each recording, and their mask."""
        out = self.extractor(list(recordings), sampling_rate=self.clock.sampling_rate_hz, return_tensors="pt")
        return {"input_features": out["input_features"], "attention_mask": out["attention_mask"]}


@dataclass(frozen=True)
class WhisperWindow:
    """Whisper's encoder: windows of a fixed length (30 s), filled up with silence as in its training."""

    extractor: Any
    clock: FrameClock
    max_samples: int
    filled_up: bool = True
    batched: bool = True

    @classmethod
    def build(cls, config: Any, extractor: Any) -> Self:
        """The window is what the encoder's position table holds: two mel frames a position."""
        hop = extractor.hop_length * 2
        return cls(extractor, FrameClock(extractor.sampling_rate, hop, 0.0), config.max_source_positions * hop)

    def n_frames(self, n_samples: int) -> int:
        """Frames that hold sound; those of the padding are not used."""
        return -(-n_samples // self.clock.hop_samples)

    def inputs(self, recordings: Sequence[Samples]) -> dict[str, Tensor]:
        """Log-mel windows [B, mels, 2 × positions]."""
        return self._log_mel(recordings, self.max_samples)

    def _log_mel(self, recordings: Sequence[Samples], length: int) -> dict[str, Tensor]:
        """Of recordings filled up with silence to `length` samples, a multiple of two mel hops."""
        out = self.extractor(
            [np.pad(r, (0, length - len(r))) for r in recordings],
            sampling_rate=self.clock.sampling_rate_hz,
            padding="max_length",
            max_length=length,
            return_tensors="pt",
        )
        return {"input_features": out["input_features"]}


@dataclass(frozen=True)
class WhisperUnpadded(WhisperWindow):
    """Whisper's encoder on recordings as long as they are: its first positions, no silence behind them.

    It was not trained so, and its frames drift (`encoders.drift`). A longer recording than its positions goes through
    overlapping windows, as ever. Nothing masks padding, so recordings go one at a time.
    """

    filled_up: bool = False
    batched: bool = False

    def inputs(self, recordings: Sequence[Samples]) -> dict[str, Tensor]:
        """Log-mel frames [1, mels, 2 × frames] of one recording, its last frame filled up."""
        (samples,) = recordings
        return self._log_mel(recordings, self.n_frames(len(samples)) * self.clock.hop_samples)


FRONT_ENDS: dict[str, Any] = {
    "data2vec-audio": ConvolutionStack,
    "hubert": ConvolutionStack,
    "parakeet_ctc": FastConformer,
    "parakeet_encoder": FastConformer,
    "parakeet_rnnt": FastConformer,
    "parakeet_tdt": FastConformer,
    "wav2vec2": ConvolutionStack,
    "wav2vec2-bert": Filterbank,
    "wavlm": ConvolutionStack,
    "whisper": WhisperWindow,
}
UNPADDED: dict[str, Any] = {"whisper": WhisperUnpadded}  # families that else hear whole windows


def let_positions_follow(encoder: Any) -> None:
    """Let Whisper's encoder take inputs of any length up to its window: it adds as many positions as frames come in.

    transformers asks for whole windows; it reads both numbers anew in every forward pass.
    """

    def fit(encoder: Any, _: Any, inputs: dict[str, Tensor]) -> None:
        n = inputs["input_features"].shape[-1] // 2
        encoder.config.max_source_positions = encoder.embed_positions.num_embeddings = n

    encoder.register_forward_pre_hook(fit, with_kwargs=True)


def encoder_config(config: Any) -> Any:
    """Of the part that encodes: Parakeet's recognisers keep it within their own."""
    return getattr(config, "encoder_config", config)


def encoder_part(model: Any) -> Any:
    """The part that encodes: Whisper has a decoder beside it, Parakeet's recognisers a head."""
    apart = model.config.model_type == "whisper" or encoder_config(model.config) is not model.config
    return model.get_encoder() if apart else model


def pad_frames(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Right-pad rows [T_i, F] to [B, T, F], with lengths [B]."""
    lengths = torch.tensor([len(r) for r in rows], dtype=torch.long)
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True), lengths
