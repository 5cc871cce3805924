"""The values that flow from recording to LLM, in flow order.

Axis letters: B batch, T speech frames, S segments (= text tokens), F encoder width, D LLM width.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ssr_connector.units import FrameClock

Logged = dict[str, float]  # figures of a step of training, by name


@dataclass(frozen=True)
class Waveform:
    """One channel of finite audio samples, full scale ±1."""

    samples: npt.NDArray[np.float32]  # [n]
    sampling_rate_hz: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sampling_rate_hz


@dataclass(frozen=True)
class TimedWord:
    """A word, or another piece of text, and when it is spoken."""

    text: str
    start_s: float
    end_s: float
    score: float | None = None  # mean log-probability a frame, as its aligner counts it; None: it does not


@dataclass(frozen=True)
class Frames:
    """A batch of encoder output, right-padded."""

    values: Tensor  # [B, T, F]
    lengths: Tensor  # [B] int64
    clock: FrameClock

    def __post_init__(self) -> None:
        if self.values.dim() != 3 or self.lengths.shape != self.values.shape[:1]:
            raise ValueError(f"frames are [B, T, F] with lengths [B], not {self.values.shape} and {self.lengths.shape}")

    @property
    def mask(self) -> Tensor:
        """[B, T] true where there is a frame, on the device of the values."""
        places = torch.arange(self.values.shape[1], device=self.values.device)
        return places < self.lengths[:, None].to(self.values.device)

    @property
    def padding(self) -> float:
        """Which share of the frames stands for nothing."""
        return 1 - int(self.lengths.sum()) / self.values[..., 0].numel()

    def to(self, device: torch.device) -> "Frames":
        """The same on a device."""
        return Frames(self.values.to(device), self.lengths.to(device), self.clock)


@dataclass(frozen=True)
class Alignment:
    """Where every text token of one utterance lies, in half-open frames: the selected frame is ``end - 1``.

    One entry per token, in order; tokens may share frames, none is missing. Raises ValueError where that is not so.
    """

    text: str
    token_ids: tuple[int, ...]  # [S]
    starts: tuple[int, ...]  # [S] frames
    ends: tuple[int, ...]  # [S] frames, non-decreasing
    char_spans: tuple[tuple[int, int], ...]  # [S] half-open characters of `text`
    n_frames: int
    scores: tuple[float, ...] | None = None  # [S] mean log-probability of the token's labels; NaN where it has none

    def __post_init__(self) -> None:
        n = len(self.token_ids)
        if not len(self.starts) == len(self.ends) == len(self.char_spans) == n:
            raise ValueError(f"an alignment has one entry per token; got {n} tokens, {len(self.ends)} ends")
        if self.scores is not None and len(self.scores) != n:
            raise ValueError(f"{len(self.scores)} scores for {n} tokens")
        last_start = last_end = 0
        for i, (start, end) in enumerate(zip(self.starts, self.ends, strict=True)):
            if not 0 <= start < end <= self.n_frames:
                raise ValueError(f"token {i} has frames [{start}, {end}) in an utterance of {self.n_frames}")
            if start < last_start or end < last_end:
                raise ValueError(f"token {i} at [{start}, {end}) lies before its predecessor")
            last_start, last_end = start, end

    def __len__(self) -> int:
        return len(self.token_ids)

    def at_speed(self, speed: float, clock: FrameClock, n_frames: int) -> "Alignment":
        """The same for the recording played `speed` times as fast, which has `n_frames` of the same clock.

        Every boundary lies at the edge nearest to its time over `speed`; tokens left without a frame share one.
        """
        ends = [min(max(1, clock.boundary_at(clock.edge_s(end) / speed)), n_frames) for end in self.ends]
        starts = [clock.boundary_at(clock.edge_s(start) / speed) for start in self.starts]
        starts = [min(start, end - 1) for start, end in zip(starts, ends, strict=True)]
        return replace(self, starts=tuple(starts), ends=tuple(ends), n_frames=n_frames)

    @property
    def shared(self) -> int:
        """How many tokens select the same frame as the token before them, and so get the same vector."""
        return sum(a == b for a, b in zip(self.ends, self.ends[1:], strict=False))


@dataclass(frozen=True)
class Segments:
    """A batch of alignments as tensors, right-padded with zeros."""

    token_ids: Tensor  # [B, S] int64
    starts: Tensor  # [B, S] int64
    ends: Tensor  # [B, S] int64
    lengths: Tensor  # [B] int64

    @classmethod
    def collate(cls, alignments: list[Alignment], device: torch.device | str = "cpu") -> "Segments":
        """Stack alignments of any lengths."""
        lengths = torch.tensor([len(a) for a in alignments], dtype=torch.long)
        shape = (len(alignments), int(lengths.max()) if len(alignments) else 0)
        ids, starts, ends = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
        for i, a in enumerate(alignments):
            n = len(a)
            ids[i, :n] = torch.tensor(a.token_ids, dtype=torch.long)
            starts[i, :n] = torch.tensor(a.starts, dtype=torch.long)
            ends[i, :n] = torch.tensor(a.ends, dtype=torch.long)
        return cls(ids.to(device), starts.to(device), ends.to(device), lengths.to(device))

    @property
    def mask(self) -> Tensor:
        """[B, S] true where there is a segment."""
        return torch.arange(self.ends.shape[1], device=self.ends.device) < self.lengths[:, None]


@dataclass(frozen=True)
class SpeechEmbeds:
    """A connector's output: vectors in the LLM's input space, right-padded."""

    values: Tensor  # [B, S, D]
    lengths: Tensor  # [B] int64

    @property
    def mask(self) -> Tensor:
        """[B, S] true where there is a vector."""
        return torch.arange(self.values.shape[1], device=self.values.device) < self.lengths[:, None]
