"""CHAR-CTC: a Transformer head over encoder frames that spells characters (METHOD §3).

With a transcript the head is forced along it; without one its best path is the hypothesis and the alignment at once.
CTC says where a letter peaks, not where its sound ends. The rule here: within a word the blanks between two letters
are split half-way; between words a letter reaches at most `reach_frames` into the gap and the rest is pause; and one
constant delay, fitted on development data, is taken off all boundaries.
"""

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor, nn

from ssr_connector.aligners.base import Tokenize, Unalignable
from ssr_connector.aligners.placement import Span, place_tokens, text_words
from ssr_connector.errors import UserError
from ssr_connector.kernels import ctc_best_path, ctc_forced_align
from ssr_connector.types import Alignment, Frames

BLANK = 0


@dataclass(frozen=True)
class CharCTCConfig:
    """Shape of the head, its alphabet, and the constants of the blank rule."""

    width: int = 256
    layers: int = 4
    heads: int = 4
    dropout: float = 0.1
    kernel: int = 31  # of the convolution that tells positions apart
    alphabet: str = ""  # one label a character, after the blank; empty: read off the training transcripts
    reach_frames: int = 3
    delay_frames: int = 0


class CharCTC(nn.Module):
    """Frames [B, T, F] → log-probabilities [B, T, 1 + characters], and alignments from them."""

    needs_transcript = False

    def __init__(self, config: CharCTCConfig, encoder_width: int) -> None:
        super().__init__()
        if not config.alphabet:
            raise ValueError("a character aligner needs its alphabet")
        if config.width % config.heads:
            raise UserError(f"aligner.width is {config.width}, not a multiple of aligner.heads, {config.heads}")
        self.config, self.encoder_width = config, encoder_width
        self.label_of = {char: i + 1 for i, char in enumerate(config.alphabet)}
        self.project = nn.Sequential(nn.LayerNorm(encoder_width), nn.Linear(encoder_width, config.width))
        self.position = nn.Conv1d(config.width, config.width, config.kernel, padding="same", groups=config.width)
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, 4 * config.width, config.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(
            layer, config.layers, norm=nn.LayerNorm(config.width), enable_nested_tensor=False
        )
        self.output = nn.Linear(config.width, len(config.alphabet) + 1)

    def forward(self, frames: Frames) -> Tensor:
        """Log-probabilities [B, T, V]; label 0 is the blank."""
        x = frames.values
        padding = torch.arange(x.shape[1], device=x.device) >= frames.lengths[:, None].to(x.device)  # [B, T]
        x = self.project(x).masked_fill(padding[..., None], 0.0)  # [B, T, W]
        x = x + self.position(x.transpose(1, 2)).transpose(1, 2)
        x = self.layers(x, src_key_padding_mask=padding)
        logits: Tensor = self.output(x)
        return logits.float().log_softmax(-1)

    def spell(self, text: str) -> tuple[list[int], list[int]]:
        """Labels of the characters that the alphabet holds, and their places in the text."""
        places = [i for i, char in enumerate(text) if char in self.label_of]
        return [self.label_of[text[i]] for i in places], places

    def loss(self, frames: Frames, transcripts: Sequence[str]) -> tuple[Tensor, int]:
        """CTC loss per character over the batch, and how many utterances are too short for their text (loss zero)."""
        labels = [self.spell(t)[0] for t in transcripts]
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
                text, keep = squeeze("".join(self.config.alphabet[k - 1] for k in path.labels.tolist()))
                spans = list(zip(path.starts[keep].tolist(), path.ends[keep].tolist(), strict=True))
                out[i] = self._place(
                    text, range(len(text)), spans, path.scores[keep].tolist(), int(lengths[i]), tokenize
                )
        return [x for x in out if x is not None]

    def _force(
        self, log_probs: Tensor, lengths: Tensor, texts: Sequence[str], tokenize: Tokenize
    ) -> list[Alignment | Unalignable]:
        spelled = [self.spell(text) for text in texts]
        n_labels = torch.tensor([len(labels) for labels, _ in spelled])
        targets = nn.utils.rnn.pad_sequence([torch.tensor(x, dtype=torch.long) for x, _ in spelled], batch_first=True)
        path = ctc_forced_align(log_probs, targets, lengths, n_labels, BLANK)
        out: list[Alignment | Unalignable] = []
        for i, (text, (labels, places)) in enumerate(zip(texts, spelled, strict=True)):
            n, m = int(lengths[i]), len(labels)
            if not any(text[p].isalnum() for p in places):
                out.append(Unalignable("the transcript has no letter that the aligner can spell"))
            elif not path.feasible[i]:
                out.append(Unalignable(f"{m} characters do not fit into {n} frames"))
            else:
                spans = list(zip(path.starts[i, :m].tolist(), path.ends[i, :m].tolist(), strict=True))
                out.append(self._place(text, places, spans, path.scores[i, :m].tolist(), n, tokenize))
        return out

    def _place(
        self,
        text: str,
        places: Sequence[int],
        peaks: Sequence[Span],
        scores: Sequence[float],
        n_frames: int,
        tokenize: Tokenize,
    ) -> Alignment:
        token_ids, token_spans = tokenize(text)
        letters = [(p, *peak) for p, peak in zip(places, peaks, strict=True) if text[p].isalnum()]
        if not letters:
            return Alignment("", (), (), (), (), n_frames, ())
        word_of = {i: k for k, (a, b) in enumerate(text_words(text)) for i in range(a, b)}
        spans = split_blanks(
            [(a, b) for _, a, b in letters],
            [word_of[p] for p, _, _ in letters],
            n_frames,
            self.config.reach_frames,
            self.config.delay_frames,
        )
        char_frames: list[Span | None] = [None] * len(text)
        char_scores = [float("nan")] * len(text)
        for (p, _, _), span in zip(letters, spans, strict=True):
            char_frames[p] = span
        for p, score in zip(places, scores, strict=True):
            char_scores[p] = score
        return place_tokens(text, char_frames, token_ids, token_spans, n_frames, char_scores)

    def with_delay(self, delay_frames: int) -> None:
        """Set the constant that is taken off all boundaries."""
        self.config = replace(self.config, delay_frames=delay_frames)

    def to_dict(self) -> dict[str, object]:
        """The configuration as plain values, for a checkpoint."""
        return asdict(self.config)


def squeeze(text: str) -> tuple[str, list[int]]:
    """A hypothesis without white space at its ends or twice in a row, and the places that were kept."""
    keep = [i for i, c in enumerate(text) if not c.isspace() or (i > 0 and not text[i - 1].isspace())]
    while keep and text[keep[-1]].isspace():
        keep.pop()
    return "".join(text[i] for i in keep), keep


def split_blanks(
    peaks: Sequence[Span], word_of: Sequence[int], n_frames: int, reach_frames: int, delay_frames: int
) -> list[Span]:
    """Widen the peaks of an utterance's letters over the blanks around them (the rule above).

    Returns half-open frames, disjoint, at least one for each letter, in order.
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
    """Move all edges; those that would leave the utterance stop where every letter still has a frame."""
    n = len(starts)
    low = 0
    for k in range(n):
        starts[k] = min(max(starts[k] + by, low), n_frames - (n - k))
        ends[k] = min(max(ends[k] + by, starts[k] + 1), n_frames - (n - k - 1))
        low = ends[k]
