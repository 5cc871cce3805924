"""Block-wise causal attention, segment by segment (docs/method.md §2, block-wise variant).

A frame sees its own segment so far and the last `slack` frames before it. No dense [T, T] mask is built: queries are
gathered into one row per segment, keys and values into that row's window, and one batched attention runs over all rows
of like length: a pause of two seconds does not make every row that long.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ssr_connector.types import Segments

BLOCKWISE = "ssr_blockwise"
SHORT_FRAMES = 8  # segments up to this length go together; of longer ones those between two powers of two


@dataclass(frozen=True)
class Rows:
    """N segments of like length; frames are counted through the whole batch, utterance after utterance."""

    queries: Tensor  # [N, Q] frame of each query, or any where there is none
    keys: Tensor  # [N, K] frame of each key, likewise
    allowed: Tensor  # [N, 1, Q, K] whether a query sees a key


@dataclass(frozen=True)
class Windows:
    """Which frames each segment's queries and keys are, over all segments of a batch."""

    rows: tuple[Rows, ...]
    where: Tensor  # [B T] which query of all rows, end to end, a frame is; one past the last where it is none

    @classmethod
    def build(cls, segments: Segments, n_frames: int, slack_frames: int) -> "Windows":
        """Segments end at `segments.ends`. Frames after the last end are in none: no selected frame sees them.

        Built on the CPU, so that a GPU is waited for once.
        """
        device = segments.ends.device
        ends = segments.ends.masked_fill(~segments.mask, 0).cpu()  # [B, S]
        starts = torch.cat([ends.new_zeros(len(ends), 1), ends[:, :-1]], 1)
        utterance, index = (ends > starts).nonzero(as_tuple=True)  # tokens that share a frame add no segment
        start, length = starts[utterance, index], (ends - starts)[utterance, index]
        size = length.clamp(min=SHORT_FRAMES).log2().ceil()
        where = torch.full((len(ends) * n_frames,), -1, device="cpu")
        n_queries, rows = 0, []
        for each in sorted(set(size.tolist())):
            first, n = start[size == each, None], length[size == each, None]  # [N, 1]
            before = utterance[size == each, None] * n_frames  # frames of the utterances before
            width = int(n.max())
            queries = first + torch.arange(width, device="cpu")
            there = queries < first + n
            keys = first - slack_frames + torch.arange(width + slack_frames, device="cpu")
            allowed = (keys[:, None, :] <= queries[:, :, None]) & (keys >= 0)[:, None, :]
            # A query that is none still needs a key to look at: its result is thrown away.
            allowed |= ~there[:, :, None]
            where[(before + queries)[there]] = n_queries + there.flatten().nonzero()[:, 0]
            n_queries += there.numel()
            places = (before + x.clamp(0, n_frames - 1) for x in (queries, keys))
            rows.append(Rows(*(x.to(device) for x in (*places, allowed[:, None]))))
        return cls(tuple(rows), where.masked_fill(where < 0, n_queries).to(device))


def blockwise_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001 - part of transformers' interface
    windows: Windows,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """An attention function of transformers: query [B, H, T, d], key and value [B, G, T, d] → [B, T, H, d]."""
    B, H, T, d = query.shape
    q, k, v = (x.transpose(1, 2).reshape(B * T, -1) for x in (query, key, value))  # [B T, H d], [B T, G d]
    results = []
    for rows in windows.rows:
        q_rows = gather(q, rows.queries, H)  # [N, H, Q, d]
        k_rows, v_rows = (gather(x, rows.keys, key.shape[1]).repeat_interleave(H // key.shape[1], 1) for x in (k, v))
        out = nn.functional.scaled_dot_product_attention(
            q_rows,
            k_rows,
            v_rows,
            attn_mask=rows.allowed,
            dropout_p=dropout if module.training else 0.0,
            scale=scaling,
        )
        results.append(out.transpose(1, 2).reshape(-1, H * d))
    results.append(q.new_zeros(1, H * d))
    return torch.cat(results).index_select(0, windows.where).view(B, T, H, d), None


def gather(x: Tensor, places: Tensor, heads: int) -> Tensor:
    """Rows [n, heads d] at places [N, K] → [N, heads, K, d]."""
    picked = x.index_select(0, places.flatten())
    return picked.view(*places.shape, heads, -1).transpose(1, 2)


def register_blockwise_attention() -> None:
    """Make it known to transformers, with no mask of its own."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(BLOCKWISE, blockwise_attention)
    AttentionMaskInterface.register(BLOCKWISE, lambda *_, **__: None)
