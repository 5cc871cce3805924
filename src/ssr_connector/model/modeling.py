"""SSRForConditionalGeneration: an LLM that takes recordings among its text.

`forward` shows the whole path: recording → frames → alignment → speech vectors → LLM.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from ssr_connector.aligners import Unalignable, build_aligner
from ssr_connector.aligners.bundle import AlignerBundle
from ssr_connector.base_models import offset_tokenize
from ssr_connector.connectors import ConnectorConfig, build_connector
from ssr_connector.devices import best_device
from ssr_connector.encoders import PretrainedEncoder
from ssr_connector.encoders.layer_mix import n_mixed
from ssr_connector.errors import UserError
from ssr_connector.model import checkpoint
from ssr_connector.model.configuration import SSRConfig
from ssr_connector.model.processing import SPEECH_ID, prefix_ids
from ssr_connector.model.scoring import Part, Score, max_positions, score_pairs
from ssr_connector.model.sequence import IGNORED, Piece, Sequences, Speech, embedding_of
from ssr_connector.types import Alignment, Frames, SpeechEmbeds, Waveform


class SSRForConditionalGeneration(PreTrainedModel):  # type: ignore[misc]  # transformers is not typed
    """A frozen speech encoder, an aligner, a connector and a text LLM as one model."""

    config_class = SSRConfig
    base_model_prefix = "ssr"
    main_input_name = "input_ids"

    def __init__(self, config: SSRConfig, encoder: PretrainedEncoder, llm: nn.Module, tokenizer: Any) -> None:
        super().__init__(config)
        self.encoder = encoder
        self.aligner = build_aligner(config.aligner, encoder.width)
        shape, mixed = ConnectorConfig(**config.connector), n_mixed(config.encoder_layer)
        self.connector = build_connector(shape, encoder.width, llm.config, mixed)
        self.llm: Any = llm
        self.tokenizer = tokenizer
        self.tokenize = offset_tokenize(tokenizer)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: every part initialises itself, and transformers must not do it again."""

    def tie_weights(self, *_: Any, **__: Any) -> None:
        """Nothing: the LLM ties its own, also where additions lie around it."""

    @classmethod
    def from_pretrained(cls, path: str, **kwargs: Any) -> "SSRForConditionalGeneration":
        """Load a checkpoint folder and the base models that it names. Raises UserError where one does not fit."""
        return checkpoint.load(cls, path, **kwargs)

    def save_pretrained(self, path: str, **_: Any) -> None:
        """Write what was trained (safetensors), the configuration, and the processor; all or nothing."""
        checkpoint.save(self, path)

    # --- from recordings to what the LLM hears ---

    @property
    def ears(self) -> AlignerBundle:
        """What hears recordings: all but the connector and the LLM."""
        return AlignerBundle(self.aligner, self.encoder, self.tokenizer, self.config.text_form, self.config.heard)

    def listen(self, recordings: Sequence[Waveform], transcripts: Sequence[str | None] | None = None) -> list[Speech]:
        """Hear recordings: aligned to transcripts where given, else to the aligner's own hypothesis."""
        return self.listen_frames(self.encoder(recordings), transcripts)

    def listen_frames(self, frames: Frames, transcripts: Sequence[str | None] | None = None) -> list[Speech]:
        """The same for encoded recordings. Raises UserError where one cannot be aligned."""
        texts = transcripts or [None] * len(frames.lengths)
        alignments = []
        for i, alignment in enumerate(self.aligner.align(frames, texts, self.tokenize)):
            if isinstance(alignment, Unalignable):
                raise UserError(f"recording {i} cannot be aligned: {alignment.reason}")
            alignments.append(alignment)
        return self.connect(frames, alignments)

    def connect(self, frames: Frames, alignments: Sequence[Alignment]) -> list[Speech]:
        """Speech vectors for frames whose alignment is known."""
        return self.parted(self.embed(frames, alignments), alignments)

    def embed(self, frames: Frames, alignments: Sequence[Alignment]) -> SpeechEmbeds:
        """The same as the connector gives them."""
        frames = frames.to(next(self.connector.parameters()).device)
        embeds: SpeechEmbeds = self.connector(frames, self.connector.segments(frames, alignments, self.aligner))
        return embeds

    def parted(self, embeds: SpeechEmbeds, alignments: Sequence[Alignment]) -> list[Speech]:
        """What the connector gave, recording by recording."""
        values = embeds.values.to(self.llm.get_input_embeddings().weight)  # the LLM's device and precision
        rows = [row[:n] for row, n in zip(values, embeds.lengths.tolist(), strict=True)]
        return [Speech(a, row, self.connector.needs_segments) for a, row in zip(alignments, rows, strict=True)]

    @property
    def prefix_ids(self) -> list[int]:
        """What this LLM wants at the start of a text: its BOS, or nothing."""
        return prefix_ids(self.tokenizer)

    @property
    def end_ids(self) -> list[int]:
        """What stands at the end of a text: the EOS, or nothing."""
        return [] if self.tokenizer.eos_token_id is None else [self.tokenizer.eos_token_id]

    def embed_tokens(self, token_ids: Tensor) -> Tensor:
        """The LLM's own input embeddings of token ids of any shape."""
        return embedding_of(self.llm)(token_ids)

    # --- the flow ---

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        recordings: Sequence[Waveform | Speech] = (),
        labels: Tensor | None = None,
    ) -> CausalLMOutputWithPast:
        """Logits for prompts [B, N] in which SPEECH_ID stands for the next recording, or what was heard of one.

        With `labels` [B, N] (the token itself where it is scored, else IGNORED = -100, as at SPEECH_ID) the loss is the
        mean over them. Raises ValueError for other labels, or another number of recordings than places.
        """
        if labels is not None and bool(
            ((labels != IGNORED) & ((labels != input_ids) | (input_ids == SPEECH_ID))).any()
        ):
            raise ValueError(f"labels are the input ids, or {IGNORED} where not scored and at every recording")
        speech = self._heard(recordings)
        rows = self._pieces(input_ids, attention_mask, speech, labels)
        batch = Sequences.build(rows, self.embed_tokens)
        targets = batch.labels if labels is not None else None
        return self.llm(inputs_embeds=batch.embeds, attention_mask=batch.mask, labels=targets)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        recordings: Sequence[Waveform | Speech] = (),
        **kwargs: Any,
    ) -> Tensor:
        """New token ids [B, M] for prompts as in `forward`; `kwargs` go to the LLM's own `generate`.

        Raises UserError where prompt and `max_new_tokens` together are longer than the LLM was made for.
        """
        rows = self._pieces(input_ids, attention_mask, self._heard(recordings))
        batch = Sequences.build(rows, self.embed_tokens, pad_left=True)
        limit, needed = max_positions(self.llm), batch.embeds.shape[1] + kwargs.get("max_new_tokens", 1) - 1
        if limit is not None and needed > limit:
            raise UserError(
                f"prompt and answer take up to {needed} positions, and the LLM was made for {limit}: "
                "give a shorter recording, or ask for fewer new tokens"
            )
        new_ids: Tensor = self.llm.generate(inputs_embeds=batch.embeds, attention_mask=batch.mask, **kwargs)
        return new_ids

    @torch.no_grad()
    def loglikelihood(
        self, pairs: Sequence[tuple[Sequence[Part], Sequence[Part]]], batch_tokens: int = 8192
    ) -> list[Score]:
        """Log-likelihood of continuations given contexts, each a list of texts, recordings and heard speech.

        A spoken continuation is scored on the tokens that the aligner's best path hears (docs/method.md §5).
        """
        return score_pairs(self, pairs, batch_tokens)

    def _heard(self, recordings: Sequence[Waveform | Speech]) -> list[Speech]:
        new = [r for r in recordings if isinstance(r, Waveform)]
        heard = iter(self.listen(new) if new else ())
        return [next(heard) if isinstance(r, Waveform) else r for r in recordings]

    def _pieces(
        self, input_ids: Tensor, mask: Tensor | None, speech: Sequence[Speech], labels: Tensor | None = None
    ) -> list[list[Piece]]:
        if int((input_ids == SPEECH_ID).sum()) != len(speech):
            raise ValueError(f"{int((input_ids == SPEECH_ID).sum())} places for speech, {len(speech)} recordings")
        heard = iter(speech)
        rows = []
        for i, row in enumerate(input_ids.cpu()):
            keep = torch.ones_like(row, dtype=torch.bool) if mask is None else mask[i].cpu().bool()
            scored = torch.zeros_like(keep) if labels is None else labels[i].cpu() != IGNORED
            pieces: list[Piece] = []
            positions = zip(row[keep].tolist(), scored[keep].tolist(), strict=True)
            for (is_speech, is_scored), run in itertools.groupby(positions, lambda p: (p[0] == SPEECH_ID, p[1])):
                tokens = [token for token, _ in run]
                pieces += [Piece.speech(next(heard)) for _ in tokens] if is_speech else [Piece.text(tokens, is_scored)]
            rows.append(pieces)
        return rows


def load_model(path: str | Path) -> SSRForConditionalGeneration:
    """A checkpoint folder, where models run: what everything but training begins with."""
    model = SSRForConditionalGeneration.from_pretrained(str(path))
    model.to(best_device())
    return model
