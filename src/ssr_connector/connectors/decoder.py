"""A causal Transformer over frames: layers of the LLM's own class and shape, newly initialised (docs/method.md §2)."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer

from ssr_connector.config import ConnectorConfig
from ssr_connector.connectors.blockwise import BLOCKWISE, Windows, register_blockwise_attention
from ssr_connector.types import Segments

LEAST_POSITIONS = 2048  # without rotary scaling this limits nothing; an LLM of relative positions (BLOOM) names none
OWN_CLASS = ("llama", "mistral", "qwen2", "qwen3")  # pre-norm RMSNorm, gated MLP, rotary: the layers of the method


def layers_like(llm_config: Any, n_layers: int) -> Any:
    """The configuration of `n_layers` layers of the LLM's own class, or Llama's in its shape where that does not fit.

    Every layer sees all frames before it: windows that slide over text say nothing about frames.
    """
    from transformers import LlamaConfig

    if llm_config.model_type in OWN_CLASS:
        shape = copy.deepcopy(llm_config)
        shape.num_hidden_layers = n_layers
        if hasattr(shape, "sliding_window"):
            shape.sliding_window = None
        if hasattr(shape, "layer_types"):
            shape.layer_types = ["full_attention"] * n_layers
        return shape
    heads, width = llm_config.num_attention_heads, llm_config.hidden_size
    return LlamaConfig(
        hidden_size=width,
        intermediate_size=getattr(llm_config, "intermediate_size", None) or 4 * width,
        num_hidden_layers=n_layers,
        num_attention_heads=heads,
        num_key_value_heads=getattr(llm_config, "num_key_value_heads", None) or heads,
        head_dim=getattr(llm_config, "head_dim", None) or width // heads,
        max_position_embeddings=getattr(llm_config, "max_position_embeddings", None) or LEAST_POSITIONS,
    )


class NoPositions(nn.Module):
    """Stands for a rotary embedding: cos = 1, sin = 0, so that queries and keys stay as they are."""

    def __init__(self, head_width: int) -> None:
        super().__init__()
        self.head_width = head_width

    def forward(self, x: Tensor, position_ids: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
        """[B, T, head] ones and zeros."""
        shape = (x.shape[0], position_ids.shape[-1], self.head_width)
        return x.new_ones(shape), x.new_zeros(shape)


class LastLayer(GradientCheckpointingLayer):  # type: ignore[misc]  # transformers is not typed
    """A decoder's last layer, of one of OWN_CLASS: where few of its states are read, the others get no feed-forward."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.self_attn, self.mlp = layer.self_attn, layer.mlp
        self.input_layernorm, self.post_attention_layernorm = layer.input_layernorm, layer.post_attention_layernorm

    def forward(self, hidden_states: Tensor, places: Tensor | None = None, **kwargs: Any) -> Tensor:
        """[B, T, D] → [B, T, D], or [B, S, D] at `places` [B, S]."""
        attended, _ = self.self_attn(hidden_states=self.input_layernorm(hidden_states), **kwargs)
        x: Tensor = hidden_states + attended
        if places is not None:
            x = x.gather(1, places[..., None].expand(-1, -1, x.shape[2]))
        read: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return read


class FrameDecoder(nn.Module):
    """Frames [B, T, F] → states [B, T, D]: a linear map without bias, then `layers` decoder layers and their norm."""

    def __init__(self, config: ConnectorConfig, encoder_width: int, llm_config: Any) -> None:
        super().__init__()
        from transformers import AutoModel

        shape = layers_like(llm_config.get_text_config(), config.layers)
        shape.vocab_size = 1
        shape.pad_token_id = None
        shape.attention_dropout = config.dropout
        shape._attn_implementation = "sdpa"
        self.slack_frames: int | None = None  # none: every frame sees all before it
        if config.attention == "blockwise":
            register_blockwise_attention()
            shape._attn_implementation = BLOCKWISE
            self.slack_frames = config.slack_frames
        self.project = nn.Linear(encoder_width, shape.hidden_size, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        self.decoder: Any = AutoModel.from_config(shape, dtype=torch.float32)  # trained, whatever the LLM is kept in
        self.decoder.embed_tokens = None  # frames come in its place
        self.decoder.layers[-1] = LastLayer(self.decoder.layers[-1])
        if config.positions == "none":
            head_width = getattr(shape, "head_dim", None) or shape.hidden_size // shape.num_attention_heads
            self.decoder.rotary_emb = NoPositions(head_width)

    def forward(self, values: Tensor, segments: Segments | None = None, places: Tensor | None = None) -> Tensor:
        """States of right-padded frames, or [B, S, D] of those at `places` [B, S] alone, which is cheaper.

        Causal, so that no valid frame sees the padding. Block-wise attention needs the segments [B, S]; raises
        ValueError where there are none.
        """
        x = self.dropout(self.project(values))  # [B, T, D]
        B, T = x.shape[:2]
        positions = torch.arange(T, device=x.device).expand(B, T)
        extra: dict[str, Any] = {"places": places}
        if self.slack_frames is not None:
            if segments is None:
                raise ValueError("block-wise attention needs an alignment")
            extra["windows"] = self.windows(segments, T)
        out = self.decoder(inputs_embeds=x, position_ids=positions, use_cache=False, **extra)
        states: Tensor = out.last_hidden_state
        return states

    def windows(self, segments: Segments, n_frames: int) -> Windows:
        """What block-wise attention over these segments sees; `ssr plan` puts another in its place."""
        return Windows.build(segments, n_frames, self.slack_frames or 0)

    @property
    def gain(self) -> nn.Parameter:
        """[D] gain of the norm after the last layer."""
        gain: nn.Parameter = self.decoder.norm.weight
        return gain
