"""The goal beyond the paper: a stage 2 that gains speech and loses neither text nor spoken knowledge.

The paper's own multitask stage 2 loses both. What is tried instead: to leave the LLM as it is and let the connector
alone go on, taught by what the LLM does with the transcript (`text_kl`, `continuation`) beside the words; to give the
LLM small additions that learn along with it, held by KL to the text model, and by text of its own. Distillation is kept
throughout, so that vectors stay where text embeddings are, and all speech is heard again, not stories alone, so that
names and facts are. `longer` is the control: the same steps of stage 1 alone.
"""

from typing import TYPE_CHECKING, Any

from ssr_connector.evaluation.labels import capital, interval, number
from ssr_connector.studies.forgetting import LORA, SPEECH, SPEECH_TASKS, TASKS, TEXT_TASKS
from ssr_connector.studies.frontier import gained_on, lower_bound
from ssr_connector.studies.study import Arm, Column, Frontier, Gain, Parts, Study, Times
from ssr_connector.studies.words import listed

if TYPE_CHECKING:
    from ssr_connector.studies.results import Difference, Results

MARGIN_POINTS, ENOUGH = 1.0, 4000  # a loss that counts as none; items that tell so small a one apart
TO_GAIN = (Gain("storycloze_s", "StoryCloze S"), Gain("asr_wer", "transcription by prompt", higher_is_better=False))
TO_KEEP = {
    **{figure: f"{title} as text" for figure, title in TEXT_TASKS.items()},
    "spoken_mmlu_cloze": "spoken MMLU, cloze",
    "spoken_mmlu": "spoken MMLU, letters",
}

ALL_SPEECH = {"data.train": Parts(("train",)), "training.steps": Times(2)}
LIKE_TEXT = {"distil": 1.0, "text_kl": 1.0, "continuation": 1.0}
CONNECTOR = {**ALL_SPEECH, "training.train": ("connector",)}
WITH_LORA = {**ALL_SPEECH, **LORA, "training.train": ("connector", "llm")}


def taught(by: dict[str, float], **more: float) -> dict[str, Any]:
    """Objectives as an option."""
    return {"training.objectives": {**by, **more}}


ARMS = (
    Arm("stage_1", "stage 1"),
    Arm("longer", "stage 1, longer", finetune={**CONNECTOR, **taught({"distil": 1.0})}),
    Arm("paper", "multitask (the paper's)", finetune={"training.steps": Times(2)}),
    Arm("like_text", "connector, like text", finetune={**CONNECTOR, **taught(LIKE_TEXT)}),
    Arm(
        "transcribe", "connector, like text, transcribing", finetune={**CONNECTOR, **taught(LIKE_TEXT, transcribe=1.0)}
    ),
    Arm(
        "transcribe_lightly",
        "connector, like text, transcribing a little",
        finetune={**CONNECTOR, **taught(LIKE_TEXT, transcribe=0.25)},
    ),
    Arm("lora", "connector and LoRA", finetune={**WITH_LORA, **taught(LIKE_TEXT, transcribe=1.0, text=1.0)}),
    Arm(
        "lora_own_text",
        "connector and LoRA, text of its own",
        finetune={**WITH_LORA, **taught(LIKE_TEXT, transcribe=1.0, text=1.0), "data.text": "self"},
    ),
    Arm(
        "gentle",
        "connector and LLM, low rate",
        finetune={
            **ALL_SPEECH,
            **taught(LIKE_TEXT, transcribe=1.0, text=1.0),
            "training.train": ("connector", "llm"),
            "training.lr": Times(0.3),
        },
    ),
)


def paragraph(results: "Results") -> list[str]:
    """Who meets the goal; then of every arm which parts of it are met."""
    first = results.rows[0].name
    names = [row.name for row in results.rows[1:]]
    if not names:
        return ["Stage 1 alone was measured."]
    verdicts = {name: verdict(results, name, first) for name in names}
    meeting = [results.row(name).title for name, (_, missed) in verdicts.items() if not missed]
    counts = {figure: results.figure(first, figure) for figure in (TO_GAIN[0].figure, *TO_KEEP)}
    few = {TO_KEEP.get(f, TO_GAIN[0].what): c.n for f, c in counts.items() if c and c.n < ENOUGH}
    if meeting and few:
        sentences = [
            f"No arm is shown to meet the goal: no part of it is missed by {listed(meeting)}, but over as few as "
            f"{min(few.values())} items."
        ]
    else:
        sentences = [f"The goal is met by {listed(meeting)}." if meeting else "No arm meets the goal."]
    for name, (met, missed) in verdicts.items():
        parts = [f"{what}: {listed(found)}" for what, found in (("met", met), ("not met", missed)) if found]
        sentences.append(f"{capital(results.row(name).title)}, {'; '.join(parts)}.")
    if few:
        sentences.append(
            f"The goal asks for {ENOUGH} items; with fewer, a loss of {MARGIN_POINTS:g} point is hardly told from "
            f"none: {listed([f'{what} {n}' for what, n in few.items()])}."
        )
    return sentences


def verdict(results: "Results", name: str, first: str) -> tuple[list[str], list[str]]:
    """What of the goal an arm meets, and what it misses by how much: the change from stage 1, positive where better."""
    met: list[str] = []
    missed: list[str] = []
    for gain in TO_GAIN:
        change = gained_on(results, name, first, gain)
        (met if change and change.sign > 0 else missed).append(f"{gain.what} {in_short(change)}")
    for figure, title in TO_KEEP.items():
        change = results.difference(name, first, figure)
        if change and lower_bound(change) > -MARGIN_POINTS:
            met.append(f"{title} kept")
        else:
            missed.append(f"{title} kept {in_short(change)}")
    return met, missed


def in_short(change: "Difference | None") -> str:
    """`(−8.3, 95 % interval −41.7 to 25.2)`."""
    if change is None:
        return "(not measured)"
    around = f", 95 % interval {interval(change.ci95, 'points')}" if change.ci95 else ""
    return f"({number(change.value, 'points')}{around})"


BEYOND = Study(
    name="beyond",
    question="which stage 2 gains speech without losing text or spoken knowledge?",
    arms=ARMS,
    columns=(
        Column("storycloze_s", "StoryCloze S, %", "{:.1f}", paired=True),
        Column("asr_wer", "WER by prompt, %", "{:.1f}", paired=True),
        Column("storycloze_s2t", "StoryCloze S→T, %", "{:.1f}", paired=True),
        Column("spoken_mmlu_cloze", "spoken MMLU, cloze, %", "{:.1f}", paired=True),
        Column("spoken_mmlu", "spoken MMLU, letters, %", "{:.1f}", paired=True),
        *(Column(figure, f"{title} as text, %", "{:.1f}", paired=True) for figure, title in TEXT_TASKS.items()),
        Column("seconds", "stage 2, s", "{:.0f}"),
    ),
    picture=Frontier(
        (Gain(SPEECH, "spoken tasks"), TO_GAIN[1]), TO_KEEP, "change of what is to be kept and fares worst, points"
    ),
    paragraph=paragraph,
    tasks=TASKS,
    means={SPEECH: SPEECH_TASKS},
    quick=("stage_1", "longer", "paper", "transcribe", "lora"),
)
