"""The hot loops of alignment."""

from ssr_connector.kernels.ctc import BestPath, CTCPath, ctc_best_path, ctc_forced_align

__all__ = ["BestPath", "CTCPath", "ctc_best_path", "ctc_forced_align"]
