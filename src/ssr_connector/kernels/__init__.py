"""The hot loops of alignment: batched, ragged, exact, the same for any batch."""

from ssr_connector.kernels.cif import Fired, integrate_and_fire
from ssr_connector.kernels.ctc import BestPath, CTCPath, ctc_best_path, ctc_forced_align
from ssr_connector.kernels.lexicon import Lexicon, ctc_lexicon_path
from ssr_connector.kernels.mas import monotonic_alignment_search
from ssr_connector.kernels.pooling import segment_pool

__all__ = [
    "BestPath",
    "CTCPath",
    "Fired",
    "Lexicon",
    "ctc_best_path",
    "ctc_forced_align",
    "ctc_lexicon_path",
    "integrate_and_fire",
    "monotonic_alignment_search",
    "segment_pool",
]
