"""Aligners: frames and transcripts in, a frame span for every text token out."""

from ssr_connector.aligners.base import Aligner, Tokenize, Unalignable
from ssr_connector.aligners.char_ctc import CharCTC, CharCTCConfig

__all__ = ["Aligner", "CharCTC", "CharCTCConfig", "Tokenize", "Unalignable"]
