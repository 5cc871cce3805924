"""CTC paths: the best one for given labels (Viterbi over the blank-extended labels), and the best of all."""

from dataclasses import dataclass

import torch
from torch import Tensor

MINUS_INF = float("-inf")


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
    """The most probable CTC path that spells the targets.

    log_probs [B, T, V], targets [B, L] (padding is ignored), lengths [B]. Exact, in float32; ties go to the state
    further on in the labels. An item that has no path of finite probability is reported, never given a wrong one.
    """
    B, T, _ = log_probs.shape
    L = targets.shape[1]
    frames = torch.arange(T)
    lp = log_probs.detach().to("cpu", torch.float32)
    targets, input_lengths, target_lengths = (x.detach().cpu().long() for x in (targets, input_lengths, target_lengths))
    real = torch.arange(L) < target_lengths[:, None]
    labels = torch.where(real, targets, blank)
    if real.any() and bool((labels[real] == blank).any()):
        raise ValueError("a target must not be the blank")
    label_lp = lp.gather(2, labels[:, None, :].expand(B, T, L)).masked_fill(~real[:, None, :], MINUS_INF)
    blank_lp = lp[:, :, blank]
    # Entering a label straight from the label before it is allowed unless the two are the same.
    skip = torch.zeros(B, L, dtype=torch.bool)
    skip[:, 1:] = labels[:, 1:] != labels[:, :-1]

    # Two rows of states: blanks[j] before label j (j = L: after the last), tokens[j] in label j.
    blanks = torch.full((B, L + 1), MINUS_INF)
    tokens = torch.full((B, L), MINUS_INF)
    from_blank = torch.zeros(T, B, L + 1, dtype=torch.bool)  # blank j: true = entered from label j-1
    from_token = torch.zeros(T, B, L, dtype=torch.int8)  # label j: 0 stay, 1 from blank j, 2 from label j-1
    no_label = torch.full((B, 1), MINUS_INF)
    for t in range(T):
        if t == 0:
            new_blanks, new_tokens = blanks.clone(), tokens.clone()
            new_blanks[:, 0] = blank_lp[:, 0]
            if L:
                new_tokens[:, 0] = label_lp[:, 0, 0]
        else:
            before = torch.cat([no_label, tokens], 1)  # label j-1
            enter = before > blanks
            new_blanks = torch.where(enter, before, blanks) + blank_lp[:, t, None]
            from_blank[t] = enter
            best, choice = tokens, torch.zeros(B, L, dtype=torch.int8)
            for code, source in ((1, blanks[:, :L]), (2, torch.where(skip, before[:, :L], MINUS_INF))):
                better = source > best
                best, choice = torch.where(better, source, best), torch.where(better, code, choice)
            new_tokens = best + label_lp[:, t]
            from_token[t] = choice
        alive = (frames[t] < input_lengths)[:, None]
        blanks, tokens = torch.where(alive, new_blanks, blanks), torch.where(alive, new_tokens, tokens)
    return _trace_back(blanks, tokens, from_blank, from_token, label_lp, input_lengths, target_lengths)


def _trace_back(
    blanks: Tensor,
    tokens: Tensor,
    from_blank: Tensor,
    from_token: Tensor,
    label_lp: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
) -> CTCPath:
    B, T, L = label_lp.shape
    items = torch.arange(B)
    starts, ends = torch.zeros(B, L, dtype=torch.long), torch.zeros(B, L, dtype=torch.long)
    scores = torch.zeros(B, L)
    last = target_lengths.clone()  # index of the blank after the last label
    in_blank = torch.ones(B, dtype=torch.bool)
    final = blanks[items, last]
    if L:
        token_final = torch.where(last > 0, tokens[items, (last - 1).clamp(min=0)], MINUS_INF)
        in_blank = final > token_final
        final = torch.maximum(final, token_final)
    feasible = (final > MINUS_INF) & (input_lengths > 0) | (input_lengths + target_lengths == 0)
    state = torch.where(in_blank, last, last - 1).clamp(min=0)
    for t in range(T - 1, -1, -1):
        live = (t < input_lengths) & feasible
        here = live & ~in_blank
        i, j = items[here], state[here]
        starts[i, j] = t
        ends[i, j] = torch.where(ends[i, j] == 0, t + 1, ends[i, j])
        scores[i, j] += label_lp[i, t, j]
        to_token = live & in_blank & from_blank[t, items, state]
        if L:
            code = from_token[t, items, state.clamp(max=L - 1)]
            to_blank, to_previous = here & (code == 1), here & (code == 2)
        else:
            to_blank = to_previous = torch.zeros(B, dtype=torch.bool)
        state = torch.where(to_token | to_previous, state - 1, state)
        in_blank = (in_blank & ~to_token) | to_blank
    return CTCPath(starts, ends, scores / (ends - starts).clamp(min=1), feasible)


def ctc_best_path(log_probs: Tensor, lengths: Tensor, blank: int = 0) -> list[BestPath]:
    """The most probable label in every frame, repeats merged and blanks dropped: log_probs [B, T, V], lengths [B]."""
    best, ids = log_probs.detach().to("cpu", torch.float32).max(-1)
    paths = []
    for score, row, n in zip(best, ids, lengths.tolist(), strict=True):
        row, score = row[:n], score[:n]
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
