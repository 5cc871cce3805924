"""What a step of a stage does, on modules with new weights and silence: it takes the memory and time of a real one."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ssr_connector.config import EncoderSection, LLMSection, Recipe, TrainingSection
from ssr_connector.connectors import build_connector
from ssr_connector.connectors.blockwise import Rows, Windows
from ssr_connector.connectors.decoder import FrameDecoder
from ssr_connector.encoders.front_end import FrontEnd, WhisperUnpadded, encoder_part, let_positions_follow
from ssr_connector.encoders.layer_mix import n_mixed
from ssr_connector.encoders.pretrained import cut_to_layers, read_front_end
from ssr_connector.errors import UserError
from ssr_connector.model.adapter import add_adapter
from ssr_connector.model.embeddings import TextEmbeddings, shortened
from ssr_connector.model.memory import checkpoint_gradients
from ssr_connector.training.footprint import Footprint, footprint, for_real, hollow
from ssr_connector.training.learning import let_learn
from ssr_connector.training.objectives import needs_llm
from ssr_connector.types import Frames, Segments
from ssr_connector.units import seconds_to_samples

WRITTEN_TOKENS = 16  # that `continuation` asks the LLM for


@dataclass(frozen=True)
class Speech:
    """What a batch is made of."""

    hours: float | None  # of the corpus, where it is there
    utterance_s: float
    tokens_per_s: float


@dataclass
class Parts:
    """The modules that a stage needs, as they will be on a device."""

    encoder: Any
    front_end: FrontEnd
    connector: nn.Module
    llm: Any

    def named(self) -> dict[str, Any]:
        """In the order of the data flow."""
        return {"encoder": self.encoder, "connector": self.connector, "LLM": self.llm}


# --- the models, from their configurations ---


def assemble(recipe: Recipe, llm_layers: int | None = None) -> Parts:
    """Build what the stage needs with new weights; `llm_layers` cuts the LLM short."""
    from transformers import AutoConfig

    config = recipe.training
    if not recipe.encoder.name or not recipe.llm.name:
        raise UserError("a plan needs encoder.name and llm.name: a hub name, or a folder with a config.json")
    try:
        llm_config = AutoConfig.from_pretrained(recipe.llm.name)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the configuration of {recipe.llm.name!r}; check llm.name") from error
    encoder, front_end = encoder_of(recipe.encoder)
    mixed = n_mixed(recipe.encoder.layer)
    connector = build_connector(recipe.connector, mixed * encoder.config.hidden_size, llm_config, mixed)
    let_windows_follow(connector)
    llm = llm_of(recipe, llm_config if llm_layers is None else shortened(llm_config, llm_layers))
    let_learn({"connector": connector, "llm": llm}, config)
    if config.gradient_checkpointing:
        checkpoint_gradients(connector)
        checkpoint_gradients(llm)
    return Parts(encoder, front_end, connector, llm)


def llm_of(recipe: Recipe, llm_config: Any) -> Any:
    """What the stage loads of the LLM, with new weights, and its additions where they learn in its place."""
    config = recipe.training
    if embeddings_suffice(config):
        table = new_llm(shortened(llm_config, 0), recipe.llm).get_input_embeddings()
        return TextEmbeddings(table.requires_grad_(False), llm_config)
    if "llm" not in config.train or config.adapter == "none":
        return new_llm(llm_config, recipe.llm).requires_grad_("llm" in config.train)
    addition = (config.adapter, config.adapter_rank, config.adapter_alpha)
    return hollow(lambda: add_adapter(new_llm(llm_config, recipe.llm), *addition))


def new_llm(llm_config: Any, section: LLMSection) -> Any:
    """With new weights, in the precision that the recipe keeps them in."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_config(llm_config, dtype=getattr(torch, section.dtype))


def embeddings_suffice(config: TrainingSection) -> bool:
    """Whether a stage loads the LLM's input embeddings alone: stage 2 starts from a whole model."""
    return config.start_from is None and not needs_llm(config)


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


def fuse_attention(connector: nn.Module) -> None:
    """As GPUs have it: torch's attention on CPUs holds all scores where it drops some of them out, and theirs never."""
    part: Any
    for part in connector.modules():
        if hasattr(part, "attention_dropout"):
            part.attention_dropout = 0.0


def let_windows_follow(connector: nn.Module) -> None:
    """Block-wise attention looks into the segments, which have shapes alone: let it see segments of one length."""
    for part in connector.modules():
        if isinstance(part, FrameDecoder) and part.slack_frames is not None:
            part.windows = partial(even_windows, slack_frames=part.slack_frames)  # type: ignore[method-assign]


def even_windows(segments: Segments, n_frames: int, slack_frames: int) -> Windows:
    """What block-wise attention sees of as many segments, each as long as the others."""
    B, S = segments.ends.shape
    with for_real() as pretending:
        windows = Windows.build(even_segments(B, S, n_frames), n_frames, slack_frames)
    if pretending is None:
        return windows
    rows = (Rows(*(pretending.from_tensor(x) for x in (r.queries, r.keys, r.allowed))) for r in windows.rows)
    return Windows(tuple(rows), pretending.from_tensor(windows.where))


def even_segments(B: int, S: int, n_frames: int) -> Segments:
    """`B` utterances of `S` tokens, each as long as the others."""
    ends = ((torch.arange(S) + 1) * (n_frames // S)).expand(B, S)
    return Segments(torch.zeros(B, S, dtype=torch.long), ends - n_frames // S, ends, torch.full((B,), S))


# --- a step ---


def of_step(parts: Parts, recipe: Recipe, speech: Speech) -> Footprint:
    """Memory and operations of one batch through all objectives."""
    config = recipe.training
    evaluation_or_training(parts)

    def forward() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bf16"):
            return loss_of_step(parts, recipe, speech)

    return footprint(forward, config.gradient_checkpointing)


def evaluation_or_training(parts: Parts) -> None:
    """What does not learn drops nothing out."""
    for module in parts.named().values():
        module.train(any(p.requires_grad for p in module.parameters()))


def loss_of_step(parts: Parts, recipe: Recipe, speech: Speech) -> Tensor:
    """What the objectives of a stage compute, on tensors of the right shapes."""
    config = recipe.training
    B = max(1, round(config.batch_s / speech.utterance_s))
    S = max(1, round(speech.utterance_s * speech.tokens_per_s))
    frames, segments = batch_of(parts, recipe, speech, B, S)
    terms: list[Tensor] = []
    z: Tensor = parts.connector(frames, segments).values  # [B, S or stacks, D]
    dtype = parts.llm.get_input_embeddings().weight.dtype
    heard = z.to(dtype)
    if "distil" in config.objectives:
        target = torch.zeros(B, z.shape[1], z.shape[2])
        if config.distil_layer:
            with torch.no_grad():
                target = states(parts.llm, target.to(dtype), config.distil_layer)
            terms.append(distance(states(parts.llm, heard, config.distil_layer), target))
        else:
            terms.append(distance(z.float(), target))
    extra = {"speech_lm": 0, "transcribe": S + 4, "continuation": WRITTEN_TOKENS, "text_kl": 0}
    for name in config.objectives:
        if name in extra:
            written = torch.zeros(B, 1 + extra[name], heard.shape[2], dtype=dtype)
            if name in ("continuation", "text_kl"):  # the same in writing, by the teacher
                with torch.no_grad():
                    parts.llm(inputs_embeds=torch.zeros(B, S + 1 + extra[name], heard.shape[2], dtype=dtype))
            terms.append(cross_entropy(parts.llm, inputs_embeds=torch.cat([heard, written], 1)))
    if "text" in config.objectives:
        rows = max(1, config.batch_tokens // config.text_block)
        terms.append(cross_entropy(parts.llm, input_ids=torch.zeros(rows, config.text_block, dtype=torch.long)))
    if not terms:
        raise UserError("a plan needs training.objectives of stage 1 or 2: distil, speech_lm, transcribe, text, …")
    return torch.stack(terms).sum()


def batch_of(parts: Parts, recipe: Recipe, speech: Speech, B: int, S: int) -> tuple[Frames, Segments]:
    """Frames and segments of `B` utterances of `S` tokens each, through the encoder where it runs."""
    clock = parts.front_end.clock
    T = max(S, clock.boundary_at(speech.utterance_s))
    values = torch.zeros(B, T, n_mixed(recipe.encoder.layer) * parts.encoder.config.hidden_size)
    if recipe.data.frames is None:  # else they are cached
        with torch.no_grad():
            run_encoder(
                parts.encoder, B, seconds_to_samples(speech.utterance_s, clock.sampling_rate_hz), parts.front_end
            )
    return Frames(values, torch.full((B,), T), clock), even_segments(B, S, T)


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


def states(llm: Any, embeds: Tensor, layer: int) -> Tensor:
    """The LLM's hidden states after a layer."""
    out = llm.base_model(inputs_embeds=embeds, output_hidden_states=True, use_cache=False)
    found: Tensor = out.hidden_states[layer]
    return found.float()


def distance(z: Tensor, target: Tensor) -> Tensor:
    """As `Distil` has it."""
    return (z - target).square().sum(-1).mean() - nn.functional.cosine_similarity(z, target, dim=-1).mean()


def cross_entropy(llm: Any, **inputs: Tensor) -> Tensor:
    """Of every next token."""
    logits = llm(**inputs, use_cache=False).logits[:, :-1]
    targets = torch.zeros(logits.shape[0] * logits.shape[1], dtype=torch.long, device=logits.device)
    return nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets)
