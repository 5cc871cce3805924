"""A causal Transformer over frames whose layers are the LLM's own class and shape, newly initialised (METHOD §2)."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from ssr_connector.connectors.base import ConnectorConfig
from ssr_connector.connectors.blockwise import BLOCKWISE, Windows, register_blockwise_attention


class NoPositions(nn.Module):
    """Stands for a rotary embedding: cos = 1, sin = 0, so that queries and keys stay as they are."""

    def __init__(self, head_width: int) -> None:
        super().__init__()
        self.head_width = head_width

    def forward(self, x: Tensor, position_ids: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
        """[B, T, head] ones and zeros."""
        shape = (x.shape[0], position_ids.shape[-1], self.head_width)
        return x.new_ones(shape), x.new_zeros(shape)


class FrameDecoder(nn.Module):
    """Frames [B, T, F] → states [B, T, D]: a linear map without bias, then `layers` decoder layers and their norm."""

    def __init__(self, config: ConnectorConfig, encoder_width: int, llm_config: Any) -> None:
        super().__init__()
        from transformers import AutoModel

        text_config = copy.deepcopy(llm_config.get_text_config())
        text_config.num_hidden_layers = config.layers
        text_config.vocab_size = 1
        text_config.pad_token_id = None
        text_config.attention_dropout = config.dropout
        text_config._attn_implementation = "sdpa"
        if config.attention == "blockwise":
            register_blockwise_attention()
            text_config._attn_implementation = BLOCKWISE
        self.project = nn.Linear(encoder_width, text_config.hidden_size, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        self.decoder = AutoModel.from_config(text_config)
        self.decoder.embed_tokens = None  # frames come in its place
        if config.positions == "none":
            head_width = getattr(text_config, "head_dim", None) or (
                text_config.hidden_size // text_config.num_attention_heads
            )
            self.decoder.rotary_emb = NoPositions(head_width)

    def forward(self, values: Tensor, windows: Windows | None = None) -> Tensor:
        """States of right-padded frames: causal, so that no valid frame sees the padding."""
        x = self.dropout(self.project(values))  # [B, T, D]
        B, T = x.shape[:2]
        positions = torch.arange(T, device=x.device).expand(B, T)
        extra = {} if windows is None else {"windows": windows}
        return self.decoder(inputs_embeds=x, position_ids=positions, use_cache=False, **extra).last_hidden_state

    @property
    def final_norm(self) -> nn.Module:
        """The norm after the last layer."""
        return self.decoder.norm
