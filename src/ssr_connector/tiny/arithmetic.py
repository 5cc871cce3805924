"""How the tiny base models compute while they are trained: as is cheapest on this processor."""

import torch


def cheapest_dtype() -> torch.dtype:
    """bfloat16 where this processor computes in it."""
    capable = torch.cpu.get_capabilities()
    return torch.bfloat16 if capable.get("amx_bf16") or capable.get("avx512_bf16") else torch.float32


def autocast() -> torch.autocast:
    """Products of matrices in that format."""
    return torch.autocast("cpu", torch.bfloat16, enabled=cheapest_dtype() == torch.bfloat16)


def cheapest_attention() -> str:
    """Plain products where they are in bfloat16: there they cost less than torch's fused attention."""
    return "eager" if cheapest_dtype() == torch.bfloat16 else "sdpa"
