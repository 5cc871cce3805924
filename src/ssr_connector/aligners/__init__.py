"""Aligners: frames and transcripts in, a frame span for every text token out."""

from typing import Any

from ssr_connector.aligners.base import Aligner, Tokenize, Unalignable
from ssr_connector.aligners.char_ctc import CharCTC, CharCTCConfig
from ssr_connector.aligners.ctc import CTCAligner, CTCConfig
from ssr_connector.aligners.sub_ctc import SubCTC, SubCTCConfig

ALIGNERS: dict[str, Any] = {CharCTC.kind: CharCTC, SubCTC.kind: SubCTC}


def build_aligner(values: dict[str, object], encoder_width: int) -> CTCAligner:
    """An untrained aligner from the values of its checkpoint. Raises ValueError or TypeError where they are none."""
    shape = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k != "type"}
    aligner: CTCAligner = aligner_class(values.get("type", CharCTC.kind)).build(shape, encoder_width)
    return aligner


def aligner_class(kind: object) -> Any:
    """The class of a recipe's `aligner.type`. Raises ValueError naming those that there are."""
    if kind not in ALIGNERS:
        raise ValueError(f"there is no aligner {kind!r}: choose from {', '.join(ALIGNERS)}")
    return ALIGNERS[str(kind)]


__all__ = [
    "ALIGNERS",
    "Aligner",
    "CTCAligner",
    "CTCConfig",
    "CharCTC",
    "CharCTCConfig",
    "SubCTC",
    "SubCTCConfig",
    "Tokenize",
    "Unalignable",
    "aligner_class",
    "build_aligner",
]
