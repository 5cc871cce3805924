"""How much error of its aligner SSR bears: boundaries shifted, jittered, dropped and merged by known amounts.

What is heard is damaged, and a connector that learnt along good boundaries hears it; where it is `taught`, it learnt
along boundaries that are as bad. Damage is on top of the errors that the aligner makes anyway.
"""

from typing import TYPE_CHECKING

from ssr_connector.studies.study import Arm, Column, Picture, Study
from ssr_connector.studies.words import compared, listed

if TYPE_CHECKING:
    from ssr_connector.studies.results import Results

TASK = "storycloze_s2t"
ARMS = (
    Arm("none", "as the aligner has them"),
    *(
        Arm(f"shift_{k}".replace("-", "early_"), f"shifted by {k:+d} frames", damage={"shift_frames": k})
        for k in (-4, -2, 2, 4)
    ),
    *(Arm(f"jitter_{k}", f"jitter of {k} frame{'s' * (k > 1)}", damage={"jitter_frames": k}) for k in (1, 2, 4)),
    *(Arm(f"drop_{k}", f"{k} % of boundaries dropped", damage={"drop": k / 100}) for k in (10, 30)),
    *(Arm(f"merge_{k}", f"{k} % of tokens merged into the next", damage={"merge": k / 100}) for k in (10, 30)),
    *(
        Arm(f"{name}_taught", f"{title}, in training too", damage={**damage, "taught": True})
        for name, title, damage in (
            ("shift_4", "shifted by +4 frames", {"shift_frames": 4}),
            ("jitter_4", "jitter of 4 frames", {"jitter_frames": 4}),
            ("drop_30", "30 % of boundaries dropped", {"drop": 0.3}),
        )
    ),
)
TAUGHT = tuple(arm.name for arm in ARMS if arm.damage.get("taught"))


def paragraph(results: "Results") -> list[str]:
    """Which damage costs anything, and whether a connector that learnt with it bears it better."""
    there = [row.name for row in results.rows if row.name not in ("none", *TAUGHT)]
    sentences = []
    for figure, what in ((TASK, "StoryCloze S→T"), ("cosine", "cosine to text")):
        changes = {name: results.difference(name, "none", figure) for name in there}
        costly = [results.row(name).title for name, change in changes.items() if change and change.sign < 0]
        free = [results.row(name).title for name, change in changes.items() if change and change.sign >= 0]
        if costly:
            sentences.append(f"Worse in {what} than without damage: {listed(costly)}.")
        if free:
            sentences.append(f"No loss is told apart in {what} with: {listed(free)}.")
    names = {row.name for row in results.rows}
    pairs = [(name, name.removesuffix("_taught")) for name in TAUGHT]
    sentences += [
        compared(results, taught, heard, TASK, "StoryCloze S→T") for taught, heard in pairs if {taught, heard} <= names
    ]
    return sentences or ["Nothing was damaged."]


ALIGNMENT_QUALITY = Study(
    name="alignment-quality",
    question="how much error in the boundaries of tokens does SSR bear?",
    arms=ARMS,
    columns=(
        Column(TASK, "StoryCloze S→T, %", "{:.1f}", paired=True),
        Column("cosine", "cosine", "{:.3f}", paired=True),
        Column("embedding_wer_forced", "embedding WER, forced, %", "{:.1f}"),
        Column("word_boundary_error_ms", "word ends, mean ms", "{:.1f}"),
    ),
    picture=Picture(y=TASK, y_label="StoryCloze S→T, % right"),
    paragraph=paragraph,
    quick=("none", "shift_4", "jitter_2", "jitter_4", "drop_30", "merge_30"),
)
