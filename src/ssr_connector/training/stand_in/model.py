"""The stand-in of stages 1 and 2: encoder, connector and LLM."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ssr_connector.config import LLMSection, Recipe, TrainingSection
from ssr_connector.connectors import build_connector
from ssr_connector.connectors.blockwise import Rows, Windows
from ssr_connector.connectors.decoder import FrameDecoder
from ssr_connector.encoders.layer_mix import n_mixed
from ssr_connector.errors import UserError
from ssr_connector.model.adapter import add_adapter
from ssr_connector.model.embeddings import TextEmbeddings, shortened
from ssr_connector.model.memory import checkpoint_gradients
from ssr_connector.training.footprint import GIB, for_real, hollow
from ssr_connector.training.learning import let_learn
from ssr_connector.training.objectives import TEACHERS, WRITTEN_TOKENS, needs_llm
from ssr_connector.training.stand_in.base import (
    Parts,
    Speech,
    check_named,
    encoder_of,
    frames_of,
    llm_config_of,
    utterances_of,
    weight_bytes,
)
from ssr_connector.types import Segments


@dataclass
class ModelParts(Parts):
    """A whole SpeechLM; of its LLM perhaps the input embeddings alone."""

    connector: nn.Module
    llm: Any

    def named(self) -> dict[str, Any]:
        """All three."""
        return {"encoder": self.encoder, "connector": self.connector, "LLM": self.llm}

    def divided(self) -> dict[str, Any]:
        """All three: the encoder is the model's own, also where frames are cached."""
        return self.named()

    def loss(self, recipe: Recipe, speech: Speech) -> Tensor:
        """What the objectives compute."""
        config = recipe.training
        B = utterances_of(recipe, speech)
        S = max(1, round(speech.utterance_s * speech.tokens_per_s))
        frames = frames_of(self, recipe, speech, B, S)
        segments = even_segments(B, S, frames.values.shape[1])
        terms: list[Tensor] = []
        z: Tensor = self.connector(frames, segments).values  # [B, S or stacks, D]
        dtype = self.llm.get_input_embeddings().weight.dtype
        heard = z.to(dtype)
        if "distil" in config.objectives:
            target = torch.zeros(B, z.shape[1], z.shape[2])
            if config.distil_layer:
                with torch.no_grad():
                    target = states(self.llm, target.to(dtype), config.distil_layer)
                terms.append(distance(states(self.llm, heard, config.distil_layer), target))
            else:
                terms.append(distance(z.float(), target))
        extra = {"speech_lm": 0, "transcribe": S + 4, "continuation": WRITTEN_TOKENS, "text_kl": 0}
        for name in config.objectives:
            if name in extra:
                written = torch.zeros(B, 1 + extra[name], heard.shape[2], dtype=dtype)
                scored = extra[name] or heard.shape[1]  # tokens: of the answer alone, where there is one
                if name in TEACHERS:  # the same in writing
                    text = torch.zeros(B, S + 1 + extra[name], heard.shape[2], dtype=dtype)
                    with torch.no_grad():
                        self.llm(inputs_embeds=text, use_cache=False, logits_to_keep=scored + 1)
                terms.append(cross_entropy(self.llm, scored, inputs_embeds=torch.cat([heard, written], 1)))
        if "text" in config.objectives:
            rows = max(1, config.batch_tokens // config.text_block)
            ids = torch.zeros(rows, config.text_block, dtype=torch.long)
            terms.append(cross_entropy(self.llm, config.text_block - 1, input_ids=ids))
        if not terms:
            raise UserError("a plan needs training.objectives of stage 1 or 2: distil, speech_lm, transcribe, text, …")
        return torch.stack(terms).sum()

    def kept(self, config: TrainingSection) -> dict[str, int]:
        """A copy of the LLM as it was, and what elastic weight consolidation knows of it."""
        if "llm" not in config.train:
            return {}
        learning = sum(p.numel() for p in self.llm.parameters() if p.requires_grad)
        copied = config.adapter == "none" and TEACHERS & set(config.objectives)  # else it is its own teacher
        return {
            "weights: teachers": weight_bytes(self.llm) if copied else 0,
            "what ewc holds": 8 * learning if "ewc" in config.objectives else 0,
        }

    def notes(self, recipe: Recipe, speech: Speech) -> list[str]:  # noqa: ARG002
        """What is saved where the embeddings suffice."""
        if not isinstance(self.llm, TextEmbeddings):
            return []
        loaded, whole = weight_bytes(self.llm), weight_bytes(new_llm(self.llm.config, recipe.llm))
        return [f"of the LLM only the input embeddings are loaded: {loaded / GIB:.2f} GiB instead of {whole / GIB:.2f}"]


# --- the models, from their configurations ---


def assemble_model(recipe: Recipe, speech: Speech, llm_layers: int | None) -> ModelParts:  # noqa: ARG001
    """Build what stages 1 and 2 need with new weights; `llm_layers` cuts the LLM short."""
    config = recipe.training
    check_named(recipe)
    llm_config = llm_config_of(recipe.llm.name)
    encoder, front_end = encoder_of(recipe.encoder)
    mixed = n_mixed(recipe.encoder.layer)
    connector = build_connector(recipe.connector, mixed * encoder.config.hidden_size, llm_config, mixed)
    let_windows_follow(connector)
    llm = llm_of(recipe, llm_config if llm_layers is None else shortened(llm_config, llm_layers))
    let_learn({"connector": connector, "llm": llm}, config)
    if config.gradient_checkpointing:
        checkpoint_gradients(connector)
        checkpoint_gradients(llm)
    return ModelParts(encoder, front_end, connector, llm)


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
    """With new weights, in the precision that the recipe keeps them in; fused attention is all planned as torch's."""
    from transformers import AutoModelForCausalLM

    attention = {"attn_implementation": "eager"} if section.attention == "eager" else {}
    return AutoModelForCausalLM.from_config(llm_config, dtype=getattr(torch, section.dtype), **attention)


def embeddings_suffice(config: TrainingSection) -> bool:
    """Whether a stage loads the LLM's input embeddings alone: stage 2 starts from a whole model."""
    return config.start_from is None and not needs_llm(config)


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


# --- what the objectives compute ---


def states(llm: Any, embeds: Tensor, layer: int) -> Tensor:
    """The LLM's hidden states after a layer."""
    out = llm.base_model(inputs_embeds=embeds, output_hidden_states=True, use_cache=False)
    found: Tensor = out.hidden_states[layer]
    return found.float()


def distance(z: Tensor, target: Tensor) -> Tensor:
    """As `Distil` has it."""
    return (z - target).square().sum(-1).mean() - nn.functional.cosine_similarity(z, target, dim=-1).mean()


def cross_entropy(llm: Any, n: int, **inputs: Tensor) -> Tensor:
    """Of the last `n` tokens."""
    logits = llm(**inputs, use_cache=False, logits_to_keep=n + 1).logits[:, :-1]
    targets = torch.zeros(logits.shape[0] * logits.shape[1], dtype=torch.long, device=logits.device)
    return nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets)
