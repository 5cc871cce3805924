"""Aligners: frames and transcripts in, a frame span for every text token out."""

from dataclasses import fields
from typing import Any

from ssr_connector.aligners.base import Aligner, Material, TrainableAligner, Unalignable
from ssr_connector.aligners.char_ctc import CharCTC, CharCTCConfig
from ssr_connector.aligners.cif import CIF, CIFConfig
from ssr_connector.aligners.ctc import CTCAligner, CTCConfig
from ssr_connector.aligners.sub_ctc import SubCTC, SubCTCConfig
from ssr_connector.aligners.unity2 import UnitY2, UnitY2Config

ALIGNERS: dict[str, type[TrainableAligner]] = {a.kind: a for a in (CharCTC, SubCTC, CIF, UnitY2)}


def build_aligner(values: dict[str, Any], encoder_width: int) -> TrainableAligner:
    """An untrained aligner from the values of its checkpoint. Raises ValueError or TypeError where they are none."""
    shape = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k != "type"}
    return aligner_class(values.get("type", CharCTC.kind)).build(shape, encoder_width)


def unknown_keys(values: dict[str, Any]) -> list[str]:
    """What in the values of a checkpoint no aligner here reads, its type included."""
    kind = values.get("type", CharCTC.kind)
    if kind not in ALIGNERS:
        return [f"aligner.type {kind!r}"]
    known = {"type", *(field.name for field in fields(ALIGNERS[kind].config_class))}
    inside = values.get("recogniser")  # UnitY2's, an aligner too
    return [f"aligner.{key}" for key in values if key not in known] + (unknown_keys(inside) if inside else [])


def aligner_class(kind: object) -> type[TrainableAligner]:
    """The class of a recipe's `aligner.type`. Raises ValueError naming those that there are."""
    if kind not in ALIGNERS:
        raise ValueError(f"there is no aligner {kind!r}: choose from {', '.join(ALIGNERS)}")
    return ALIGNERS[str(kind)]


__all__ = [
    "ALIGNERS",
    "CIF",
    "Aligner",
    "CIFConfig",
    "CTCAligner",
    "CTCConfig",
    "CharCTC",
    "CharCTCConfig",
    "Material",
    "SubCTC",
    "SubCTCConfig",
    "TrainableAligner",
    "Unalignable",
    "UnitY2",
    "UnitY2Config",
    "aligner_class",
    "build_aligner",
    "unknown_keys",
]
