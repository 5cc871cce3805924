"""CTC paths: the best one for given labels (Viterbi over the blank-extended labels), and the best of all."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssr_connector.kernels import native, reference
from ssr_connector.kernels.inputs import check_lengths, checked_scores, not_a_number, on_gpu, refuse_not_a_number


@dataclass(frozen=True)
class CTCPath:
    """Where each label of a forced path is emitted, in half-open frames. Infeasible items hold zeros."""

    starts: Tensor  # [B, L] int64
    ends: Tensor  # [B, L] int64
    scores: Tensor  # [B, L] float32, mean log-probability of the label over its frames
    feasible: Tensor  # [B] bool: at least one frame per label and one blank between repeats


@dataclass(frozen=True)
class BestPath:
    """The best path of one utterance without a transcript: its labels and where each is emitted."""

    labels: Tensor  # [L] int64
    starts: Tensor  # [L] int64
    ends: Tensor  # [L] int64
    scores: Tensor  # [L] float32, as in CTCPath


def ctc_forced_align(
    log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: int = 0
) -> CTCPath:
    """The most probable CTC path that spells the targets, exactly; the result is where the scores are.

    Args:
        log_probs: [B, T, V]; what lies beyond the lengths is not read.
        targets: [B, L] labels; padding is ignored.
        input_lengths: [B] frames.
        target_lengths: [B] labels.
        blank: the label between labels.

    Raises:
        ValueError: shapes or lengths do not fit, a target is the blank or no label, or a score that matters is NaN or
            +inf.

    """
    log_probs = checked_scores(log_probs)
    B, T, V = log_probs.shape
    if targets.ndim != 2 or len(targets) != B:
        raise ValueError(f"targets have the shape {tuple(targets.shape)}, not ({B}, labels)")
    targets = targets.detach().to("cpu", torch.long).contiguous()
    L = targets.shape[1]
    frames, labels = check_lengths("input", input_lengths, B, T), check_lengths("target", target_lengths, B, L)
    if not 0 <= blank < V:
        raise ValueError(f"the blank is {blank}, not one of {V} labels")
    ids, real = targets.numpy(), np.arange(L) < labels.numpy()[:, None]
    if (real & ((ids < 0) | (ids >= V) | (ids == blank))).any():
        raise ValueError(f"targets must lie in 0 … {V - 1} and not be the blank, {blank}")
    device = log_probs.device
    if on_gpu(log_probs, 2 * L + 1):
        from ssr_connector.kernels import gpu

        return CTCPath(*gpu.ctc_forced_align(log_probs, targets, frames, labels, blank))

    log_probs = log_probs.cpu()
    starts, ends = torch.zeros(B, L, dtype=torch.long), torch.zeros(B, L, dtype=torch.long)
    scores, status = torch.zeros(B, L), torch.zeros(B, dtype=torch.uint8)
    if native.library() is None:
        for i in range(B):
            status[i] = _slowly(
                log_probs[i, : frames[i]], targets[i, : labels[i]], blank, starts[i], ends[i], scores[i]
            )
    else:
        strides = log_probs.stride()
        native.call(
            "ssr_ctc_forced_align",
            *(log_probs, B, strides[0], strides[1], V, targets, L, frames, labels, blank),
            *(starts, ends, scores, status),
        )
    refuse_not_a_number(status)
    feasible = status == native.Status.ALIGNED
    return CTCPath(starts.to(device), ends.to(device), scores.to(device), feasible.to(device))


def _slowly(
    log_probs: Tensor, targets: Tensor, blank: int, starts: Tensor, ends: Tensor, scores: Tensor
) -> native.Status:
    """One item by the reference: log_probs [T, V], targets [L]; fills starts, ends and scores [≥ L]."""
    used = log_probs[:, [*targets.tolist(), blank]]
    if not bool((used < torch.inf).all()):
        return native.Status.NOT_A_NUMBER
    path = reference.ctc_forced_align(log_probs.double().numpy(), targets.tolist(), blank)
    if path is None:
        return native.Status.INFEASIBLE
    for j, (start, end) in enumerate(zip(*path, strict=True)):
        starts[j], ends[j], scores[j] = start, end, used[start:end, j].double().mean()
    return native.Status.ALIGNED


def ctc_best_path(log_probs: Tensor, lengths: Tensor, blank: int = 0) -> list[BestPath]:
    """The most probable label in every frame, repeats merged and blanks dropped: log_probs [B, T, V], lengths [B].

    On the processor, wherever the scores are. Raises ValueError where shapes or lengths do not fit, or a score within
    the lengths is NaN or +inf.
    """
    log_probs = checked_scores(log_probs)
    frames = check_lengths("input", lengths, *log_probs.shape[:2])
    if not 0 <= blank < log_probs.shape[2]:
        raise ValueError(f"the blank is {blank}, not one of {log_probs.shape[2]} labels")
    best, ids = (x.cpu() for x in log_probs.max(-1))
    paths = []
    for i, (score, row, n) in enumerate(zip(best, ids, frames.tolist(), strict=True)):
        row, score = row[:n], score[:n]
        if not bool((score < torch.inf).all()):
            raise not_a_number(i)
        change = torch.ones(n, dtype=torch.bool)
        change[1:] = row[1:] != row[:-1]
        starts = change.nonzero().flatten()
        ends = torch.cat([starts[1:], torch.tensor([n])]) if n else starts
        spoken = row[starts] != blank
        starts, ends = starts[spoken], ends[spoken]
        total = torch.cat([torch.zeros(1, dtype=torch.float64), score.double().cumsum(0)])
        means = ((total[ends] - total[starts]) / (ends - starts)).float()
        paths.append(BestPath(row[starts], starts, ends, means))
    return paths
