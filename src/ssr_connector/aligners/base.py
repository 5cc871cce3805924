"""What every aligner offers."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from ssr_connector.base_models import Tokenize
from ssr_connector.config import EncoderSection
from ssr_connector.types import Alignment, Frames, Logged, TimedWord, Waveform
from ssr_connector.units import FrameClock


@dataclass(frozen=True)
class Unalignable:
    """Why an utterance has no alignment; stands in its place, so that nothing is lost without a word."""

    reason: str


class Aligner(Protocol):
    """Frames and transcripts in, one alignment per utterance out."""

    needs_transcript: bool

    def align(
        self, frames: Frames, transcripts: Sequence[str | None], tokenize: Tokenize
    ) -> list[Alignment | Unalignable]:
        """Align a batch. Without a transcript the aligner's own hypothesis is aligned."""


class WordAligner(Protocol):
    """A recording and its transcript in, the times of its words out: no frames and nothing to train."""

    def align_words(self, key: str, recording: Waveform, transcript: str) -> list[TimedWord] | Unalignable:
        """One entry for each word of the transcript with a letter or digit, in order. `key` is the utterance's id."""


@dataclass(frozen=True)
class Material:
    """What an aligner is to be trained on, as far as it must know before it is built."""

    transcripts: Collection[str]
    tokenize: Tokenize
    encoder_width: int
    clock: FrameClock
    frames: Callable[[], Iterator[Frames]]  # batches in random order, one pass
    seed: int = 0
    mixed_layers: int = 1  # of the encoder, side by side in every frame
    once: Callable[[str, Callable[[], Tensor]], Tensor] = lambda name, fit: fit()  # noqa: ARG005 - see `training.fitted`
    encoder: EncoderSection | None = None  # whose frames they are


@dataclass(frozen=True)
class TrainableConfig:
    """What the configurations of all trainable aligners share."""

    delay_frames: int = 0  # a constant taken off all boundaries, fitted on development data


Config = TypeVar("Config", bound=TrainableConfig)


class TrainableAligner(nn.Module):
    """An aligner that learns from transcripts. A member is built from its configuration and the encoder's width."""

    kind: ClassVar[str]  # in recipes and checkpoints
    title: ClassVar[str]  # in tables
    needs_transcript: ClassVar[bool] = False
    config_class: ClassVar[type[TrainableConfig]]
    config: TrainableConfig

    def __init__(self, config: Any, encoder_width: int) -> None:
        super().__init__()
        self.config, self.encoder_width = config, encoder_width

    @classmethod
    def build(cls, values: dict[str, Any], encoder_width: int) -> Self:
        """From the values of a checkpoint."""
        return cls(cls.config_class(**values), encoder_width)

    @classmethod
    def untrained(cls, section: object, material: Material) -> Self:
        """For training, from the recipe's section `aligner`."""
        raise NotImplementedError

    def needed_frames(self, text: str, tokenize: Tokenize) -> int:
        """The fewest frames that a transcript can be aligned to."""
        raise NotImplementedError

    def loss(
        self, frames: Frames, transcripts: Sequence[str], tokenize: Tokenize, alignments: Sequence[Alignment] = ()
    ) -> tuple[Tensor, Logged]:
        """The loss of a batch, and what to log. `alignments`: those of another aligner, for members that use them."""
        raise NotImplementedError

    def align(
        self, frames: Frames, transcripts: Sequence[str | None], tokenize: Tokenize
    ) -> list[Alignment | Unalignable]:
        """One alignment per utterance; along the aligner's own hypothesis where there is no transcript.

        The frames may lie on any device.
        """
        device = next(self.parameters()).device
        with torch.no_grad():
            return self._align(frames.to(device), transcripts, tokenize)

    def _align(
        self, frames: Frames, transcripts: Sequence[str | None], tokenize: Tokenize
    ) -> list[Alignment | Unalignable]:
        raise NotImplementedError

    def set_delay(self, delay_s: float, clock: FrameClock) -> None:
        """Set the constant that is taken off all boundaries."""
        self.config = replace(self.config, delay_frames=round(delay_s / clock.frame_s))

    def to_dict(self) -> dict[str, Any]:
        """Type and configuration as plain values, for a checkpoint."""
        return {"type": self.kind, **asdict(self.config)}


def from_section(config: type[Config], section: object, **more: Any) -> Config:
    """A configuration with the values that a recipe's section has for it, and others."""
    names = {f.name for f in fields(config)} - set(more)
    return config(**{name: getattr(section, name) for name in names if hasattr(section, name)}, **more)
