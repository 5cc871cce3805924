"""Frozen speech encoders: recordings in, frames [B, T, F] out."""

from ssr_connector.encoders.pretrained import PretrainedEncoder

__all__ = ["PretrainedEncoder"]
