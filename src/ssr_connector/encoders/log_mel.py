"""The log-mel input of wav2vec2-BERT, several times faster than its feature extractor and equal to it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Samples = npt.NDArray[np.float32]

_WINDOW, _SHIFT, _FFT = 400, 160, 512  # samples at 16 kHz, as SeamlessM4TFeatureExtractor has them built in
_PREEMPHASIS, _FLOOR, _EPSILON = 0.97, 1.192092955078125e-07, 1e-7


class LogMel:
    """Recordings → stacked, per-bin normalised log-mel frames, by the settings of a ``SeamlessM4TFeatureExtractor``.

    transformers takes the Fourier transform of one 25 ms window at a time; this takes all windows of a recording at
    once, in single precision.
    """

    def __init__(self, extractor: Any) -> None:
        self.stride: int = extractor.stride
        self.padding_value = float(extractor.padding_value)
        self._mel = torch.from_numpy(np.asarray(extractor.mel_filters, np.float32))  # [257, mels]
        self._window = torch.from_numpy(np.asarray(extractor.window, np.float32))  # [400]

    def frames(self, samples: Samples) -> Tensor:
        """Normalised frames [n, mels] of one recording, n = (samples - 400) // 160 + 1.

        Raises ValueError for fewer than two windows, whose variance means nothing.
        """
        if len(samples) < _WINDOW + _SHIFT:
            raise ValueError(f"{len(samples)} samples are too short for log-mel features; at least {_WINDOW + _SHIFT}")
        windows = torch.from_numpy(samples).unfold(0, _WINDOW, _SHIFT) * 2.0**15  # 16-bit range, as Kaldi has it
        windows = windows - windows.mean(dim=1, keepdim=True)
        emphasised = windows.clone()
        emphasised[:, 1:] -= _PREEMPHASIS * windows[:, :-1]
        emphasised[:, 0] *= 1 - _PREEMPHASIS
        spectrum = torch.fft.rfft(emphasised * self._window, n=_FFT)
        power = spectrum.real.square() + spectrum.imag.square()
        mel = (power @ self._mel).clamp_min(_FLOOR).log()
        variance, mean = torch.var_mean(mel, dim=0)
        normalised: Tensor = (mel - mean) / torch.sqrt(variance + _EPSILON)
        return normalised

    def __call__(self, recordings: Sequence[Samples]) -> dict[str, Tensor]:
        """``input_features`` [B, T, stride × mels] and ``attention_mask`` [B, T], as the extractor returns them."""
        rows = [self.frames(samples) for samples in recordings]
        n_stacks = -(-max(map(len, rows)) // self.stride)
        mels = rows[0].shape[1]
        features = torch.full((len(rows), n_stacks * self.stride, mels), self.padding_value)
        mask = torch.zeros(len(rows), n_stacks, dtype=torch.int32)
        for i, row in enumerate(rows):
            features[i, : len(row)] = row
            mask[i, : len(row) // self.stride] = 1  # a stack counts when it is full
        return {"input_features": features.view(len(rows), n_stacks, -1), "attention_mask": mask}
