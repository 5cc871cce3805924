"""What every stage's stand-in has: the encoder with new weights, and a step on silence."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ssr_connector.config import EncoderSection, Recipe, TrainingSection
from ssr_connector.devices import in_precision
from ssr_connector.encoders.front_end import FrontEnd, WhisperUnpadded, encoder_part, let_positions_follow
from ssr_connector.encoders.layer_mix import n_mixed
from ssr_connector.encoders.pretrained import cut_to_layers, read_front_end
from ssr_connector.errors import UserError
from ssr_connector.training.footprint import Footprint, footprint, for_real
from ssr_connector.types import Frames
from ssr_connector.units import seconds_to_samples


@dataclass(frozen=True)
class Speech:
    """What a batch is made of, and what is said in it."""

    hours: float | None  # of the corpus, where it is there
    utterance_s: float
    tokens_per_s: float
    chars_per_s: float = 15.0
    chars: int | None = None  # different ones in the corpus, where it is there
    tokens: int | None = None  # different ones, where the LLM's tokenizer is there, too


@dataclass
class Parts(ABC):
    """The modules of a stage, as they will be on a device."""

    encoder: Any
    front_end: FrontEnd

    @abstractmethod
    def named(self) -> dict[str, Any]:
        """Those that are loaded, in the order of the data flow."""

    @abstractmethod
    def divided(self) -> dict[str, Any]:
        """Those of them that FSDP divides."""

    @abstractmethod
    def loss(self, recipe: Recipe, speech: Speech) -> Tensor:
        """What the stage computes from one batch, on tensors of the right shapes."""

    @abstractmethod
    def kept(self, config: TrainingSection) -> dict[str, int]:
        """Bytes of what is kept beside weights, gradients and AdamW's state, by name."""

    @abstractmethod
    def notes(self, recipe: Recipe, speech: Speech) -> list[str]:
        """What the reader of a plan should know."""


def check_named(recipe: Recipe) -> None:
    """Raise UserError where a recipe names no models."""
    if not recipe.encoder.name or not recipe.llm.name:
        raise UserError("a plan needs encoder.name and llm.name: a hub name, or a folder with a config.json")


def llm_config_of(name: str) -> Any:
    """The configuration of an LLM. Raises UserError where there is none."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the configuration of {name!r}; check llm.name") from error


def encoder_of(section: EncoderSection) -> tuple[Any, FrontEnd]:
    """The encoder up to its layer, with new weights, and its front end, from its configuration and its extractor."""
    from transformers import AutoModel

    with for_real():  # Parakeet's extractor holds its filterbank
        config, front_end = read_front_end(section.name, section.padded)
    model = encoder_part(AutoModel.from_config(config)).requires_grad_(False)
    cut_to_layers(model, section.layer)
    if isinstance(front_end, WhisperUnpadded):
        let_positions_follow(model)
    return model, front_end


def fuse_attention(module: nn.Module) -> None:
    """As GPUs have it: torch's attention on CPUs holds all scores where it drops some of them out, and theirs never."""
    part: Any
    for part in module.modules():
        if hasattr(part, "attention_dropout"):
            part.attention_dropout = 0.0
        if isinstance(part, nn.MultiheadAttention):
            part.dropout = 0.0


def weight_bytes(module: nn.Module) -> int:
    """Of all parameters."""
    return sum(p.numel() * p.element_size() for p in module.parameters())


# --- a step ---


def of_step(parts: Parts, recipe: Recipe, speech: Speech) -> Footprint:
    """Memory and operations of one batch, forward and backward."""
    config = recipe.training
    evaluation_or_training(parts)

    def forward() -> Tensor:
        with in_precision(config.precision, torch.device("cpu")):
            return parts.loss(recipe, speech)

    return footprint(forward, config.gradient_checkpointing)


def evaluation_or_training(parts: Parts) -> None:
    """What does not learn drops nothing out."""
    for module in parts.named().values():
        module.train(any(p.requires_grad for p in module.parameters()))


def seconds_of(config: TrainingSection, speech: Speech) -> float:
    """Of speech in a batch, which one of two bounds fills."""
    most = config.batch_transcript_tokens
    return config.batch_s if most is None else min(config.batch_s, most / speech.tokens_per_s)


def utterances_of(recipe: Recipe, speech: Speech) -> int:
    """In a batch."""
    return max(1, round(seconds_of(recipe.training, speech) / speech.utterance_s))


def frames_of(parts: Parts, recipe: Recipe, speech: Speech, B: int, least: int) -> Frames:
    """`B` utterances of at least so many frames, through the encoder where it runs."""
    clock = parts.front_end.clock
    T = max(least, clock.boundary_at(speech.utterance_s))
    values = torch.zeros(B, T, width_of(parts, recipe))
    if recipe.data.frames is None:  # else they are cached
        with torch.no_grad():
            run_encoder(
                parts.encoder, B, seconds_to_samples(speech.utterance_s, clock.sampling_rate_hz), parts.front_end
            )
    return Frames(values, torch.full((B,), T), clock)


def width_of(parts: Parts, recipe: Recipe) -> int:
    """Of a frame, with all layers that are mixed side by side."""
    return n_mixed(recipe.encoder.layer) * int(parts.encoder.config.hidden_size)


def run_encoder(encoder: Any, B: int, samples: int, front_end: FrontEnd) -> None:
    """A forward pass over silence, `B` times so many samples."""
    kind, config, clock = encoder.config.model_type, encoder.config, front_end.clock
    if front_end.max_samples:  # Whisper
        windows = math.ceil(samples / front_end.max_samples)
        frames = front_end.n_frames(front_end.max_samples if front_end.filled_up else samples // windows)
        together = B * windows if front_end.batched else 1
        for _ in range(B * windows // together):
            encoder(input_features=torch.zeros(together, config.num_mel_bins, 2 * frames))
    elif kind == "wav2vec2-bert":
        encoder(torch.zeros(B, samples // clock.hop_samples, config.feature_projection_input_dim))
    elif kind == "parakeet_encoder":
        hop = clock.hop_samples // config.subsampling_factor
        encoder(torch.zeros(B, samples // hop + 1, config.num_mel_bins))
    else:
        encoder(torch.zeros(B, samples))
