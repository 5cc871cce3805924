"""The best CTC path that spells pieces of a lexicon: what was said, in words that there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from ssr_connector.kernels import native, reference
from ssr_connector.kernels.inputs import check_lengths, checked_scores, refuse_not_a_number

BEAM = 20  # nats below the best path of a frame, where paths are let go


@dataclass(frozen=True)
class Lexicon:
    """Pieces as a trie, nodes breadth-first: the children of each lie side by side, those of the root first."""

    labels: Tensor  # [N] int32
    children: Tensor  # [N + 1] int32: those of node n begin at children[n] and end before children[n + 1]
    weights: Tensor  # [N] float32: of the piece that ends here; -inf: none does
    pieces: Tensor  # [N] int64: which one; -1: none

    @classmethod
    def of(cls, pieces: Sequence[Sequence[int]], weights: Sequence[float]) -> Self:
        """From the labels of each piece and what is added to a path's log-probability for it; of equal ones the best.

        Raises ValueError for a piece without labels or a weight that is not finite.
        """
        branches: list[dict[int, int]] = [{}]  # of the root, then of each node, in the order of their making
        ends: dict[int, int] = {}
        for i, (piece, weight) in enumerate(zip(pieces, weights, strict=True)):
            if not piece or not abs(weight) < float("inf"):
                raise ValueError(f"piece {i} has {len(piece)} labels and the weight {weight}")
            node = 0
            for label in piece:
                if label not in branches[node]:
                    branches[node][label] = len(branches)
                    branches.append({})
                node = branches[node][label]
            if node not in ends or weight > weights[ends[node]]:
                ends[node] = i
        order = [0]
        labels: list[int] = []
        children: list[int] = []
        for node in order:  # which grows: breadth first
            children.append(len(order) - 1)
            order += branches[node].values()
            labels += branches[node]
        best = [ends.get(node, -1) for node in order[1:]]
        return cls(
            torch.tensor(labels, dtype=torch.int32),
            torch.tensor([*children[1:], len(labels)], dtype=torch.int32),
            torch.tensor([weights[i] if i >= 0 else float("-inf") for i in best], dtype=torch.float32),
            torch.tensor(best, dtype=torch.long),
        )


def ctc_lexicon_path(log_probs: Tensor, lengths: Tensor, lexicon: Lexicon, blank: int = 0) -> list[Tensor]:
    """The pieces of the most probable path that spells a lexicon's pieces one after the other; none is an answer, too.

    A path's score is the sum of its log-probabilities and of its pieces' weights. Exact but for paths that were once
    `BEAM` nats worse than another; on the processor, wherever the scores are.

    Args:
        log_probs: [B, T, V]; what lies beyond the lengths is not read.
        lengths: [B] frames.
        lexicon: of labels from 0 to V - 1 without the blank.
        blank: the label between labels.

    Returns:
        B tensors, int64: which pieces, in order. One is empty where only silence is left, or no path at all.

    Raises:
        ValueError: shapes or lengths do not fit, a piece has the blank or no label, or a score is NaN or +inf.

    """
    log_probs = checked_scores(log_probs).cpu()
    B, T, V = log_probs.shape
    frames = check_lengths("input", lengths, B, T)
    ids, N = lexicon.labels, len(lexicon.labels)
    if not 0 <= blank < V or (N and (int(ids.min()) < 0 or int(ids.max()) >= V or bool((ids == blank).any()))):
        raise ValueError(f"labels must lie in 0 … {V - 1} and not be the blank, {blank}")
    found, counts = torch.zeros(B, T, dtype=torch.long), torch.zeros(B, dtype=torch.long)
    status = torch.zeros(B, dtype=torch.uint8)
    if native.library() is None:
        tree = (lexicon.labels.numpy(), lexicon.children.numpy(), lexicon.weights.double().numpy())
        for i in range(B):
            rows = log_probs[i, : frames[i]]
            if not bool((rows < torch.inf).all()):
                status[i] = native.Status.NOT_A_NUMBER
                continue
            nodes = reference.ctc_lexicon_path(rows.double().numpy(), *tree, blank)
            found[i, : len(nodes)], counts[i] = torch.tensor(nodes, dtype=torch.long), len(nodes)
    else:
        strides = log_probs.stride()
        native.call(
            "ssr_ctc_lexicon_path",
            *(log_probs, B, strides[0], strides[1], V, frames, blank),
            *(lexicon.labels, lexicon.children, lexicon.weights, N, BEAM),
            *(found, T, counts, status),
        )
    refuse_not_a_number(status)
    return [lexicon.pieces[row[:n]] for row, n in zip(found, counts.tolist(), strict=True)]
