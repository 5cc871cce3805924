"""What stage 1 is taught by: the cosine, the squared error, both with more or less of the cosine, mean-centred cosine.

And where: at the LLM's input embeddings, or after its first layer (arXiv 2606.12199).
"""

from typing import TYPE_CHECKING

from ssr_connector.studies.study import Arm, Column, Picture, Study
from ssr_connector.studies.words import compared, extreme

if TYPE_CHECKING:
    from ssr_connector.studies.results import Results

LAMBDAS = (1.0, 20.0)  # beside the paper's 5, the recipe's default

ARMS = (
    Arm("both", "squared error + 5 cosine (the paper's)"),
    *(Arm(f"both_{k:g}", f"squared error + {k:g} cosine", connector={"training.cosine_weight": k}) for k in LAMBDAS),
    Arm("squared", "squared error", connector={"training.cosine_weight": 0.0}),
    Arm("cosine", "cosine", connector={"training.squared_weight": 0.0}),
    Arm("centred", "squared error + 5 mean-centred cosine", connector={"training.centred_cosine": True}),
    Arm("layer_1", "both, on states after the LLM's first layer", connector={"training.distil_layer": 1}),
)


def paragraph(results: "Results") -> list[str]:
    """What each loss does for the scores; closeness in the measure that a loss itself lowers is no proof."""
    there = [row.name for row in results.rows]
    return [
        extreme(results, there, "storycloze_s2t", "StoryCloze S→T"),
        extreme(results, there, "embedding_wer", "words of the nearest embeddings, from audio alone", least=True),
        *(
            compared(results, name, "both", "storycloze_s2t", "StoryCloze S→T")
            for name in ("squared", "cosine", "centred", "layer_1")
            if name in there
        ),
    ]


DISTILLATION = Study(
    name="distillation",
    question="which loss between speech vectors and text embeddings serves best?",
    arms=ARMS,
    columns=(
        Column("storycloze_s2t", "StoryCloze S→T, %", "{:.1f}", paired=True),
        Column("spoken_mmlu_cloze", "spoken MMLU, cloze, %", "{:.1f}", paired=True),
        Column("embedding_wer_forced", "embedding WER, forced, %", "{:.1f}"),
        Column("embedding_wer", "the same, audio alone", "{:.1f}"),
        Column("cosine", "cosine", "{:.3f}"),
        Column("squared_error", "squared error", "{:.3f}"),
    ),
    picture=Picture(y="storycloze_s2t", y_label="StoryCloze S→T, % right"),
    paragraph=paragraph,
    quick=("both", "squared", "cosine", "centred"),
)
