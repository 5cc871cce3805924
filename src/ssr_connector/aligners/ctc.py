"""CTC aligners: a Transformer head over encoder frames that spells an utterance in labels (METHOD §3).

With a transcript the head is forced along it; without one its best path is the hypothesis and the alignment at once.
CTC says where a label peaks, not where its sound ends. The rule here: within a word the blanks between two labels
are split half-way; between words a label reaches at most `reach_frames` into the gap and the rest is pause; and one
constant delay, fitted on development data, is taken off all boundaries. The letters of a label divide its frames.
"""

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from ssr_connector.aligners.base import Tokenize, Unalignable
from ssr_connector.aligners.placement import Span, core_of, divide, place_tokens, text_words
from ssr_connector.errors import UserError
from ssr_connector.kernels import ctc_best_path, ctc_forced_align
from ssr_connector.types import Alignment, Frames

BLANK = 0


@dataclass(frozen=True)
class CTCConfig:
    """Shape of the head, and the constants of the blank rule."""

    width: int = 256
    layers: int = 4
    heads: int = 4
    dropout: float = 0.1
    kernel: int = 31  # of the convolution that tells positions apart
    reach_frames: int = 3
    delay_frames: int = 0


class CTCAligner(nn.Module):
    """Frames [B, T, F] → log-probabilities [B, T, 1 + labels], and alignments from them.

    A member says how a text is spelt (`spell`), and what stands for a label in a hypothesis (`pieces`, from label 1).
    """

    needs_transcript = False
    kind: ClassVar[str]
    pieces: Sequence[str]

    def __init__(self, config: CTCConfig, encoder_width: int, n_labels: int) -> None:
        super().__init__()
        if config.width % config.heads:
            raise UserError(f"aligner.width is {config.width}, not a multiple of aligner.heads, {config.heads}")
        self.config, self.encoder_width = config, encoder_width
        self.project = nn.Sequential(nn.LayerNorm(encoder_width), nn.Linear(encoder_width, config.width))
        self.position = nn.Conv1d(config.width, config.width, config.kernel, padding="same", groups=config.width)
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, 4 * config.width, config.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(
            layer, config.layers, norm=nn.LayerNorm(config.width), enable_nested_tensor=False
        )
        self.output = nn.Linear(config.width, n_labels + 1)

    def forward(self, frames: Frames) -> Tensor:
        """Log-probabilities [B, T, V]; label 0 is the blank."""
        x = frames.values
        padding = torch.arange(x.shape[1], device=x.device) >= frames.lengths[:, None].to(x.device)  # [B, T]
        x = self.project(x).masked_fill(padding[..., None], 0.0)  # [B, T, W]
        x = x + self.position(x.transpose(1, 2)).transpose(1, 2)
        x = self.layers(x, src_key_padding_mask=padding)
        logits: Tensor = self.output(x)
        return logits.float().log_softmax(-1)

    def spell(self, text: str, tokenize: Tokenize) -> tuple[list[int], list[Span]]:
        """Labels of a text, and the half-open characters that each stands for. What has no label is left out."""
        raise NotImplementedError

    def loss(self, frames: Frames, transcripts: Sequence[str], tokenize: Tokenize) -> tuple[Tensor, int]:
        """CTC loss per label over the batch, and how many utterances are too short for their text (loss zero)."""
        labels = [self.spell(t, tokenize)[0] for t in transcripts]
        needed = [len(row) + sum(a == b for a, b in itertools.pairwise(row)) for row in labels]
        infeasible = sum(n > t for n, t in zip(needed, frames.lengths.tolist(), strict=True))
        lengths = torch.tensor([len(x) for x in labels])
        flat = torch.tensor([x for row in labels for x in row], dtype=torch.long)
        log_probs = self(frames).transpose(0, 1)
        total = nn.functional.ctc_loss(
            log_probs, flat.to(log_probs.device), frames.lengths, lengths, BLANK, reduction="sum", zero_infinity=True
        )
        return total / lengths.sum().clamp(min=1), infeasible

    @torch.no_grad()
    def align(
        self, frames: Frames, transcripts: Sequence[str | None], tokenize: Tokenize
    ) -> list[Alignment | Unalignable]:
        """One alignment per utterance, forced where there is a transcript. An empty one means: nothing heard."""
        log_probs = self(frames).cpu()
        lengths = frames.lengths.cpu()
        out: list[Alignment | Unalignable | None] = [None] * len(transcripts)
        forced = [i for i, text in enumerate(transcripts) if text is not None]
        free = [i for i, text in enumerate(transcripts) if text is None]
        if forced:
            texts = [transcripts[i] or "" for i in forced]
            results = self._force(log_probs[forced], lengths[forced], texts, tokenize)
            for i, result in zip(forced, results, strict=True):
                out[i] = result
        if free:
            for i, path in zip(free, ctc_best_path(log_probs[free], lengths[free], BLANK), strict=True):
                text, spans = written([self.pieces[k - 1] for k in path.labels.tolist()])
                peaks = list(zip(path.starts.tolist(), path.ends.tolist(), strict=True))
                out[i] = self._place(text, spans, peaks, path.scores.tolist(), int(lengths[i]), tokenize)
        return [x for x in out if x is not None]

    def _force(
        self, log_probs: Tensor, lengths: Tensor, texts: Sequence[str], tokenize: Tokenize
    ) -> list[Alignment | Unalignable]:
        spelled = [self.spell(text, tokenize) for text in texts]
        n_labels = torch.tensor([len(labels) for labels, _ in spelled])
        targets = nn.utils.rnn.pad_sequence([torch.tensor(x, dtype=torch.long) for x, _ in spelled], batch_first=True)
        path = ctc_forced_align(log_probs, targets, lengths, n_labels, BLANK)
        out: list[Alignment | Unalignable] = []
        for i, (text, (labels, spans)) in enumerate(zip(texts, spelled, strict=True)):
            n, m = int(lengths[i]), len(labels)
            if not any(c.isalnum() for a, b in spans for c in text[a:b]):
                out.append(Unalignable("the transcript has no letter that the aligner can spell"))
            elif not path.feasible[i]:
                out.append(Unalignable(f"{m} labels do not fit into {n} frames"))
            else:
                peaks = list(zip(path.starts[i, :m].tolist(), path.ends[i, :m].tolist(), strict=True))
                out.append(self._place(text, spans, peaks, path.scores[i, :m].tolist(), n, tokenize))
        return out

    def _place(
        self,
        text: str,
        spans: Sequence[Span],
        peaks: Sequence[Span],
        scores: Sequence[float],
        n_frames: int,
        tokenize: Tokenize,
    ) -> Alignment:
        token_ids, token_spans = tokenize(text)
        cores = [core_of(text, a, b) for a, b in spans]
        spoken = [(core, peak) for core, peak in zip(cores, peaks, strict=True) if core]
        if not spoken:
            return Alignment("", (), (), (), (), n_frames, ())
        word_of = {i: k for k, (a, b) in enumerate(text_words(text)) for i in range(a, b)}
        frames = split_blanks(
            [peak for _, peak in spoken],
            [word_of[core[0]] for core, _ in spoken],
            n_frames,
            self.config.reach_frames,
            self.config.delay_frames,
        )
        char_frames: list[Span | None] = [None] * len(text)
        char_scores = [float("nan")] * len(text)
        for ((a, b), _), (start, end) in zip(spoken, frames, strict=True):
            n, width = b - a, end - start
            char_frames[a:b] = divide(start, end, [start + (k + 1) * width // n for k in range(n)])
        for (a, b), score in zip(spans, scores, strict=True):
            char_scores[a:b] = [score] * (b - a)
        return place_tokens(text, char_frames, token_ids, token_spans, n_frames, char_scores)

    def set_delay(self, delay_frames: int) -> None:
        """Set the constant that is taken off all boundaries."""
        self.config = replace(self.config, delay_frames=delay_frames)

    def to_dict(self) -> dict[str, object]:
        """Type and configuration as plain values, for a checkpoint."""
        return {"type": self.kind, **asdict(self.config)}


def written(pieces: Sequence[str]) -> tuple[str, list[Span]]:
    """A hypothesis without white space at its ends or twice in a row, and the characters of each piece in it.

    A piece of which nothing is left has no characters: its span is empty.
    """
    kept: list[str] = []
    spans: list[Span] = []
    for piece in pieces:
        start = len(kept)
        for char in piece:
            if not char.isspace() or (kept and not kept[-1].isspace()):
                kept.append(char)
        spans.append((start, len(kept)))
    text = "".join(kept).rstrip()
    return text, [(min(a, len(text)), min(b, len(text))) for a, b in spans]


def split_blanks(
    peaks: Sequence[Span], word_of: Sequence[int], n_frames: int, reach_frames: int, delay_frames: int
) -> list[Span]:
    """Widen the peaks of an utterance's labels over the blanks around them (the rule above).

    Returns half-open frames, disjoint, at least one for each label, in order.
    """
    starts, ends = [a for a, _ in peaks], [b for _, b in peaks]
    starts[0] -= min(starts[0], reach_frames)
    ends[-1] += min(n_frames - ends[-1], reach_frames)
    for k in range(1, len(peaks)):
        gap = peaks[k][0] - peaks[k - 1][1]
        left, right = (gap + 1) // 2, gap // 2
        if word_of[k] != word_of[k - 1]:
            left, right = min(left, reach_frames), min(right, reach_frames)
        ends[k - 1] += left
        starts[k] -= right
    if delay_frames:
        _shift(starts, ends, n_frames, -delay_frames)
    return list(zip(starts, ends, strict=True))


def _shift(starts: list[int], ends: list[int], n_frames: int, by: int) -> None:
    """Move all edges; those that would leave the utterance stop where every label still has a frame."""
    n = len(starts)
    low = 0
    for k in range(n):
        starts[k] = min(max(starts[k] + by, low), n_frames - (n - k))
        ends[k] = min(max(ends[k] + by, starts[k] + 1), n_frames - (n - k - 1))
        low = ends[k]
