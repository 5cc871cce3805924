"""The three stages, each put together from a recipe: aligner, distill (the connector), finetune (the LLM)."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ssr_connector.aligners import CharCTC, CharCTCConfig, Unalignable
from ssr_connector.aligners.bundle import offset_tokenize, read_aligner, save_aligner
from ssr_connector.aligners.record import FILE, read_alignments
from ssr_connector.aligners.words import TimedWord, end_differences_s, timed_words
from ssr_connector.config import Recipe
from ssr_connector.data.cuts import read_cuts
from ssr_connector.data.documents import read_documents
from ssr_connector.data.text import SpeechText
from ssr_connector.encoders import PretrainedEncoder
from ssr_connector.encoders.store import FrameStore, encoder_key
from ssr_connector.errors import UserError
from ssr_connector.model import SSRConfig, SSRForConditionalGeneration
from ssr_connector.model.checkpoint import build, load_tokenizer
from ssr_connector.training.batches import Batches, EncodedFrames, FrameSource, SpeechBatches, StoredFrames, TextBatches
from ssr_connector.training.loop import Logged, Progress, Student, Weighted, train
from ssr_connector.training.objectives import OBJECTIVES, AlignerCTC
from ssr_connector.training.run import open_run


def train_aligner(recipe: Recipe, progress: Progress) -> Logged:
    """Train the CHAR-CTC head on transcripts, then fit its delay where the development data has word times."""
    out = Path(recipe.out)
    torch.manual_seed(recipe.seed)
    if open_run(out, recipe):
        return {}
    source, width, clock = frame_source(recipe)
    cuts, transcripts = load_cuts(recipe.data.train, recipe)
    section = recipe.aligner
    alphabet = "".join(sorted({c for t in transcripts.values() for c in t}))
    shape = {k: v for k, v in dataclasses.asdict(section).items() if k != "text_form"}
    aligner = CharCTC(CharCTCConfig(alphabet=alphabet, **shape), width)
    student = Student(aligner, [Weighted("ctc", 1.0, AlignerCTC(aligner))])
    batches = speech_batches(recipe, cuts, source, transcripts, None)
    figures = train(student, Batches(batches, None), recipe.training, out, progress)
    aligner.eval()
    tokenize = offset_tokenize(load_tokenizer(recipe.llm.name))
    if recipe.data.dev:
        dev, dev_texts = load_cuts(recipe.data.dev, recipe)
        delays = []
        for group in speech_batches(recipe, dev, source, dev_texts, None).plan(0):
            texts = [dev_texts[c.id] for c in group]
            for cut, result in zip(group, aligner.align(source.frames(group), texts, tokenize), strict=True):
                if not isinstance(result, Unalignable):
                    delays += end_differences_s(timed_words(result, clock), known_words(cut))
        if delays:
            delay = round(statistics.median(delays) / clock.frame_s)
            aligner.with_delay(aligner.config.delay_frames + delay)
            figures["delay_frames"] = aligner.config.delay_frames
    save_aligner(
        out / "aligner", aligner, recipe.encoder.name, recipe.encoder.layer, recipe.llm.name, section.text_form
    )
    return figures


def train_connector(recipe: Recipe, progress: Progress) -> Logged:
    """Stage 1: a new connector on a frozen LLM, along the alignments of a trained aligner."""
    out = Path(recipe.out)
    torch.manual_seed(recipe.seed)
    if open_run(out, recipe):
        return {}
    if not recipe.training.aligner:
        raise UserError("stage 1 needs a trained aligner: --training.aligner RUN/aligner")
    aligner, _ = read_aligner(Path(recipe.training.aligner))
    config = SSRConfig(
        encoder_name=recipe.encoder.name,
        encoder_layer=recipe.encoder.layer,
        llm_name=recipe.llm.name,
        aligner=aligner.to_dict(),
        connector=dataclasses.asdict(recipe.connector),
        text_form=recipe.aligner.text_form,
    )
    model = build(SSRForConditionalGeneration, config)
    model.aligner.load_state_dict(aligner.state_dict())
    return train_model(recipe, model, progress)


def finetune(recipe: Recipe, progress: Progress) -> Logged:
    """Stage 2: go on from a model, with the parts of `training.train` learning."""
    torch.manual_seed(recipe.seed)
    if open_run(Path(recipe.out), recipe):
        return {}
    if not recipe.training.start_from:
        raise UserError("stage 2 starts from a model of stage 1: --training.start_from RUN/model")
    model = SSRForConditionalGeneration.from_pretrained(recipe.training.start_from)
    return train_model(recipe, model, progress)


def train_model(recipe: Recipe, model: SSRForConditionalGeneration, progress: Progress) -> Logged:
    """Train the chosen parts of a model on the recipe's objectives, and save it."""
    config, out = recipe.training, Path(recipe.out)
    parts = {"aligner": model.aligner, "connector": model.connector, "llm": model.llm}
    unknown = [p for p in config.train if p not in parts] + [o for o in config.objectives if o not in OBJECTIVES]
    if unknown or not config.train:
        raise UserError(
            f"training.train names parts ({', '.join(parts)}) and training.objectives objectives "
            f"({', '.join(OBJECTIVES)}); {unknown[0] if unknown else 'no part'} is given"
        )
    if "distil" in config.objectives and not model.connector.needs_segments:
        raise UserError(f"connector.type {recipe.connector.type!r} has no vector per token to distil; use continuation")
    model.requires_grad_(False)
    for name in config.train:
        parts[name].requires_grad_(True)
    model.config.llm_trained = model.config.llm_trained or "llm" in config.train
    objectives = [Weighted(n, w, OBJECTIVES[n](model, config)) for n, w in config.objectives.items()]
    source, _, _ = frame_source(recipe, model.encoder)
    alignments = read_alignments(Path(recipe.data.alignments) / FILE)[1]
    cuts, transcripts = load_cuts(recipe.data.train, recipe)
    speech = speech_batches(recipe, cuts, source, transcripts, alignments)
    text = text_batches(recipe, model, recipe.data.text) if "text" in config.objectives else None
    student = Student(model, objectives)
    evaluate = None
    if recipe.data.dev:
        dev, dev_texts = load_cuts(recipe.data.dev, recipe)
        held_out = speech_batches(recipe, dev, source, dev_texts, alignments)
        dev_text = text_batches(recipe, model, recipe.data.dev_text) if text and recipe.data.dev_text else text
        evaluate = DevLoss(student, Batches(held_out, dev_text), len(list(held_out.plan(0))))
    figures = train(student, Batches(speech, text), config, out, progress, evaluate)
    model.save_pretrained(str(out / "model"))
    return figures


class DevLoss:
    """Means of an objective's figures over the development data, without touching the random numbers of training."""

    def __init__(self, student: Student, batches: Batches, n_batches: int) -> None:
        self.student, self.batches, self.n_batches = student, batches, n_batches

    def __call__(self) -> Logged:
        """Each figure averaged over the batches."""
        totals: Logged = {}
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            stream = self.batches.from_position(0, 0, 0)
            for _ in range(self.n_batches):
                for name, value in self.student(next(stream)[2])[1].items():
                    totals[name] = totals.get(name, 0.0) + value / self.n_batches
        return totals


def frame_source(recipe: Recipe, encoder: PretrainedEncoder | None = None) -> tuple[FrameSource, int, Any]:
    """Where frames come from, how wide they are, and when they happen."""
    if recipe.data.frames:
        store = FrameStore(Path(recipe.data.frames))
        expected = encoder_key(recipe.encoder.name, recipe.encoder.layer)
        if store.encoder != expected:
            raise UserError(f"{recipe.data.frames} was made by {store.encoder}, not {expected}; run `ssr encode` again")
        return StoredFrames(store), store.width, store.clock
    encoder = encoder or PretrainedEncoder.from_pretrained(recipe.encoder.name, recipe.encoder.layer)
    return EncodedFrames(encoder), encoder.width, encoder.clock


def load_cuts(path: str, recipe: Recipe) -> tuple[list[Any], dict[str, str]]:
    """The cuts of a manifest, and their speech text by id."""
    if not path:
        raise UserError("data.train is not given: name the cuts of `ssr prepare`, --data.train DIR/cuts.jsonl.gz")
    cuts = list(read_cuts(Path(path)))
    write = SpeechText(recipe.aligner.text_form)
    return cuts, {c.id: write(" ".join(s.text or "" for s in c.supervisions)).text for c in cuts}


def known_words(cut: Any) -> list[TimedWord]:
    """A cut's word times, where its supervisions hold any."""
    items = [i for s in cut.supervisions for i in (s.alignment or {}).get("word", [])]
    return [TimedWord(i.symbol, i.start, i.start + i.duration) for i in items]


def speech_batches(
    recipe: Recipe,
    cuts: Sequence[Any],
    source: FrameSource,
    texts: Mapping[str, str],
    alignments: Mapping[str, Any] | None,
) -> SpeechBatches:
    """Batches as the recipe wants them, for this process among all."""
    from accelerate import PartialState

    state = PartialState()
    return SpeechBatches(
        cuts, source, texts, alignments, recipe.training.batch_s, recipe.seed, state.process_index, state.num_processes
    )


def text_batches(recipe: Recipe, model: SSRForConditionalGeneration, path: str) -> TextBatches:
    """Documents, each with its BOS and EOS, packed."""
    if not path:
        raise UserError("the objective `text` needs text data: --data.text FILE (one document a line, or JSON lines)")
    end = [] if model.tokenizer.eos_token_id is None else [model.tokenizer.eos_token_id]
    ids: list[int] = []
    for document in read_documents(Path(path)):
        ids += model.prefix_ids + model.tokenize(document)[0] + end
    section = recipe.training
    return TextBatches(ids, section.text_block, section.batch_tokens, recipe.seed)
