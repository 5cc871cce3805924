"""All connectors on equal terms: the same data, aligner, LLM and learning rates to choose from, in three budgets.

Those with a vector per text token are distilled; the others learn to transcribe and to continue like the text model.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ssr_connector.studies.study import CAUSAL, TOLERANCE, Arm, Budget, Column, Picture, Study
from ssr_connector.studies.words import compared, extreme, listed, margin

if TYPE_CHECKING:
    from ssr_connector.studies.results import Results

BY_TEXT: Mapping[str, Any] = {**CAUSAL, "training.objectives": {"transcribe": 1.0, "continuation": 1.0}}
BUDGETS: dict[Budget, str] = {
    "steps": "Equal steps",
    "flops": "Equal FLOPs (those of SSR at the recipe's steps)",
    "converged": f"Converged (steps doubled until the development loss falls less than {TOLERANCE:.0%}, at most twice)",
}
KINDS = (
    Arm("ssr", "SSR", connector=CAUSAL),
    Arm("blockwise", "SSR, block-wise", connector={"connector.attention": "blockwise"}),
    Arm("mean_pool", "mean of a token's frames", connector={**CAUSAL, "connector.type": "mean_pool"}),
    Arm("linear", "every frame", connector={"connector.type": "linear", "connector.layers": 0, **BY_TEXT}),
    Arm("stack", "frame stacking", connector={"connector.type": "stack", "connector.layers": 0, **BY_TEXT}),
    Arm("stack_layers", "frame stacking behind SSR's layers", connector={"connector.type": "stack", **BY_TEXT}),
    Arm("conv", "strided convolutions", connector={"connector.type": "conv", "connector.layers": 0, **BY_TEXT}),
    Arm("qformer", "Q-Former", connector={"connector.type": "qformer", "connector.layers": 0, **BY_TEXT}),
    Arm("ctc_compress", "CTC compression", connector={"connector.type": "ctc_compress", **BY_TEXT}),
    Arm(
        "cif",
        "CIF",
        connector={
            **CAUSAL,
            "connector.type": "cif",
            "training.objectives": {**BY_TEXT["training.objectives"], "quantity": 0.1},
        },
    ),
)
ARMS = tuple(
    replace(
        kind, name=kind.name if budget == "steps" else f"{kind.name}_{budget}", table=budget, budget=budget, tuned=True
    )
    for budget in BUDGETS
    for kind in KINDS
)
OURS = ("ssr", "blockwise")
TASK = "storycloze_s2t"


def paragraph(results: "Results") -> list[str]:
    """A margin in each budget, over the best baseline and only where that one is above chance; then the cascade."""
    sentences = []
    for budget, heading in BUDGETS.items():
        suffix = "" if budget == "steps" else f"_{budget}"
        there = {row.name for row in results.rows}
        rivals = [f"{k.name}{suffix}" for k in KINDS if k.name not in OURS and f"{k.name}{suffix}" in there]
        if f"ssr{suffix}" in there and rivals:
            sentences.append(
                f"{heading.split(' (')[0]}: {margin(results, f'ssr{suffix}', rivals, TASK, 'StoryCloze S→T')}"
            )
    sentences += unfinished(results)
    per_token = [arm.name for arm in ARMS if arm.budget == "steps" and "training.objectives" not in arm.connector]
    sentences.append(extreme(results, [n for n in per_token if n in there], "cosine", "cosine to text at equal steps"))
    if {"ssr", "hard cascade"} <= there:
        sentences.append(compared(results, "ssr", "hard cascade", TASK, "StoryCloze S→T"))
    return sentences


def unfinished(results: "Results") -> list[str]:
    """Who had not converged when no more steps were taken."""
    gains = {row.title: found.value for row in results.rows if (found := results.figure(row.name, "last_gain"))}
    still = [f"{title} by {gain:.0f} %" for title, gain in gains.items() if gain >= 100 * TOLERANCE]
    if not still:
        return []
    return [
        f"With the most steps not all had converged; the last doubling lowered the development loss of {listed(still)}."
    ]


CONNECTORS = Study(
    name="connectors",
    question="does one vector per text token serve the LLM better than the other connectors, on equal terms?",
    arms=ARMS,
    columns=(
        Column("parameters", "parameters", "{:,.0f}"),
        Column("steps", "steps", "{:.0f}"),
        Column("learning_rate", "learning rate", "{:.2g}"),
        Column(TASK, "StoryCloze S→T, %", "{:.1f}", paired=True),
        Column("storycloze_s2h", "StoryCloze S→H, %", "{:.1f}", paired=True),
        Column("spoken_mmlu_cloze", "spoken MMLU, cloze, %", "{:.1f}", paired=True),
        Column("cosine", "cosine", "{:.3f}"),
        Column("asr_wer", "WER by prompt, %", "{:.1f}"),
        Column("positions_per_s", "vectors a second", "{:.1f}"),
        Column("dev_loss", "development loss", "{:.3f}"),
        Column("last_gain", "lower by the last doubling, %", "{:.0f}"),
        Column("seconds", "training, s", "{:.0f}"),
    ),
    picture=Picture(y=TASK, y_label="StoryCloze S→T, % right"),
    paragraph=paragraph,
    beside=("hard cascade", "text model", "another item's audio", "no context"),
    tables={str(budget): heading for budget, heading in BUDGETS.items()},
    quick=("ssr", "mean_pool", "stack", "stack_layers", "ctc_compress"),
)
