"""The three stages, each put together from a recipe: aligner, distill (the connector), finetune (the LLM)."""

import contextlib
import dataclasses
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ssr_connector.aligners import Material, TrainableAligner, aligner_class
from ssr_connector.aligners.bundle import check_made_for, read_aligner, save_aligner
from ssr_connector.base_models import Tokenize, load_tokenizer, offset_tokenize
from ssr_connector.config import LLMSection, Recipe, TrainingSection, paths_of
from ssr_connector.devices import in_precision
from ssr_connector.encoders.layer_mix import LayerMix, Layers, n_mixed
from ssr_connector.encoders.source import frame_source
from ssr_connector.errors import UserError
from ssr_connector.files import write_rejected
from ssr_connector.model import SSRConfig, SSRForConditionalGeneration
from ssr_connector.model.adapter import ADAPTERS, add_adapter, merge_adapter
from ssr_connector.model.checkpoint import build
from ssr_connector.model.compilation import compile_layers
from ssr_connector.model.embeddings import load_embeddings
from ssr_connector.model.memory import checkpoint_gradients
from ssr_connector.training.batches import Batch, Batches, SpeechBatches, TextBatches
from ssr_connector.training.checks import ON_TEXT, check_aligner_recipe, check_recipe, refuse_start
from ssr_connector.training.continuations import Continuations
from ssr_connector.training.data import (
    augmentation_of,
    check_alignments,
    load_cuts,
    read_fitting,
    speech_batches,
    text_batches,
)
from ssr_connector.training.development import measure_aligner
from ssr_connector.training.fitted import Fitted
from ssr_connector.training.learning import let_learn
from ssr_connector.training.loop import Progress, Student, Weighted, train
from ssr_connector.training.objectives import AlignerLoss, TextLM, build_objectives, needs_llm
from ssr_connector.training.processes import processes, summed
from ssr_connector.training.run import inherit, is_begun, open_run
from ssr_connector.training.sharding import is_sharded
from ssr_connector.training.unreadable import Unreadable
from ssr_connector.types import Logged
from ssr_connector.units import FrameClock

INFEASIBLE = "infeasible.tsv"  # recordings that are too short for their transcripts, beside the run
ON_GPUS = ("flash_attention_2", "flex_attention")  # torch has no backward pass of the latter on CPUs
DEV_TEXT_TOKENS = 1 << 16  # of a long data.dev_text: enough to see a hundredth of a nat


def train_aligner(recipe: Recipe, progress: Progress) -> Logged:
    """Train an aligner on transcripts, then fit its delay where the development data has word times.

    Utterances that their transcripts do not fit into are left out, and listed in `infeasible.tsv`.
    """
    out = Path(recipe.out)
    torch.manual_seed(recipe.seed)
    if open_run(out, recipe):
        return {}
    check_aligner_recipe(recipe)
    processes()  # which of several devices is this process's, before the encoder goes to it
    augmentation = augmentation_of(recipe)
    encoder, section = recipe.encoder, recipe.aligner
    frames = paths_of(recipe.data.frames)
    source, width, clock = frame_source(frames, encoder)
    cuts, transcripts = load_cuts(recipe.data.train, section.text_form)
    tokenize = offset_tokenize(load_tokenizer(recipe.llm.name))
    others = read_fitting([Path(section.boundaries)], transcripts, tokenize, clock) if section.boundaries else None
    unreadable = Unreadable(out, is_begun(out))
    everything = speech_batches(recipe, cuts, source, transcripts, tokenize, others, None, unreadable, alone=True)
    material = Material(
        transcripts.values(),
        tokenize,
        width,
        clock,
        lambda: (batch.frames for batch in everything.epoch(0)),
        recipe.seed,
        n_mixed(encoder.layer),
        Fitted(out),
        encoder,
    )
    try:
        aligner = aligner_class(section.type).untrained(section, material)
    except ValueError as error:
        raise UserError(f"aligner.type: {error}") from error
    fastest = augmentation.fastest if augmentation else 1.0
    fitting, infeasible = fitting_cuts(cuts, transcripts, aligner, tokenize, clock, fastest)
    write_rejected(out / INFEASIBLE, infeasible)
    student = Student(aligner, [Weighted(section.type, 1.0, AlignerLoss(aligner, tokenize))])
    fitting_ones = cuts.only(fitting)
    batches = speech_batches(recipe, fitting_ones, source, transcripts, tokenize, others, augmentation, unreadable)
    config = recipe.training
    figures = train(student, Batches(batches, None, config.workers), config, out, recipe.seed, progress)
    figures |= {
        "left_out": float(batches.n_left_out),
        "alone": float(batches.n_alone),
        "infeasible": float(len(infeasible)),
    }
    aligner.eval().cpu()
    if processes().is_main_process:
        if recipe.data.dev:
            figures |= measure_aligner(recipe, aligner, source, tokenize, clock, unreadable)
        save_aligner(out / "aligner", aligner, encoder, recipe.llm.name, section.text_form)
    return figures | layer_shares(aligner, encoder.layer)


def fitting_cuts(
    cuts: Mapping[str, Any],
    transcripts: Mapping[str, str],
    aligner: TrainableAligner,
    tokenize: Tokenize,
    clock: FrameClock,
    speed: float = 1.0,
) -> tuple[list[str], list[tuple[str, str]]]:
    """The ids of cuts that are long enough for their transcripts, even at a speed, and why each other one is not."""
    fitting: list[str] = []
    infeasible: list[tuple[str, str]] = []
    at_speed = "" if speed == 1 else f" at speed {speed:g}"
    for key, cut in cuts.items():
        needed, there = aligner.needed_frames(transcripts[key], tokenize), clock.boundary_at(cut.duration / speed)
        if needed <= there:
            fitting.append(key)
        else:
            infeasible.append((key, f"the transcript needs {needed} frames, the recording has {there}{at_speed}"))
    if not fitting:
        raise UserError(f"no recording is long enough for its transcript; the first: {': '.join(infeasible[0])}")
    return fitting, infeasible


def train_connector(recipe: Recipe, progress: Progress) -> Logged:
    """Stage 1: a new connector on a frozen LLM, along the alignments of a trained aligner."""
    out = Path(recipe.out)
    torch.manual_seed(recipe.seed)
    if open_run(out, recipe):
        return {}
    refuse_start(recipe.training)
    check_recipe(recipe)
    if not recipe.training.aligner:
        raise UserError("stage 1 needs a trained aligner: --training.aligner RUN/aligner")
    aligner, made_for = read_aligner(Path(recipe.training.aligner))
    config = SSRConfig(
        encoder_name=recipe.encoder.name,
        encoder_layer=recipe.encoder.layer,
        encoder_padded=recipe.encoder.padded,
        llm_name=recipe.llm.name,
        aligner=aligner.to_dict(),
        connector=dataclasses.asdict(recipe.connector),
        text_form=made_for["text_form"],
    )
    if recipe.aligner.text_form != made_for["text_form"]:
        raise UserError(
            f"{recipe.training.aligner} was trained with aligner.text_form {made_for['text_form']}, not "
            f"{recipe.aligner.text_form}; give --aligner.text_form {made_for['text_form']}"
        )
    check_made_for(Path(recipe.training.aligner), aligner, made_for, recipe.encoder, recipe.llm.name)
    how = weights(recipe.llm, recipe.training.precision)
    if needs_llm(recipe.training):
        model = build(SSRForConditionalGeneration, config, **how)
    else:
        model = build(SSRForConditionalGeneration, config, load_embeddings(recipe.llm.name, how["dtype"]))
    if model.encoder.width != made_for["encoder_width"]:
        raise UserError(
            f"{recipe.training.aligner} was trained on frames {made_for['encoder_width']} wide, but the encoder "
            f"{recipe.encoder.name} is {model.encoder.width} wide; train an aligner for it"
        )
    model.aligner.load_state_dict(aligner.state_dict())
    return train_model(recipe, model, progress)


def finetune(recipe: Recipe, progress: Progress) -> Logged:
    """Stage 2: go on from a model, with the parts of `training.train` learning."""
    if not recipe.training.start_from:
        raise UserError("stage 2 starts from a model of stage 1: --training.start_from RUN/model")
    recipe = inherit(recipe)
    torch.manual_seed(recipe.seed)
    if open_run(Path(recipe.out), recipe):
        return {}
    check_recipe(recipe)
    model = SSRForConditionalGeneration.from_pretrained(
        str(recipe.training.start_from), **weights(recipe.llm, recipe.training.precision)
    )
    return train_model(recipe, model, progress)


def weights(section: LLMSection, precision: str) -> dict[str, Any]:
    """How the LLM is loaded. Raises UserError where it cannot be quantised, or its attention not computed so, here."""
    kwargs: dict[str, Any] = {"dtype": getattr(torch, section.dtype)}
    if section.attention != "auto":
        if section.attention in ON_GPUS and not torch.cuda.is_available():
            raise UserError(f"llm.attention {section.attention} needs a CUDA device; give sdpa, eager or auto")
        if section.attention == "flash_attention_2" and section.dtype == "float32" and precision == "no":
            raise UserError(
                "llm.attention flash_attention_2 computes in 16 bits: give --training.precision bf16, or another one"
            )
        kwargs["attn_implementation"] = section.attention
    if section.quantize != "none":
        if not torch.cuda.is_available() or importlib.util.find_spec("bitsandbytes") is None:
            raise UserError(f"llm.quantize {section.quantize} needs a CUDA device and `pip install bitsandbytes`")
        from transformers import BitsAndBytesConfig

        eight = section.quantize == "8bit"
        kwargs["quantization_config"] = BitsAndBytesConfig(
            load_in_8bit=eight,
            load_in_4bit=not eight,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
        kwargs["device_map"] = {"": processes().device}
    return kwargs


def train_model(recipe: Recipe, model: SSRForConditionalGeneration, progress: Progress) -> Logged:
    """Train the chosen parts of a model on the recipe's objectives, and save it."""
    config, out = recipe.training, Path(recipe.out)
    parts = {"aligner": model.aligner, "connector": model.connector, "llm": prepare_llm(model, config)}
    for pattern in let_learn(parts, config):
        raise UserError(f"training.freeze: no parameter that learns matches {pattern!r}")
    if not is_sharded(config):  # which then brings every part to its device
        to_device(model)
    if config.gradient_checkpointing:
        checkpoint_gradients(model)
    if "transcribe" in config.objectives:
        model.config.transcribe_prompt = config.transcribe_prompt
    model.config.llm_trained = model.config.llm_trained or "llm" in config.train
    augmentation = augmentation_of(recipe)
    source, _, clock = frame_source(paths_of(recipe.data.frames), model.config.heard, model.encoder)
    cuts, transcripts = load_cuts(recipe.data.train, model.config.text_form)
    folders = paths_of(recipe.data.alignments)
    alignments = read_fitting(folders, transcripts, model.tokenize, clock)
    unreadable = Unreadable(out, is_begun(out))
    speech = speech_batches(recipe, cuts, source, transcripts, model.tokenize, alignments, augmentation, unreadable)
    text = None
    written = Continuations(out, is_begun(out)) if "continuation" in config.objectives else None
    with in_precision(config.precision, processes().device):  # some run the LLM before the first step
        if ON_TEXT & set(config.objectives):
            text = text_batches(recipe, model, recipe.data.text, out / "text_windows.jsonl")
        built = build_objectives(model, config, text, written)
    objectives = [Weighted(name, weight, built[name]) for name, weight in config.objectives.items()]
    student = Student(model, objectives)
    if config.compile:
        compile_layers([model.connector, model.llm, *student.teachers], processes().device)
    on_speech = [o for o in objectives if o.name not in ON_TEXT]  # the loss on training text says nothing
    on_text = [Weighted("text", config.objectives.get("text", 0.0), TextLM(model))]
    held_out = dev_text = None
    if recipe.data.dev and on_speech:
        dev, dev_texts = load_cuts(recipe.data.dev, model.config.text_form)
        where = ", ".join(map(str, folders))
        if not any(key in alignments for key in dev):
            raise UserError(f"data.dev: none of its utterances is aligned in {where}; give `ssr align` its cuts, too")
        check_alignments(where, alignments, dev_texts, model.tokenize)
        held_out = speech_batches(recipe, dev, source, dev_texts, model.tokenize, alignments, None, unreadable)
    if recipe.data.dev_text and "llm" in config.train:
        dev_text = text_batches(recipe, model, recipe.data.dev_text, alone=True)
    evaluate = None
    if held_out or dev_text:
        evaluate = DevLoss(student, held_out, on_speech, dev_text, on_text, config.workers)
    figures = train(student, Batches(speech, text, config.workers), config, out, recipe.seed, progress, evaluate)
    malformed = text.text.malformed if text else []
    if malformed:
        write_rejected(out / "malformed_text.tsv", malformed)
        figures["malformed_text"] = float(len(malformed))
    if model.config.adapter and config.adapter_merge:
        model.llm, model.config.adapter = merge_adapter(model.llm), {}
    if processes().is_main_process:
        model.save_pretrained(str(out / "model"))
    figures |= layer_shares(model.connector, model.config.encoder_layer)
    figures |= {"left_out": float(speech.n_left_out), "alone": float(speech.n_alone)}
    if held_out:
        figures["dev_left_out"] = float(held_out.n_left_out)
    return {**figures, "connector_parameters": model.connector.n_parameters}


def layer_shares(module: nn.Module, layer: Layers) -> Logged:
    """What each of the encoder's layers counts in what a module mixes of them."""
    if not isinstance(layer, list):
        return {}
    mixes = [part for part in module.modules() if isinstance(part, LayerMix)]
    return {f"share_of_layer_{k}": share for mix in mixes for k, share in zip(layer, mix.shares(), strict=True)}


def to_device(model: SSRForConditionalGeneration) -> None:
    """Everything to this process's device, before objectives copy any of it; a quantised LLM is there already."""
    parts = [model.encoder, model.aligner, model.connector]
    for part in parts if getattr(model.llm, "is_quantized", False) else [*parts, model.llm]:
        part.to(processes().device)


def prepare_llm(model: SSRForConditionalGeneration, config: TrainingSection) -> nn.Module:
    """The LLM as it is to be: where it learns, earlier additions are part of it, and new ones are around it.

    Raises UserError where additions cannot become part of it, or where a checkpoint of new ones would not hold them.
    """
    there, learns = model.config.adapter.get("type"), "llm" in config.train
    fixed = [kind for kind in (there, config.adapter) if kind in ADAPTERS and not ADAPTERS[kind].merges]
    if fixed and config.adapter_merge:
        raise UserError(f"additions of the kind {fixed[0]} cannot be merged: leave --training.adapter_merge false")
    if there and learns:
        has = f"{config.start_from} has additions ({there}) already"
        if there in fixed:
            raise UserError(f"{has}, which cannot become part of its LLM: start from a model without")
        if config.adapter != "none" and not config.adapter_merge:
            raise UserError(f"{has}; --training.adapter_merge true makes them and the new ones part of its LLM")
        model.llm, model.config.adapter = merge_adapter(model.llm), {}
    if learns and config.adapter != "none":
        if model.config.llm_trained and not config.adapter_merge:  # a checkpoint with additions holds no other weights
            merged = "--training.adapter_merge true, or " if ADAPTERS[config.adapter].merges else ""
            raise UserError(
                f"{config.start_from} has an LLM of its own, which a checkpoint of additions alone would lose: give "
                f"{merged}--training.adapter none"
            )
        model.config.adapter = {"type": config.adapter, "rank": config.adapter_rank, "alpha": config.adapter_alpha}
        model.llm = add_adapter(model.llm, **model.config.adapter)
    llm: nn.Module = model.llm
    return llm


class DevLoss:
    """Means of figures over all development data: of objectives on its speech, and of others on its text.

    A batch of speech counts by its tokens, so that means hardly depend on how recordings fall into batches.
    """

    def __init__(
        self,
        student: Student,
        speech: SpeechBatches | None,
        of_speech: Sequence[Weighted],
        text: TextBatches | None,
        of_text: Sequence[Weighted],
        workers: int,
    ) -> None:
        self.student, self.workers = student, workers
        self.speech, self.of_speech, self.text, self.of_text = speech, of_speech, text, of_text

    @torch.no_grad()
    def __call__(self) -> Logged:
        """Speech is divided among the processes; each hears all text, of which little tells much."""
        figures: Logged = {}
        if self.speech is not None:
            with contextlib.closing(self.speech.epoch(0, self.workers)) as heard:
                spoken = ((sum(map(len, batch.alignments)), Batch(batch, None)) for batch in heard)
                figures |= self.means(spoken, self.of_speech)
        if self.text is not None:
            read = ((len(rows), Batch(None, rows)) for rows in self.text.once(DEV_TEXT_TOKENS))
            found = self.means(read, self.of_text)
            figures |= found | {"loss": found["loss"] + figures.get("loss", 0.0)}
        return figures

    def means(self, batches: Iterable[tuple[int, Batch]], objectives: Sequence[Weighted]) -> Logged:
        """Each figure over the batches of all processes, by their weights."""
        totals: Logged = {"weight": 0.0}
        for weight, batch in batches:
            for name, value in {"weight": 1.0, **self.student(batch, objectives)[1]}.items():
                totals[name] = totals.get(name, 0.0) + weight * value
        totals = summed(totals)
        total = totals.pop("weight")
        if not total:
            raise UserError("no recording of data.dev can be read; rejected.tsv beside the run says why of each")
        return {name: value / total for name, value in totals.items()}
