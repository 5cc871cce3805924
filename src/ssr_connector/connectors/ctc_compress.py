"""CTC compression: every run of one label is averaged (Gaido et al. 2021, arXiv 2102.01578), and blanks are dropped.

Both are known from connectors to LLMs (Wu et al. 2023, arXiv 2307.03917: frame averaging, blank removal). The labels
are those of the model's own CTC aligner on its plain best path, in training as at test: letters with CHAR-CTC, the
LLM's tokens with SUB-CTC. Where the aligner hears nothing, nothing is emitted, and nothing is learnt.
"""

from collections.abc import Sequence

from ssr_connector.aligners import CTCAligner, TrainableAligner
from ssr_connector.connectors.mean_pool import MeanPoolConnector
from ssr_connector.errors import UserError
from ssr_connector.types import Alignment, Frames, Segments


class CTCCompressConnector(MeanPoolConnector):
    """One vector per label that the aligner hears: the mean state of the frames that it was heard in."""

    needs_segments = False

    def segments(
        self,
        frames: Frames,
        alignments: Sequence[Alignment],  # noqa: ARG002 - their tokens are not asked for
        aligner: TrainableAligner,
    ) -> Segments:
        """The runs of labels on the aligner's plain best path. Raises UserError where the aligner has none."""
        if not isinstance(aligner, CTCAligner):
            raise UserError(
                f"connector.type 'ctc_compress' needs a CTC aligner (aligner.type char_ctc or sub_ctc), "
                f"not {aligner.kind}"
            )
        return aligner.label_runs(frames)
