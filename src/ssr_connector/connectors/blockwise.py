"""Block-wise causal attention, segment by segment (METHOD §2, block-wise variant).

A frame sees its own segment so far and the last `slack` frames before it. No dense [T, T] mask is built: queries are
gathered into one row per segment, keys and values into that row's window, and one batched attention runs over them.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ssr_connector.types import Segments

BLOCKWISE = "ssr_blockwise"


@dataclass(frozen=True)
class Windows:
    """Which frames each segment's queries and keys are, over all N segments of a batch."""

    row: Tensor  # [N] utterance of each segment
    queries: Tensor  # [N, Q] frame of each query
    query_mask: Tensor  # [N, Q] whether there is one
    keys: Tensor  # [N, K] frame of each key
    allowed: Tensor  # [N, 1, Q, K] whether a query sees a key

    @classmethod
    def build(cls, segments: Segments, n_frames: int, slack_frames: int) -> "Windows":
        """Segments end at `segments.ends`. Frames after the last end are in none: no selected frame sees them."""
        ends = segments.ends.masked_fill(~segments.mask, 0)  # [B, S]
        starts = torch.cat([ends.new_zeros(len(ends), 1), ends[:, :-1]], 1)
        row, index = (ends > starts).nonzero(as_tuple=True)  # tokens that share a frame add no segment
        start, end = starts[row, index], ends[row, index]
        width = int((end - start).max()) if len(row) else 0
        queries = start[:, None] + torch.arange(width, device=ends.device)
        query_mask = queries < end[:, None]
        keys = start[:, None] - slack_frames + torch.arange(width + slack_frames, device=ends.device)
        allowed = (keys[:, None, :] <= queries[:, :, None]) & (keys >= 0)[:, None, :]
        # A query that is none still needs a key to look at: its result is thrown away.
        allowed = allowed | ~query_mask[:, :, None]
        last = n_frames - 1
        return cls(row, queries.clamp(max=last), query_mask, keys.clamp(0, last), allowed[:, None])


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
    w = windows
    q = query.transpose(1, 2)[w.row[:, None], w.queries].transpose(1, 2)  # [N, H, Q, d]
    k, v = (x.transpose(1, 2)[w.row[:, None], w.keys].transpose(1, 2) for x in (key, value))  # [N, G, K, d]
    groups = query.shape[1] // key.shape[1]
    k, v = (x.repeat_interleave(groups, 1) for x in (k, v))
    out = nn.functional.scaled_dot_product_attention(
        q, k, v, attn_mask=w.allowed, dropout_p=dropout if module.training else 0.0, scale=scaling
    )
    B, H, T, d = query.shape
    result = out.new_zeros(B, T, H, d)
    rows = w.row[:, None].expand_as(w.queries)[w.query_mask]
    return result.index_put((rows, w.queries[w.query_mask]), out.transpose(1, 2)[w.query_mask]), None


def register_blockwise_attention() -> None:
    """Make it known to transformers, with no mask of its own."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(BLOCKWISE, blockwise_attention)
    AttentionMaskInterface.register(BLOCKWISE, lambda *_, **__: None)
