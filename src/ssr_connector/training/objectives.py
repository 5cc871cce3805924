"""What is computed from a batch: a small class per objective, each a loss and what to log of it (docs/method.md §4)."""

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ssr_connector.aligners import TrainableAligner
from ssr_connector.aligners.cif import quantity_loss
from ssr_connector.base_models import Tokenize
from ssr_connector.config import TrainingSection
from ssr_connector.connectors import CIFConnector
from ssr_connector.errors import UserError
from ssr_connector.model.adapter import without_adapter
from ssr_connector.model.modeling import SSRForConditionalGeneration
from ssr_connector.model.processing import prompt_ids
from ssr_connector.model.scoring import begun
from ssr_connector.model.sequence import IGNORED, Piece, Sequences, Speech, embedding_of
from ssr_connector.training.batches import Batch, SpeechBatch, TextBatches
from ssr_connector.training.continuations import Continuations
from ssr_connector.training.processes import anywhere
from ssr_connector.training.sharding import is_sharded
from ssr_connector.types import Logged, SpeechEmbeds

WRITTEN_TOKENS = 16  # that `continuation` asks the LLM for after each transcript


class Objective(Protocol):
    """A loss of a batch."""

    def __call__(self, batch: Batch) -> tuple[Tensor, Logged]:
        """The loss, and figures to log."""


class AlignerLoss:
    """The aligner's own loss on the transcripts."""

    def __init__(self, aligner: TrainableAligner, tokenize: Tokenize) -> None:
        self.aligner, self.tokenize = aligner, tokenize

    def __call__(self, batch: Batch) -> tuple[Tensor, Logged]:
        """As the aligner says."""
        speech = spoken(batch)
        return self.aligner.loss(speech.frames, speech.transcripts, self.tokenize, speech.alignments)


class Distil:
    """Stage 1: `mean ‖z − h‖² + λ · mean (1 − cos(z, h))`, h the LLM's own frozen input embeddings.

    Or, with `distil_layer`, the LLM's hidden states after so many layers over the one and the other (arXiv 2606.12199).
    """

    def __init__(self, model: SSRForConditionalGeneration, config: TrainingSection) -> None:
        self.model, self.config = model, config
        self.centre = torch.zeros(())  # [D], or nothing to subtract
        if config.centred_cosine:
            table = model.llm.get_input_embeddings().weight
            with torch.no_grad():
                self.centre = model.embed_tokens(torch.arange(len(table))).float().mean(0)  # [D]
        self.read = self.embeddings if config.distil_layer == 0 else self.hidden_states
        depth = model.llm.config.get_text_config().num_hidden_layers
        if not 0 <= config.distil_layer <= depth:
            raise UserError(
                f"training.distil_layer is {config.distil_layer}; this LLM has {depth} layers (0: its embeddings)"
            )
        if config.centred_cosine and config.distil_layer:
            raise UserError("training.centred_cosine is for embeddings: leave training.distil_layer at 0")

    def __call__(self, batch: Batch) -> tuple[Tensor, Logged]:
        """Per text token."""
        z, target = self.read(spoken(batch))  # [n, D] each
        squared = (z - target).square().sum(-1).mean()
        centre = self.centre.to(z.device)
        cosine = nn.functional.cosine_similarity(z - centre, target - centre, dim=-1).mean()
        loss = self.config.squared_weight * squared + self.config.cosine_weight * (1 - cosine)
        return loss, {"cosine": cosine.item(), "squared_error": squared.item()}

    def embeddings(self, speech: SpeechBatch) -> tuple[Tensor, Tensor]:
        """The vectors of all tokens of a batch, and the embeddings that they stand for."""
        embeds = connected(self.model, speech)
        tokens = [token for alignment in speech.alignments for token in alignment.token_ids]
        with torch.no_grad():
            target = self.model.embed_tokens(torch.tensor(tokens, dtype=torch.long)).float()
        return embeds.values[embeds.mask].float(), target

    def hidden_states(self, speech: SpeechBatch) -> tuple[Tensor, Tensor]:
        """The LLM's states at all tokens of a batch, over the vectors and over the text."""
        start = Piece.text(self.model.prefix_ids)
        heard = hear(self.model, speech)
        with torch.no_grad():
            written = [Piece.text(list(s.alignment.token_ids), scored=True) for s in heard]
            target = self.after_layers([[start, text] for text in written])
        return self.after_layers([[start, Piece.speech(s, scored=True)] for s in heard]), target

    def after_layers(self, rows: Sequence[Sequence[Piece]]) -> Tensor:
        """States after `distil_layer` layers at every scored token [n, D]."""
        batch = Sequences.build(rows, self.model.embed_tokens)
        out = self.model.llm.base_model(
            inputs_embeds=batch.embeds, attention_mask=batch.mask, output_hidden_states=True, use_cache=False
        )
        states: Tensor = out.hidden_states[self.config.distil_layer]
        return states[batch.labels != IGNORED].float()


class SpeechLM:
    """`[BOS, z_1 … z_{m−1}] → y_1 … y_m`: continue speech in text."""

    def __init__(self, model: SSRForConditionalGeneration) -> None:
        self.model = model

    def __call__(self, batch: Batch) -> tuple[Tensor, Logged]:
        """Mean over tokens."""
        heard = hear(self.model, spoken(batch))
        rows = [begun(self.model, [Piece.text(self.model.prefix_ids), Piece.speech(s, scored=True)]) for s in heard]
        loss = next_token_loss(self.model, rows)
        return loss, {"speech_lm": loss.item()}


class Transcribe:
    """`[BOS, z_1 … z_m, prompt, y_1 …] → y_1 … y_m EOS`: repeat in text what was heard.

    The prompt tells the task from continuing; it may be empty.
    """

    def __init__(self, model: SSRForConditionalGeneration, prompt: str) -> None:
        self.model, self.prompt = model, prompt_ids(model.tokenizer, prompt)

    def __call__(self, batch: Batch) -> tuple[Tensor, Logged]:
        """Mean over tokens."""
        speech = spoken(batch)
        end = self.model.end_ids
        rows = []
        for heard, text in zip(hear(self.model, speech), speech.transcripts, strict=True):
            answer = self.model.tokenize(" " + text)[0] + end
            start = [Piece.text(self.model.prefix_ids), Piece.speech(heard), Piece.text(self.prompt)]
            rows.append([*start, Piece.text(answer, scored=True)])
        loss = next_token_loss(self.model, rows)
        return loss, {"transcribe": loss.item()}


class Teacher:
    """The LLM as it was at the start of a stage: itself where it is frozen, or where it has additions that learn alone.

    Else a frozen copy of it.
    """

    def __init__(self, llm: Any, has_additions: bool = False) -> None:
        copied = not has_additions and any(p.requires_grad for p in llm.parameters())
        self.llm = copy.deepcopy(llm).eval().requires_grad_(False) if copied else llm
        self.has_additions = has_additions

    def as_it_was(self) -> AbstractContextManager[Any]:
        """The LLM, with what was added turned off."""
        return without_adapter(self.llm) if self.has_additions else nullcontext(self.llm)


class ContinueLikeText:
    """KL of the next tokens after speech to those after its transcript, over a continuation that the LLM wrote.

    How connectors that cannot be distilled token by token are taught (Ultravox, AudioChatLlama).
    """

    def __init__(
        self,
        model: SSRForConditionalGeneration,
        teacher: Teacher,
        new_tokens: int = WRITTEN_TOKENS,
        written: Continuations | None = None,
        sharded: bool = False,
    ) -> None:
        self.model, self.teacher, self.new_tokens, self.sharded = model, teacher, new_tokens, sharded
        self.written = written or Continuations()

    def __call__(self, batch: Batch) -> tuple[Tensor, Logged]:
        """Mean over the continuation's tokens."""
        speech = spoken(batch)
        contexts = [Piece.text(self.model.prefix_ids + self.model.tokenize(t)[0]) for t in speech.transcripts]
        with torch.no_grad(), self.teacher.as_it_was() as llm:
            missing = [i for i, key in enumerate(speech.ids) if key not in self.written]
            if anywhere(bool(missing)) if self.sharded else missing:  # a sharded LLM is run by all processes at once
                asked = missing or [0]
                self._write(llm, [speech.ids[i] for i in asked], [contexts[i] for i in asked])
            endings = [Piece.text(self.written[key], scored=True) for key in speech.ids]
            texts = [begun(self.model, [c, e]) for c, e in zip(contexts, endings, strict=True)]
            teacher = scored_log_probs(llm, texts)
        start = Piece.text(self.model.prefix_ids)
        heard = hear(self.model, speech)
        rows = [begun(self.model, [start, Piece.speech(s), e]) for s, e in zip(heard, endings, strict=True)]
        loss = divergence(scored_log_probs(self.model.llm, rows), teacher)
        return loss, {"continuation_kl": loss.item()}

    def _write(self, llm: Any, keys: Sequence[str], contexts: Sequence[Piece]) -> None:
        batch = Sequences.build([[c] for c in contexts], embedding_of(llm), pad_left=True)
        eos = self.model.tokenizer.eos_token_id
        with torch.compiler.set_stance("force_eager"):  # layers compiled for training are not for a growing cache
            new = llm.generate(
                inputs_embeds=batch.embeds,
                attention_mask=batch.mask,
                max_new_tokens=self.new_tokens,
                do_sample=False,
                eos_token_id=eos,
                pad_token_id=eos,  # what stands after an EOS is cut off below
            )
        rows = [row[: row.index(eos) + 1] if eos in row else row for row in new.tolist()]
        self.written.add(dict(zip(keys, rows, strict=True)))


class TextLM:
    """Next-token prediction on written text alone: what multitask training adds.

    Each document of a packed row counts its own positions, by which transformers keeps packed documents apart (flash
    attention: those of one row alone), and its first token is not predicted from the document before.
    """

    def __init__(self, model: SSRForConditionalGeneration) -> None:
        self.model = model

    def __call__(self, batch: Batch) -> tuple[Tensor, Logged]:
        """Mean over tokens."""
        if batch.text is None:
            raise ValueError("the objective `text` needs text data")
        ids = batch.text.to(next(self.model.llm.parameters()).device)
        positions = document_positions(ids, self.model.prefix_ids, self.model.end_ids)
        if "flash" in (self.model.llm.config._attn_implementation or ""):
            ids, positions = ids.view(1, -1), positions.view(1, -1)
        logits = self.model.llm(input_ids=ids, position_ids=positions, use_cache=False).logits
        targets = ids.masked_fill(positions == 0, IGNORED)[:, 1:]
        loss = nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED
        )
        return loss, {"text": loss.item()}


def document_positions(ids: Tensor, prefix_ids: Sequence[int], end_ids: Sequence[int]) -> Tensor:
    """Positions within packed documents [N, block]: a document begins with its prefix (BOS), or after an end (EOS)."""
    begins = torch.zeros_like(ids, dtype=torch.bool)
    begins[:, 0] = True
    if prefix_ids:
        begins |= ids == prefix_ids[0]
    elif end_ids:
        begins[:, 1:] |= ids[:, :-1] == end_ids[-1]
    places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    return places - torch.where(begins, places, 0).cummax(1).values


def spoken(batch: Batch) -> SpeechBatch:
    """The speech of a batch, which this objective needs."""
    if batch.speech is None:
        raise ValueError("this objective needs speech data")
    return batch.speech


def connected(model: SSRForConditionalGeneration, speech: SpeechBatch) -> SpeechEmbeds:
    """What the connector makes of a batch along its alignments, once for all objectives of a step."""
    if not speech.connected:
        speech.connected.append(model.embed(speech.frames, speech.alignments))
    return speech.connected[0]


def hear(model: SSRForConditionalGeneration, speech: SpeechBatch) -> list[Speech]:
    """The same, recording by recording."""
    return model.parted(connected(model, speech), speech.alignments)


def next_token_loss(model: SSRForConditionalGeneration, rows: Sequence[Sequence[Piece]]) -> Tensor:
    """Mean cross-entropy of the scored tokens."""
    batch = Sequences.build(rows, model.embed_tokens)
    logits, targets = batch.predictions(model.llm)
    return nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED)


class PredictLikeText:
    """KL of the next tokens at every spoken token to those that the LLM as it was predicts from the same text.

    What stage 2 is to leave as it is, said on the speech itself.
    """

    def __init__(self, model: SSRForConditionalGeneration, teacher: Teacher) -> None:
        self.model, self.teacher = model, teacher

    def __call__(self, batch: Batch) -> tuple[Tensor, Logged]:
        """Mean over tokens."""
        heard = hear(self.model, spoken(batch))
        if not self.model.connector.needs_segments:
            raise ValueError("the objective `text_kl` needs a connector with a vector per token")
        start = Piece.text(self.model.prefix_ids)
        rows = [begun(self.model, [start, Piece.speech(s, scored=True)]) for s in heard]
        with torch.no_grad(), self.teacher.as_it_was() as llm:
            as_text = [Piece.text(list(s.alignment.token_ids), scored=True) for s in heard]
            texts = [begun(self.model, [start, t]) for t in as_text]
            teacher = scored_log_probs(llm, texts)
        loss = divergence(scored_log_probs(self.model.llm, rows), teacher)
        return loss, {"text_kl": loss.item()}


class Quantity:
    """The sum of a CIF connector's weights: one for every text token (Dong & Xu 2020, quantity loss)."""

    def __init__(self, model: SSRForConditionalGeneration) -> None:
        if not isinstance(model.connector, CIFConnector):
            raise UserError("the objective `quantity` is for connector.type cif alone")
        self.connector = model.connector

    def __call__(self, batch: Batch) -> tuple[Tensor, Logged]:
        """Mean over utterances."""
        speech = spoken(batch)
        counts = torch.tensor([len(a) for a in speech.alignments], device=speech.frames.values.device)
        loss = quantity_loss(self.connector.weights(speech.frames), counts)
        return loss, {"quantity": loss.item()}


class ElasticWeights:
    """Elastic weight consolidation (Kirkpatrick et al. 2017): weights that text needs are held where they were.

    `½ Σ F (θ − θ₀)²` with F the diagonal Fisher information of text, from the model as it is at the start.
    """

    def __init__(self, model: SSRForConditionalGeneration, text: TextBatches | None, n_batches: int) -> None:
        if text is None:
            raise ValueError("the objective `ewc` needs text data")
        self.parameters = [p for p in model.llm.parameters() if p.requires_grad]
        self.start = [p.detach().clone() for p in self.parameters]
        self.fisher = [torch.zeros_like(p) for p in self.parameters]
        on_text = TextLM(model)
        for step in range(n_batches):
            loss, _ = on_text(Batch(None, text.batch(step)))
            for total, gradient in zip(self.fisher, torch.autograd.grad(loss, self.parameters), strict=True):
                total += gradient.square() * (loss.new_tensor(text.batch_tokens) / n_batches)

    def __call__(self, batch: Batch) -> tuple[Tensor, Logged]:  # noqa: ARG002 - it depends on the weights alone
        """The penalty."""
        terms = [
            (fisher * (p - start).square()).sum()
            for p, start, fisher in zip(self.parameters, self.start, self.fisher, strict=True)
        ]
        loss = 0.5 * torch.stack(terms).sum()
        return loss, {"ewc": loss.item()}


def needs_llm(config: TrainingSection) -> bool:
    """Whether anything runs the LLM: distillation looks its targets up in the input embeddings, or goes deeper."""
    deeper = "distil" in config.objectives and config.distil_layer > 0
    return deeper or "llm" in config.train or not set(config.objectives) <= {"distil", "quantity"}


def scored_log_probs(llm: Any, rows: Sequence[Sequence[Piece]]) -> Tensor:
    """Next-token log-probabilities at every scored token of a batch of rows [tokens, V]."""
    batch = Sequences.build(rows, embedding_of(llm))
    logits, targets = batch.predictions(llm)
    return logits[targets != IGNORED].float().log_softmax(-1)


def divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """KL of the student's next tokens to the teacher's, both as log-probabilities [tokens, V]; mean over tokens."""
    return nn.functional.kl_div(student, teacher, reduction="batchmean", log_target=True)


TEACHERS = {"continuation", "text_kl"}  # objectives that hold the LLM as it was at the start


def build_objectives(
    model: SSRForConditionalGeneration,
    config: TrainingSection,
    text: TextBatches | None,
    written: Continuations | None = None,
) -> dict[str, Objective]:
    """The objectives that a stage names; those that hold the LLM as it was share one teacher."""
    teacher = None
    if TEACHERS & set(config.objectives):
        teacher = Teacher(model.llm, has_additions="llm" in config.train and config.adapter != "none")
    return {name: OBJECTIVES[name](model, config, text, written, teacher) for name in config.objectives}


OBJECTIVES: dict[str, Any] = {
    "distil": lambda model, c, *_: Distil(model, c),
    "speech_lm": lambda model, *_: SpeechLM(model),
    "transcribe": lambda model, c, *_: Transcribe(model, c.transcribe_prompt),
    "continuation": lambda model, c, _, written, teacher: ContinueLikeText(
        model, teacher, written=written, sharded=is_sharded(c)
    ),
    "text": lambda model, *_: TextLM(model),
    "quantity": lambda model, *_: Quantity(model),
    "text_kl": lambda model, _, __, ___, teacher: PredictLikeText(model, teacher),
    "ewc": lambda model, c, text, *_: ElasticWeights(model, text, c.ewc_batches),
}
