"""CTC aligners: a head over encoder frames that spells an utterance in labels (docs/method.md §3).

With a transcript the head is forced along it; without one the best path is the hypothesis and the alignment at once.
CTC says where a label peaks, not where its sound ends. The rule here: within a word the blanks between two labels
are split half-way; between words a label reaches at most `reach_frames` into the gap and the rest is pause; and one
constant delay, fitted on development data, is taken off all boundaries. The letters of a label divide its frames.

Below 40 frames a second letters hardly fit: the head then has `upsample` = 2 steps in every frame, and rule and delay
count steps.

With a `label_prior` above 0 that share of the labels' log prior is taken off their scores, in training and when forced,
which makes peaks less sharp (Huang et al. 2024, "Less peaky and more accurate CTC forced alignment by label priors").
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ssr_connector.aligners.base import TrainableAligner, Unalignable
from ssr_connector.aligners.head import FrameHead, HeadConfig
from ssr_connector.aligners.labels import written
from ssr_connector.aligners.placement import Span, core_of, divide, divide_evenly, in_order, place_tokens, text_words
from ssr_connector.base_models import Tokenize
from ssr_connector.kernels import BestPath, CTCPath, ctc_best_path, ctc_forced_align
from ssr_connector.types import Alignment, Frames, Logged, Segments
from ssr_connector.units import FrameClock

BLANK = 0
MIN_STEPS_HZ = 40.0  # fast read speech has up to 23 letters a second, and doubled ones need a blank between them
PRIOR_MOMENTUM = 0.99


@dataclass(frozen=True)
class CTCConfig(HeadConfig):
    """The head, and the constants of the blank rule."""

    reach_frames: int = 3
    upsample: int = 1
    label_prior: float = 0.0


class CTCAligner(TrainableAligner):
    """Frames [B, T, F] → log-probabilities [B, T · upsample, 1 + labels], and alignments from them.

    A member says how a text is spelt (`spell`), and what stands for a label in a hypothesis (`pieces`, from label 1).
    """

    config: CTCConfig
    pieces: Sequence[str]
    log_prior: Tensor

    def __init__(self, config: CTCConfig, encoder_width: int, n_labels: int) -> None:
        super().__init__(config, encoder_width)
        self.head = FrameHead(config, encoder_width)
        self.upsample = nn.Linear(config.width, config.upsample * config.width) if config.upsample > 1 else None
        self.output = nn.Linear(config.width, n_labels + 1)
        self.register_buffer("log_prior", torch.zeros(n_labels + 1))

    def forward(self, frames: Frames) -> Tensor:
        """Log-probabilities [B, T · upsample, V]; label 0 is the blank."""
        x = self.head(frames)  # [B, T, W]
        if self.upsample is not None:
            x = nn.functional.gelu(self.upsample(x))
            x = x.reshape(len(x), -1, self.config.width)
        logits: Tensor = self.output(x)
        return logits.float().log_softmax(-1)

    def steps(self, frames: Frames) -> Tensor:
        """Steps of each utterance [B]."""
        return frames.lengths.cpu() * self.config.upsample

    def weighed(self, log_probs: Tensor) -> Tensor:
        """Scores without the share of the labels' prior; no longer normalised."""
        return log_probs - self.config.label_prior * self.log_prior if self.config.label_prior else log_probs

    @staticmethod
    def upsampling(clock: FrameClock) -> int:
        """Steps in a frame that letters of fast speech fit into."""
        return 2 if clock.rate_hz < MIN_STEPS_HZ else 1

    def spell(self, text: str, tokenize: Tokenize) -> tuple[list[int], list[Span]]:
        """Labels of a text, and the half-open characters that each stands for. What has no label is left out."""
        raise NotImplementedError

    def needed_frames(self, text: str, tokenize: Tokenize) -> int:
        """Labels, and a blank between equal ones."""
        return -(-self._needed_steps(self.spell(text, tokenize)[0]) // self.config.upsample)

    def _needed_steps(self, labels: Sequence[int]) -> int:
        return len(labels) + sum(a == b for a, b in itertools.pairwise(labels))

    def loss(
        self,
        frames: Frames,
        transcripts: Sequence[str],
        tokenize: Tokenize,
        alignments: Sequence[Alignment] = (),  # noqa: ARG002
    ) -> tuple[Tensor, Logged]:
        """CTC loss per label over the batch; logged with it, how many utterances are too short for their text."""
        labels = [self.spell(t, tokenize)[0] for t in transcripts]
        steps = self.steps(frames)
        feasible = torch.tensor([self._needed_steps(row) for row in labels]) <= steps  # the others count nothing
        lengths = torch.tensor([len(x) for x in labels])
        flat = torch.tensor([x for row in labels for x in row], dtype=torch.long)
        log_probs = self(frames)
        real = torch.arange(log_probs.shape[1], device=log_probs.device) < steps[:, None].to(log_probs.device)
        if self.training and self.config.label_prior:
            self._learn_prior(log_probs.detach()[real])
        # The gradient of torch's CTC loss is that of normalised scores: what normalising adds is taken off again.
        weighed = self.weighed(log_probs)
        total = nn.functional.ctc_loss(
            weighed.log_softmax(-1).transpose(0, 1), flat.to(log_probs.device), steps, lengths, BLANK, "sum", True
        )
        if self.config.label_prior:
            total = total - weighed.logsumexp(-1)[real & feasible[:, None].to(real.device)].sum()
        loss = total / lengths.sum().clamp(min=1)
        return loss, {"ctc": loss.item(), "infeasible": float((~feasible).sum())}

    @torch.no_grad()
    def _learn_prior(self, log_probs: Tensor) -> None:
        """Follow the mean of the labels' probabilities; zeros stand for a prior that was never seen."""
        mean = log_probs.exp().mean(0)
        if not bool(mean.isfinite().all()):
            return  # the step that these are of is not taken either
        if bool(self.log_prior.any()):
            mean = PRIOR_MOMENTUM * self.log_prior.exp() + (1 - PRIOR_MOMENTUM) * mean
        self.log_prior.copy_(mean.clamp(min=1e-8).log())

    def _align(
        self, frames: Frames, transcripts: Sequence[str | None], tokenize: Tokenize
    ) -> list[Alignment | Unalignable]:
        """One alignment per utterance, forced where there is a transcript. An empty one means: nothing heard."""
        log_probs, lengths = self(frames), self.steps(frames)
        out: list[Alignment | Unalignable | None] = [None] * len(transcripts)
        forced = [i for i, text in enumerate(transcripts) if text is not None]
        free = [i for i, text in enumerate(transcripts) if text is None]
        if forced:
            texts = [transcripts[i] or "" for i in forced]
            results = self._force(log_probs[forced], lengths[forced], texts, tokenize)
            for i, result in zip(forced, results, strict=True):
                out[i] = result
        if free:
            for i, path in zip(free, self.hypotheses(log_probs[free], lengths[free]), strict=True):
                text, spans = written([self.pieces[k - 1] for k in path.labels.tolist()])
                peaks = list(zip(path.starts.tolist(), path.ends.tolist(), strict=True))
                out[i] = self._place(text, spans, peaks, path.scores.tolist(), int(lengths[i]), tokenize)
        return [x for x in out if x is not None]

    def hypotheses(self, log_probs: Tensor, lengths: Tensor) -> list[BestPath]:
        """What is heard without a transcript: log_probs [B, T, V], lengths [B]."""
        return ctc_best_path(log_probs, lengths, BLANK)

    @torch.no_grad()
    def label_runs(self, frames: Frames) -> Segments:
        """The labels of the plain best path and the frames that each is heard in [B, S]; frames of blanks are in none.

        `token_ids` are labels. With two steps a frame two labels may share one.
        """
        device, up = frames.values.device, self.config.upsample
        paths = ctc_best_path(self(frames), self.steps(frames), BLANK)
        labels, starts, ends = (
            nn.utils.rnn.pad_sequence(rows, batch_first=True).to(device)
            for rows in (
                [p.labels for p in paths],
                [p.starts // up for p in paths],
                [-(-p.ends // up) for p in paths],
            )
        )
        return Segments(labels, starts, ends, torch.tensor([len(p.labels) for p in paths], device=device))

    def _force(
        self, log_probs: Tensor, lengths: Tensor, texts: Sequence[str], tokenize: Tokenize
    ) -> list[Alignment | Unalignable]:
        spelled = [self.spell(text, tokenize) for text in texts]
        path = force_along(self.weighed(log_probs), lengths, [labels for labels, _ in spelled])
        out: list[Alignment | Unalignable] = []
        for i, (text, (labels, spans)) in enumerate(zip(texts, spelled, strict=True)):
            n, m = int(lengths[i]), len(labels)
            if not any(c.isalnum() for a, b in spans for c in text[a:b]):
                out.append(Unalignable("the transcript has no letter that the aligner can spell"))
            elif not path.feasible[i] or len(text.split()) * self.config.upsample > n:
                out.append(Unalignable(f"{m} labels do not fit into {n // self.config.upsample} frames"))
            else:
                starts, ends, scores = path.starts[i, :m], path.ends[i, :m], path.scores[i, :m]
                if self.config.label_prior:  # the path's own are of the weighed scores, which are no probabilities
                    scores = run_means(log_probs[i].cpu(), torch.tensor(labels), starts, ends)
                peaks = list(zip(starts.tolist(), ends.tolist(), strict=True))
                out.append(self._place(text, spans, peaks, scores.tolist(), n, tokenize))
        return out

    def _place(
        self,
        text: str,
        spans: Sequence[Span],
        peaks: Sequence[Span],
        scores: Sequence[float],
        n_steps: int,
        tokenize: Tokenize,
    ) -> Alignment:
        n_frames = n_steps // self.config.upsample
        token_ids, token_spans = tokenize(text)
        cores = [core_of(text, a, b) for a, b in spans]
        spoken = [(core, peak) for core, peak in zip(cores, peaks, strict=True) if core]
        if not spoken:
            return Alignment("", (), (), (), (), n_frames, ())
        word_of = {i: k for k, (a, b) in enumerate(text_words(text)) for i in range(a, b)}
        words = [word_of[core[0]] for core, _ in spoken]
        peaks = [peak for _, peak in spoken]
        steps = split_blanks(peaks, words, n_steps, self.config.reach_frames, self.config.delay_frames)
        frames = coarser(steps, words, n_frames, self.config.upsample)
        char_frames: list[Span | None] = [None] * len(text)
        char_scores = [float("nan")] * len(text)
        for ((a, b), _), (start, end) in zip(spoken, frames, strict=True):
            char_frames[a:b] = divide_evenly(start, end, b - a)
        for (a, b), score in zip(spans, scores, strict=True):
            char_scores[a:b] = [score] * (b - a)
        return place_tokens(text, char_frames, token_ids, token_spans, n_frames, char_scores)

    def set_delay(self, delay_s: float, clock: FrameClock) -> None:
        """In steps."""
        self.config = replace(self.config, delay_frames=round(delay_s / clock.frame_s * self.config.upsample))


def force_along(log_probs: Tensor, lengths: Tensor, labels: Sequence[Sequence[int]]) -> CTCPath:
    """The paths of a batch [B, T, V] along the labels of each utterance, found where it is, and brought to the CPU."""
    targets = nn.utils.rnn.pad_sequence([torch.tensor(x, dtype=torch.long) for x in labels], batch_first=True)
    path = ctc_forced_align(log_probs, targets, lengths, torch.tensor([len(x) for x in labels]), BLANK)
    return CTCPath(path.starts.cpu(), path.ends.cpu(), path.scores.cpu(), path.feasible.cpu())


def run_means(log_probs: Tensor, labels: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """The mean log-probability of each label [L] over its frames, from log_probs [T, V]."""
    sizes = ends - starts
    label = torch.arange(len(labels)).repeat_interleave(sizes)
    frame = torch.arange(len(label)) + (starts - sizes.cumsum(0) + sizes)[label]
    sums = torch.zeros(len(labels), dtype=torch.double)
    return sums.index_add_(0, label, log_probs[frame, labels[label]].double()) / sizes


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
    return in_order([(a - delay_frames, b - delay_frames) for a, b in zip(starts, ends, strict=True)], n_frames)


def coarser(steps: Sequence[Span], word_of: Sequence[int], n_frames: int, upsample: int) -> list[Span]:
    """Frames of labels whose place is known in steps, `upsample` of them a frame.

    Words are disjoint and have a frame each; the labels of a word share its frames where there are too few, and so do
    the words of a hypothesis that has more than there are frames.
    """
    if upsample == 1:
        return list(steps)
    groups = [list(group) for _, group in itertools.groupby(range(len(steps)), lambda k: word_of[k])]
    starts = [steps[group[0]][0] // upsample for group in groups]
    ends = [-(-steps[group[-1]][1] // upsample) for group in groups]
    if len(groups) <= n_frames:
        placed = in_order(list(zip(starts, ends, strict=True)), n_frames)
    else:
        placed = divide_evenly(0, n_frames, len(groups))
    out: list[Span] = []
    for group, (start, end) in zip(groups, placed, strict=True):
        out += divide(start, end, [-(-steps[k][1] // upsample) for k in group])
    return out
