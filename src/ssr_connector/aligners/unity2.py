"""UnitY2 aligner: acoustic units against characters, by distance (docs/method.md §3; Seamless Communication, 2023).

Every frame becomes a unit; units and characters are embedded and convolved; how well a frame fits a character is minus
the distance of the two, and monotonic alignment search gives every character its frames. Spaces stand for pauses: one
is put before and after the text. It needs a transcript: where there is none, a CTC aligner inside it hears one first.

Meta never published the training. Here it is the established one: forward-sum loss (Shih et al. 2021, "RAD-TTS") with
a beta-binomial prior, then optionally the binarisation loss of the same paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from ssr_connector.aligners.base import Material, TrainableAligner, TrainableConfig, Unalignable, from_section
from ssr_connector.aligners.labels import alphabet_of
from ssr_connector.aligners.placement import Span, place_tokens
from ssr_connector.aligners.units import fit_centroids, nearest_unit, read_centroids
from ssr_connector.base_models import Tokenize
from ssr_connector.config import EncoderSection
from ssr_connector.errors import UserError
from ssr_connector.kernels import monotonic_alignment_search
from ssr_connector.types import Alignment, Frames, Logged

PAUSE = " "
_BLANK_LOG_PROB = -1.0  # of the forward-sum loss, as its authors set it
_PADDED = -1e4
MOST_SCORES = 2**28  # of one utterance: a gigabyte, ten minutes of speech


@dataclass(frozen=True)
class UnitY2Config(TrainableConfig):
    """Shape of the aligner. Defaults are Meta's, but for the width."""

    alphabet: str = ""
    units: int = 200
    width: int = 256
    text_layers: int = 2
    unit_layers: int = 3
    dropout: float = 0.1
    temperature: float = 1.0
    binarise_weight: float = 0.0
    prior_strength: float = 1.0  # of the beta-binomial prior, in training alone; 0: none
    recogniser: dict[str, Any] = field(default_factory=dict)  # a CTC aligner's type and values


class UnitY2(TrainableAligner):
    """Frames [B, T, F] and characters [B, N] → log-probabilities of characters [B, T, N]."""

    kind, title = "unity2", "UnitY2"
    config_class = UnitY2Config
    config: UnitY2Config
    centroids: Tensor

    def __init__(self, config: UnitY2Config, encoder_width: int) -> None:
        if PAUSE not in config.alphabet:
            raise ValueError("the alphabet of a UnitY2 aligner needs a space")
        from ssr_connector.aligners import build_aligner

        super().__init__(config, encoder_width)
        self.label_of = {char: i for i, char in enumerate(config.alphabet)}
        self.register_buffer("centroids", torch.zeros(config.units, encoder_width))
        self.embed_text = nn.Embedding(len(config.alphabet), config.width)
        self.embed_unit = nn.Embedding(config.units, config.width)
        self.text_convolutions = Convolutions(config.width, config.text_layers, config.dropout)
        self.unit_convolutions = Convolutions(config.width, config.unit_layers, config.dropout)
        self.recogniser = build_aligner(config.recogniser, encoder_width) if config.recogniser else None
        if self.recogniser is not None:
            self.recogniser.requires_grad_(False)

    @property
    def needs_transcript(self) -> bool:  # type: ignore[override]
        """Whether nothing inside hears words."""
        return self.recogniser is None

    @classmethod
    def untrained(cls, section: Any, material: Material) -> Self:
        """With units fitted to the training frames or read from a file, and the CTC aligner that the section names."""
        if section.centroids:
            centroids = read_centroids(Path(section.centroids), material.encoder_width)
        else:
            centroids = material.once(
                "centroids", lambda: fit_centroids(material.frames(), section.units, material.seed)
            )
        config = from_section(
            UnitY2Config,
            section,
            alphabet=alphabet_of([*material.transcripts, PAUSE]),
            units=len(centroids),
            recogniser={},
        )
        aligner = cls(config, material.encoder_width)
        aligner.centroids.copy_(centroids)
        if not section.recogniser:
            return aligner
        return aligner.hearing_with(read_recogniser(Path(section.recogniser), material.encoder))

    def hearing_with(self, recogniser: TrainableAligner) -> Self:
        """The same, with an aligner inside that hears the words where there is no transcript."""
        if recogniser.encoder_width != self.encoder_width:
            raise UserError(
                f"the recogniser was trained on frames {recogniser.encoder_width} wide, not {self.encoder_width}"
            )
        made = type(self)(replace(self.config, recogniser=recogniser.to_dict()), self.encoder_width)
        states = self.state_dict() | {f"recogniser.{k}": v for k, v in recogniser.state_dict().items()}
        made.load_state_dict(states)
        return made

    def forward(self, frames: Frames, labels: Tensor, n_labels: Tensor) -> Tensor:
        """Log-probabilities of each frame's character [B, T, N]; -10 000 beyond an item's characters."""
        real = torch.arange(labels.shape[1], device=labels.device) < n_labels[:, None].to(labels.device)  # [B, N]
        text = self.text_convolutions(self.embed_text(labels), real)  # [B, N, W]
        units = self.embed_unit(nearest_unit(frames.values, self.centroids))
        units = self.unit_convolutions(units, frames.mask)  # [B, T, W]
        scores = -self.config.temperature * torch.cdist(units, text)
        return scores.masked_fill(~real[:, None], _PADDED).log_softmax(-1)

    def spell(self, text: str) -> tuple[list[int], list[int | None]]:
        """A label for each character of the alphabet, with a pause on both sides, and the place of each in the text."""
        places = [i for i, char in enumerate(text) if char in self.label_of]
        pause = self.label_of[PAUSE]
        return [pause, *(self.label_of[text[i]] for i in places), pause], [None, *places, None]

    def needed_frames(self, text: str, tokenize: Tokenize) -> int:  # noqa: ARG002
        """One for each character and the pauses at both ends."""
        return len(self.spell(text)[0])

    def loss(
        self,
        frames: Frames,
        transcripts: Sequence[str],
        tokenize: Tokenize,  # noqa: ARG002
        alignments: Sequence[Alignment] = (),  # noqa: ARG002
    ) -> tuple[Tensor, Logged]:
        """Forward-sum loss per character, and binarisation where it has a weight."""
        labels, n_labels = padded([self.spell(t)[0] for t in transcripts], frames.values.device)
        log_probs, lengths = self(frames, labels, n_labels), frames.lengths.cpu()
        weighed = log_probs
        if self.config.prior_strength:
            weighed = log_probs + attention_prior(log_probs.shape, lengths, n_labels, self.config.prior_strength).to(
                log_probs.device
            )
        loss = forward_sum(weighed, lengths, n_labels) / n_labels.sum()
        logged = {"forward_sum": loss.item(), "infeasible": float((n_labels > lengths).sum())}
        if self.config.binarise_weight:
            path = monotonic_alignment_search(log_probs.detach(), lengths, n_labels).to(log_probs.device)  # [B, N]
            chosen = [row[torch.arange(int(d.sum())), frame_labels(d)] for row, d in zip(log_probs, path, strict=True)]
            on_path = torch.cat(chosen)
            binarise = -on_path.sum() / max(1, len(on_path))  # no item may be long enough for its text
            loss = loss + self.config.binarise_weight * binarise
            logged["binarise"] = binarise.item()
        return loss, logged

    def _align(
        self, frames: Frames, transcripts: Sequence[str | None], tokenize: Tokenize
    ) -> list[Alignment | Unalignable]:
        """Along the transcripts; where there is none, along what the CTC aligner inside hears."""
        texts = self._heard(frames, transcripts, tokenize)
        out: list[Alignment | Unalignable | None] = [None] * len(texts)
        known: list[tuple[int, list[int], list[int | None], str]] = []
        for i, (text, n_frames) in enumerate(zip(texts, frames.lengths.tolist(), strict=True)):
            if text is None:
                out[i] = Unalignable("this UnitY2 aligner needs a transcript: train it with --aligner.recogniser")
                continue
            labels, places = self.spell(text)
            if not any(text[k].isalnum() for k in places if k is not None):
                unheard = transcripts[i] is None
                out[i] = (
                    Alignment("", (), (), (), (), n_frames, ())
                    if unheard
                    else Unalignable("the transcript has no letter that the aligner can spell")
                )
            elif len(labels) * n_frames > MOST_SCORES:
                out[i] = Unalignable("too long for UnitY2, which scores every frame with every character; cut it up")
            elif len(labels) > n_frames:
                out[i] = Unalignable(f"{len(labels)} characters and pauses do not fit into {n_frames} frames")
            else:
                known.append((i, labels, places, text))
        if known:
            rows = [i for i, *_ in known]
            batch, n_labels = padded([labels for _, labels, _, _ in known], frames.values.device)
            chosen = Frames(frames.values[rows], frames.lengths[rows], frames.clock)
            log_probs = self(chosen, batch, n_labels)
            durations = monotonic_alignment_search(log_probs, chosen.lengths, n_labels).cpu()
            for k, (i, labels, places, text) in enumerate(known):
                path = durations[k, : len(labels)]
                scores = log_probs[k, torch.arange(int(path.sum())), frame_labels(path)].cpu()
                out[i] = self._place(text, places, path.tolist(), scores, tokenize)
        return [x for x in out if x is not None]

    def _heard(self, frames: Frames, transcripts: Sequence[str | None], tokenize: Tokenize) -> list[str | None]:
        """The transcripts, with what is heard where there is none."""
        texts = list(transcripts)
        missing = [i for i, text in enumerate(texts) if text is None]
        if missing and self.recogniser is not None:
            chosen = Frames(frames.values[missing], frames.lengths[missing], frames.clock)
            for i, heard in zip(missing, self.recogniser.align(chosen, [None] * len(missing), tokenize), strict=True):
                texts[i] = heard.text if isinstance(heard, Alignment) else None
        return texts

    def _place(
        self, text: str, places: Sequence[int | None], durations: Sequence[int], scores: Tensor, tokenize: Tokenize
    ) -> Alignment:
        n, n_frames = len(places), len(scores)
        char_frames: list[Span | None] = [None] * len(text)
        char_scores = [float("nan")] * len(text)
        at = start = 0
        for k, (place, duration) in enumerate(zip(places, durations, strict=True)):
            end = min(max(at + duration - self.config.delay_frames, start + 1), n_frames - (n - 1 - k))
            if place is not None:
                char_frames[place] = (start, end)
                char_scores[place] = float(scores[at : at + duration].mean())
            at, start = at + duration, end
        return place_tokens(text, char_frames, *tokenize(text), n_frames, char_scores)


def read_recogniser(folder: Path, encoder: EncoderSection | None) -> TrainableAligner:
    """The aligner of a folder, to hear words. Raises UserError where it is known to be for another encoder's frames."""
    from ssr_connector.aligners.bundle import check_hears, read_aligner

    recogniser, values = read_aligner(folder)
    if encoder is not None:
        check_hears(folder, values, encoder)
    return recogniser


class Convolutions(nn.Module):
    """[B, L, W] → [B, L, W]: kernels of 3 with ReLU between them, the last of 1. What is not real counts as zero."""

    def __init__(self, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        kernels = [3] * (layers - 1) + [1]
        self.layers = nn.ModuleList(nn.Conv1d(width, width, kernel, padding="same") for kernel in kernels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """x [B, L, W], real [B, L]."""
        for k, layer in enumerate(self.layers):
            x = layer((x * real[..., None]).transpose(1, 2)).transpose(1, 2)
            x = self.dropout(nn.functional.relu(x) if k + 1 < len(self.layers) else x)
        return x


def padded(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Labels [B, N] on a device, and their numbers [B]."""
    tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True).to(device), torch.tensor([len(row) for row in rows])


def frame_labels(durations: Tensor) -> Tensor:
    """The label of every frame of a path, from the labels' durations [N]."""
    return torch.arange(len(durations), device=durations.device).repeat_interleave(durations)


def forward_sum(log_probs: Tensor, lengths: Tensor, n_labels: Tensor) -> Tensor:
    """Minus the log of what all monotonic paths sum to: CTC over the attention [B, T, N], with a blank of its own.

    Items with fewer frames than labels count nothing.
    """
    scores = with_blank(log_probs)
    targets = torch.arange(1, log_probs.shape[2] + 1, device=log_probs.device).expand(len(log_probs), -1)
    return nn.functional.ctc_loss(
        scores.transpose(0, 1), targets, lengths, n_labels, blank=0, reduction="sum", zero_infinity=True
    )


def with_blank(log_probs: Tensor) -> Tensor:
    """Attention [B, T, N] with a blank before its characters [B, T, 1 + N], normalised."""
    return nn.functional.pad(log_probs, (1, 0), value=_BLANK_LOG_PROB).log_softmax(-1)


def attention_prior(shape: torch.Size, lengths: Tensor, n_labels: Tensor, strength: float) -> Tensor:
    """Log of the beta-binomial prior [B, T, N]: frame t expects the label as far through the text as it is itself."""
    _, T, N = shape
    frames, labels = lengths[:, None, None].double(), n_labels[:, None, None].double()  # [B, 1, 1]
    t = torch.arange(1, T + 1, dtype=torch.float64)[None, :, None]
    k = torch.arange(N, dtype=torch.float64)[None, None]
    a, b, n = strength * t, strength * (frames + 1 - t).clamp(min=1), labels - 1
    rest = (n - k).clamp(min=0)
    choose = torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(rest + 1)
    log_beta = torch.lgamma(k + a) + torch.lgamma(rest + b) - torch.lgamma(n + a + b)
    norm = torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)
    prior = choose + log_beta - norm
    return prior.masked_fill((k >= labels) | (t > frames), 0.0).float()
