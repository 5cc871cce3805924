"""`ssr plan`: will it fit, and how long will it take? From configurations alone: no weights are loaded or made."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ssr_connector.config import EncoderSection, LLMSection, Recipe, TrainingSection, paths_of
from ssr_connector.connectors import build_connector
from ssr_connector.encoders.front_end import FrontEnd, WhisperUnpadded, encoder_part, let_positions_follow
from ssr_connector.encoders.layer_mix import n_mixed
from ssr_connector.encoders.pretrained import cut_to_layers, read_front_end
from ssr_connector.errors import UserError
from ssr_connector.model.adapter import add_adapter
from ssr_connector.model.embeddings import TextEmbeddings, shortened
from ssr_connector.model.memory import checkpoint_gradients
from ssr_connector.training.footprint import Footprint, footprint, for_real, hollow, pretend
from ssr_connector.training.learning import let_learn
from ssr_connector.training.objectives import needs_llm
from ssr_connector.training.sharding import units
from ssr_connector.types import Frames, Segments
from ssr_connector.units import seconds_to_samples

GIB = 2**30
CONTEXT_BYTES = int(0.7 * GIB)  # of CUDA, its libraries and the allocator's rounding
MEASURED_LAYERS = 2  # of the LLM: enough to see how fast its shapes go
WRITTEN_TOKENS = 16  # that `continuation` asks the LLM for


@dataclass(frozen=True)
class Speech:
    """What a batch is made of."""

    hours: float | None  # of the corpus, where it is there
    utterance_s: float
    tokens_per_s: float


@dataclass(frozen=True)
class Plan:
    """Everything of one process, but for `steps` and `speech_hours`, which are of all."""

    parameters: Mapping[str, tuple[int, int]]  # part: in all, that learn
    memory: Mapping[str, int]  # part: bytes
    steps: int
    speech_hours: float  # heard in all steps, repeats counted
    epochs: float | None
    flops: int  # of a step
    notes: tuple[str, ...]

    @property
    def total_bytes(self) -> int:
        """At the peak."""
        return sum(self.memory.values())

    def hours(self, flops_per_s: float) -> float:
        """Of all steps at a measured rate."""
        return self.steps * self.flops / flops_per_s / 3600


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


def make_plan(recipe: Recipe, speech: Speech, gpus: int) -> Plan:
    """Plan a connector's or an LLM's training. Raises UserError where the recipe names no models."""
    config = recipe.training
    notes = [f"assumed: {CONTEXT_BYTES / GIB:.1f} GiB of CUDA and its libraries, AdamW in float32"]
    if recipe.connector.attention == "blockwise":
        notes.append("block-wise attention is planned as causal: it takes less")
    with pretend():
        parts = assemble(recipe)
        step = of_step(parts, recipe, speech)
        if isinstance(parts.llm, TextEmbeddings):
            loaded, whole = weight_bytes(parts.llm), weight_bytes(new_llm(parts.llm.config, recipe.llm))
            notes.append(
                f"of the LLM only the input embeddings are loaded: {loaded / GIB:.2f} GiB instead of {whole / GIB:.2f}"
            )
    learning = {name: count(module)[1] for name, module in parts.named().items()}
    trained = sum(learning.values())
    weights = {name: weight_bytes(module) for name, module in parts.named().items()}
    if config.precision == "bf16":
        notes.append("bf16: the weights that learn are float32, with a copy in bf16 while they are used")
    sharded = config.sharding == "fsdp" and gpus > 1
    shards = gpus if sharded else 1
    gradients, moments = 4 * trained, 8 * trained
    taken = max(step.peak_bytes - gradients, step.forward_bytes)
    memory = {f"weights: {name}": size // shards for name, size in weights.items() if size}
    memory |= {"gradients": gradients // shards, "AdamW": moments // shards}
    memory["activations at the peak"] = max(taken, 4 * trained // shards)  # AdamW's own step needs room, too
    if sharded:
        memory["gathered where they are used"] = gathered_bytes(parts)
    memory["CUDA"] = CONTEXT_BYTES
    heard = config.steps * config.accumulate * config.batch_s * gpus / 3600
    return Plan(
        {name: count(module) for name, module in parts.named().items()},
        memory,
        config.steps,
        heard,
        None if not speech.hours else heard / speech.hours,
        step.flops * config.accumulate,
        tuple(notes),
    )


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
    shape = dataclasses.replace(recipe.connector, attention="causal")  # block-wise looks into the segments
    mixed = n_mixed(recipe.encoder.layer)
    connector = build_connector(shape, mixed * encoder.config.hidden_size, llm_config, mixed)
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


def count(module: nn.Module) -> tuple[int, int]:
    """Parameters, and those that learn."""
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    return sum(n for n, _ in sizes), sum(n for n, learns in sizes if learns)


def weight_bytes(module: nn.Module) -> int:
    """Of all parameters."""
    return sum(p.numel() * p.element_size() for p in module.parameters())


def gathered_bytes(parts: Parts) -> int:
    """What FSDP holds whole at the peak: two layers, and all that is in none; or, before these, the encoder."""
    used = nn.ModuleList([parts.connector, parts.llm])
    layers = [weight_bytes(unit) for unit in units(used)]
    return max(sum(sorted(layers)[-2:]) + weight_bytes(used) - sum(layers), weight_bytes(parts.encoder))


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
    if "distil" in config.objectives:
        terms.append(distance(z.float(), torch.zeros(B, z.shape[1], z.shape[2])))
    dtype = parts.llm.get_input_embeddings().weight.dtype
    heard = z.to(dtype)
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
    ends = ((torch.arange(S) + 1) * (T // S)).expand(B, S)
    segments = Segments(torch.zeros(B, S, dtype=torch.long), ends - T // S, ends, torch.full((B,), S))
    return Frames(values, torch.full((B,), T), clock), segments


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


def distance(z: Tensor, target: Tensor) -> Tensor:
    """As `Distil` has it."""
    return (z - target).square().sum(-1).mean() - nn.functional.cosine_similarity(z, target, dim=-1).mean()


def cross_entropy(llm: Any, **inputs: Tensor) -> Tensor:
    """Of every next token."""
    logits = llm(**inputs, use_cache=False).logits[:, :-1]
    targets = torch.zeros(logits.shape[0] * logits.shape[1], dtype=torch.long, device=logits.device)
    return nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets)


# --- how fast ---


def measure_rate(recipe: Recipe, speech: Speech, steps: int = 3, note: Callable[[str], None] = lambda _: None) -> float:
    """Floating-point operations a second of this stage here: its shapes, with an LLM of two layers, on real tensors."""
    with pretend():
        flops = of_step(assemble(recipe, MEASURED_LAYERS), recipe, speech).flops
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    note(f"timing {steps} steps of {flops / 1e12:.2f} TFLOP on {device}")
    with torch.device(device):
        parts = assemble(recipe, MEASURED_LAYERS)
        learning = [p for m in parts.named().values() for p in m.to(device).parameters() if p.requires_grad]
        evaluation_or_training(parts)
        optimizer = torch.optim.AdamW(learning, lr=1e-4)
        seconds = []
        for _ in range(steps + 1):  # the first one warms up
            started = time.perf_counter()
            with torch.autocast(device.type, torch.bfloat16, enabled=recipe.training.precision == "bf16"):
                loss = loss_of_step(parts, recipe, speech)
            torch.autograd.backward(loss)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - started)
    return flops / sorted(seconds[1:])[len(seconds[1:]) // 2]


def speech_of(recipe: Recipe, utterance_s: float, tokens_per_s: float) -> Speech:
    """What the training data is like, where it is there; else what is assumed."""
    manifests = paths_of(recipe.data.train)
    if not manifests or not all(path.exists() for path in manifests):
        return Speech(None, utterance_s, tokens_per_s)
    from ssr_connector.training.data import load_cuts

    cuts, texts = load_cuts(recipe.data.train, recipe.aligner.text_form)
    seconds = [cut.duration for cut in cuts]
    rate = tokens_per_s
    if Path(recipe.llm.name).is_dir() and (Path(recipe.llm.name) / "tokenizer.json").is_file():
        from ssr_connector.base_models import load_tokenizer

        tokenizer, some = load_tokenizer(recipe.llm.name), cuts[:: max(1, len(cuts) // 500)]
        rate = sum(len(tokenizer(texts[c.id])["input_ids"]) for c in some) / sum(c.duration for c in some)
    # A batch holds utterances of like length, so its shape is that of the mean second, not of the mean utterance.
    mean_s = sum(s * s for s in seconds) / sum(seconds)
    return Speech(sum(seconds) / 3600, mean_s, rate)
