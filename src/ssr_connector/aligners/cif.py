"""CIF aligner: a weight for every frame; a token ends where their sum passes a whole number (docs/method.md §3).

The weights learn from three sides: a token read off each integrated vector (cross-entropy, as in the recognisers that
CIF comes from: Dong & Xu 2020), the number of tokens (quantity loss), and, where another aligner's boundaries are
given, how many tokens have passed at each of them. In training, and along a transcript, the weights are scaled so that
they sum to the number of tokens; without one they stand as they are, and a rest of at least a half is a token too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from ssr_connector.aligners.base import Material, TrainableAligner, Unalignable, from_section
from ssr_connector.aligners.head import FrameHead, HeadConfig
from ssr_connector.aligners.labels import TokenLabels, tokens_of, written
from ssr_connector.aligners.placement import divide_evenly
from ssr_connector.base_models import Tokenize
from ssr_connector.kernels import Fired, integrate_and_fire
from ssr_connector.types import Alignment, Frames, Logged, Segments

SCORER_KERNEL = 5
FIRST_BIAS = -2.0  # about six tokens a second at 50 frames a second
_OVERSHOOT = 0.1  # at a boundary the sum is to have passed the whole number, not to be about to
_LEAST_WEIGHT = 1e-4  # of an utterance; below it is silent, and weights are noise that nothing is to be scaled from


@dataclass(frozen=True)
class CIFConfig(TokenLabels, HeadConfig):
    """The head, the tokens that can be read, and the weights of the losses beside the cross-entropy."""

    quantity_weight: float = 0.1
    boundary_weight: float = 1.0  # where another aligner's boundaries are given


class CIF(TrainableAligner):
    """Frames [B, T, F] → weights [B, T] in (0, 1) and states [B, T, W]; tokens fire from them."""

    kind, title = "cif", "CIF"
    config_class = CIFConfig
    config: CIFConfig

    def __init__(self, config: CIFConfig, encoder_width: int) -> None:
        if not config.token_ids:
            raise ValueError("a CIF aligner needs its tokens")
        super().__init__(config, encoder_width)
        self.head = FrameHead(config, encoder_width)
        self.scorer = nn.Conv1d(config.width, config.width, SCORER_KERNEL, padding="same")
        self.weight = nn.Linear(config.width, 1)
        self.output = nn.Linear(config.width, len(config.token_ids))
        self.label_of = {token: i for i, token in enumerate(config.token_ids)}
        nn.init.constant_(self.weight.bias, FIRST_BIAS)

    @classmethod
    def untrained(cls, section: object, material: Material) -> Self:
        """With the tokens of the training transcripts."""
        ids, texts = tokens_of(material.transcripts, material.tokenize)
        mixed = material.mixed_layers
        config = from_section(CIFConfig, section, token_ids=ids, token_texts=texts, mixed_layers=mixed)
        return cls(config, material.encoder_width)

    def forward(self, frames: Frames) -> tuple[Tensor, Tensor]:
        """Weights [B, T], 0 beyond the lengths, and states [B, T, W]."""
        states = self.head(frames)
        real = frames.mask  # [B, T]
        states = states * real[..., None]  # or the convolution would carry an utterance's padding into it
        scored = nn.functional.relu(self.scorer(states.transpose(1, 2)).transpose(1, 2))
        weights = self.weight(scored).squeeze(-1).float().sigmoid()
        return weights * real, states

    def needed_frames(self, text: str, tokenize: Tokenize) -> int:
        """One for each token."""
        return len(tokenize(text)[0])

    def loss(
        self, frames: Frames, transcripts: Sequence[str], tokenize: Tokenize, alignments: Sequence[Alignment] = ()
    ) -> tuple[Tensor, Logged]:
        """Cross-entropy of the tokens, and quantity and boundary losses; each a mean over tokens or utterances."""
        weights, states = self(frames)
        tokens = [tokenize(text)[0] for text in transcripts]
        counts = torch.tensor([len(row) for row in tokens], device=weights.device)
        fired = integrate_and_fire(states, scaled(weights, counts, frames.mask), frames.lengths)
        labels = torch.full(fired.values.shape[:2], -100, device=weights.device)
        for i, row in enumerate(tokens):
            known = [self.label_of.get(token, -100) for token in row]
            labels[i, : len(row)] = torch.tensor(known, device=weights.device)
        named = nn.functional.cross_entropy(self.output(fired.values).flatten(0, 1), labels.flatten())
        quantity = quantity_loss(weights, counts)
        total = named + self.config.quantity_weight * quantity
        logged = {"token": named.item(), "quantity": quantity.item()}
        if alignments:
            segments = Segments.collate(list(alignments), weights.device)
            passed = weights.cumsum(1).gather(1, (segments.ends - 1).clamp(min=0))  # [B, S]
            due = torch.arange(1, segments.ends.shape[1] + 1, device=weights.device) + _OVERSHOOT
            late = weights.sum(1) - counts - _OVERSHOOT  # nothing is to fire in the silence after the last token
            boundary = torch.cat([(passed - due)[segments.mask], late]).square().mean()
            total = total + self.config.boundary_weight * boundary
            logged["boundary"] = boundary.item()
        return total, logged

    def _align(
        self, frames: Frames, transcripts: Sequence[str | None], tokenize: Tokenize
    ) -> list[Alignment | Unalignable]:
        """Along the transcript's tokens, as many as they are; or along what is read off the fired vectors."""
        weights, states = self(frames)
        tokens = [None if text is None else tokenize(text) for text in transcripts]
        sums = [float("nan") if found is None else len(found[0]) for found in tokens]
        counts = torch.tensor(sums, device=weights.device)
        silent = is_silent(weights).tolist()
        weights = torch.where(counts.isnan()[:, None], weights, scaled(weights, counts, frames.mask))
        fired = integrate_and_fire(states, weights, frames.lengths)
        log_probs = self.output(fired.values).float().log_softmax(-1)  # [B, S, V]
        out: list[Alignment | Unalignable] = []
        for i, (text, found) in enumerate(zip(transcripts, tokens, strict=True)):
            n_frames = int(frames.lengths[i])
            if text is None or found is None:
                out.append(self._heard(fired, log_probs[i], i, n_frames, tokenize))
            elif not any(c.isalnum() for c in text):
                out.append(Unalignable("the transcript has no letter or digit"))
            elif len(found[0]) > n_frames:
                out.append(Unalignable(f"{len(found[0])} tokens do not fit into {n_frames} frames"))
            elif silent[i]:
                out.append(Unalignable("no speech is heard"))
            else:
                labels = [self.label_of.get(token) for token in found[0]]
                known = log_probs[i, list(range(len(labels))), [k or 0 for k in labels]].tolist()
                scores = [float("nan") if k is None else score for k, score in zip(labels, known, strict=True)]
                out.append(self._place(text, *found, fired.ends[i].tolist(), scores, n_frames))
        return out

    def _heard(self, fired: Fired, log_probs: Tensor, i: int, n_frames: int, tokenize: Tokenize) -> Alignment:
        """The hypothesis. Written anew in the LLM's tokens where the fired ones are not those of their text."""
        n = min(int(fired.lengths[i]), n_frames)
        scores, labels = (x.tolist() for x in log_probs[:n].max(-1))
        text, spans = written([self.config.token_texts[k] for k in labels])
        ids, token_spans = tokenize(text)
        ends = fired.ends[i, :n].tolist()
        if ids != [self.config.token_ids[k] for k in labels]:
            ends, scores = _respaced(token_spans, spans, ends, scores)
        if not ids:
            return Alignment("", (), (), (), (), n_frames, ())
        return self._place(text, ids, token_spans, ends, scores, n_frames)

    def _place(
        self,
        text: str,
        ids: Sequence[int],
        spans: Sequence[tuple[int, int]],
        ends: Sequence[int],
        scores: Sequence[float],
        n_frames: int,
    ) -> Alignment:
        """Ends in order, each token with a frame of its own, the constant delay taken off."""
        n = len(ids)
        if n > n_frames:  # a hypothesis, written in other tokens than were fired
            starts, placed = (list(x) for x in zip(*divide_evenly(0, n_frames, n), strict=True))
            return Alignment(text, tuple(ids), tuple(starts), tuple(placed), tuple(spans), n_frames, tuple(scores))
        placed = []
        for k in range(n):
            end = max(ends[k] - self.config.delay_frames, placed[-1] + 1 if placed else 1)
            placed.append(min(end, n_frames - (n - 1 - k)))
        starts = [0, *placed[:-1]]
        return Alignment(text, tuple(ids), tuple(starts), tuple(placed), tuple(spans), n_frames, tuple(scores))


def scaled(weights: Tensor, counts: Tensor, real: Tensor) -> Tensor:
    """Weights [B, T] that sum to the counts [B]; where all is silent, the real frames [B, T] have equal ones."""
    even = real * (counts / real.sum(1).clamp(min=1))[:, None]
    by_weight = weights * (counts / weights.sum(1).clamp(min=_LEAST_WEIGHT))[:, None]
    return torch.where(is_silent(weights)[:, None], even, by_weight)


def is_silent(weights: Tensor) -> Tensor:
    """Which utterances [B] have next to no weight [B, T] in them."""
    return weights.sum(1) < _LEAST_WEIGHT


def quantity_loss(weights: Tensor, counts: Tensor) -> Tensor:
    """How far weights [B, T] are from summing to the counts [B]: mean square, in units of a count's square root."""
    return ((weights.sum(1) - counts) / counts.clamp(min=1).sqrt()).square().mean()


def _respaced(
    token_spans: Sequence[tuple[int, int]],
    fired_spans: Sequence[tuple[int, int]],
    fired_ends: Sequence[int],
    fired_scores: Sequence[float],
) -> tuple[list[int], list[float]]:
    """For tokens of a text that other pieces were fired for: the end and score of the piece with its last character."""
    ends, scores = [], []
    for _, last in token_spans:
        k = next((k for k, (_, end) in enumerate(fired_spans) if end >= last), len(fired_spans) - 1)
        ends.append(fired_ends[k])
        scores.append(fired_scores[k])
    return ends, scores
