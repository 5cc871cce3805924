"""How a token's frames become one vector: the last frame's state, block-wise with more or less slack, or their mean."""

from typing import TYPE_CHECKING

from ssr_connector.studies.study import CAUSAL, Arm, Column, Picture, Study
from ssr_connector.studies.words import compared, extreme

if TYPE_CHECKING:
    from ssr_connector.studies.results import Results

FEW_FRAMES, MANY_FRAMES = 1, 8
ROTARY = {**CAUSAL, "connector.positions": "rotary"}
MEAN = {**CAUSAL, "connector.type": "mean_pool"}


def blockwise(slack_frames: int) -> dict[str, object]:
    """Options of block-wise attention."""
    return {"connector.attention": "blockwise", "connector.slack_frames": slack_frames}


ARMS = (
    Arm("selection", "selection", connector=CAUSAL),
    Arm("selection_rotary", "selection, rotary", connector=ROTARY),
    Arm("blockwise_0", "block-wise, slack 0", connector=blockwise(0)),
    Arm("blockwise_1", "block-wise, slack 1", connector=blockwise(FEW_FRAMES)),
    Arm("blockwise_8", f"block-wise, slack {MANY_FRAMES}", connector=blockwise(MANY_FRAMES)),
    Arm("blockwise_1_rotary", "block-wise, slack 1, rotary", connector={**ROTARY, **blockwise(FEW_FRAMES)}),
    Arm("mean_pool", "mean pooling", connector=MEAN),
    Arm("mean_pool_rotary", "mean pooling, rotary", connector={**MEAN, **ROTARY}),
)
PAIRS = (("selection_rotary", "selection"), ("blockwise_1_rotary", "blockwise_1"), ("mean_pool_rotary", "mean_pool"))


def paragraph(results: "Results") -> list[str]:
    """Which way of compressing comes closest to text and scores best, then what positions add."""
    there = [row.name for row in results.rows]
    sentences = [
        extreme(results, there, "cosine", "cosine to text"),
        extreme(results, there, "storycloze_s2t", "StoryCloze S→T"),
    ]
    return sentences + [
        compared(results, rotary, without, "cosine", "cosine to text")
        for rotary, without in PAIRS
        if rotary in there and without in there
    ]


COMPRESSION = Study(
    name="compression",
    question="which way of making one vector of a token's frames serves best, and do positions help?",
    arms=ARMS,
    columns=(
        Column("parameters", "parameters", "{:,.0f}"),
        Column("cosine", "cosine", "{:.3f}", paired=True),
        Column("squared_error", "squared error", "{:.3f}"),
        Column("embedding_wer_forced", "embedding WER, forced, %", "{:.1f}"),
        Column("embedding_wer", "the same, audio alone", "{:.1f}"),
        Column("storycloze_s2t", "StoryCloze S→T, %", "{:.1f}", paired=True),
        Column("seconds", "training, s", "{:.0f}"),
    ),
    picture=Picture(y="cosine", y_label="cosine to text embeddings, forced"),
    paragraph=paragraph,
    quick=("selection", "selection_rotary", "blockwise_1", "mean_pool"),
)
