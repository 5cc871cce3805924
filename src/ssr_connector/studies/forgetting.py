"""Remedies against forgetting, after stage 1 and in its place: speech gained against text lost.

Stage 2 is made long and its learning rate high, on stories alone: where plain training on speech forgets nothing,
nothing is learnt about remedies. Without stage 1 the connector learns with the LLM, for twice as many steps.
"""

from typing import TYPE_CHECKING, Any

from ssr_connector.evaluation.labels import capital
from ssr_connector.studies.frontier import ahead, behind, means_of, points, worst
from ssr_connector.studies.study import Arm, Column, Frontier, Gain, Study, Times
from ssr_connector.studies.words import UNCORRECTED, listed, margin_of

if TYPE_CHECKING:
    from ssr_connector.studies.results import Results

SPEECH_TASKS = ("storycloze_s", "storycloze_s2t", "spoken_mmlu_cloze")
TEXT_TASKS = {
    "storycloze_text": "StoryCloze",
    "blimp_text": "BLiMP",
    "wuggy_text": "WUGGY",
    "mmlu_text": "MMLU",
    "spoken_mmlu_cloze_text": "MMLU, cloze",
}
TASKS = ("storycloze", "spoken_mmlu_cloze", "spoken_mmlu", "mmlu", "blimp", "wuggy")
SPEECH = "speech_tasks"  # the mean of the three
GAINS = (Gain(SPEECH, "spoken tasks"), Gain("asr_wer", "transcription by prompt", higher_is_better=False))
KEPT = Frontier(GAINS, TEXT_TASKS, "change of the text task that fares worst, points")

LONG = {"training.steps": Times(2), "training.lr": Times(1.5)}
ALONE = {**LONG, "training.steps": Times(4), "training.train": ("connector", "llm")}
LORA = {"training.adapter": "lora"}
VANILLA = {"speech_lm": 1.0, "transcribe": 1.0}


def objectives(**more: float) -> dict[str, Any]:
    """Those of plain training on speech, and more."""
    return {"training.objectives": {**VANILLA, **more}}


REMEDIES: dict[str, tuple[str, dict[str, Any]]] = {
    "vanilla": ("vanilla", objectives()),
    "lora": ("LoRA", {**objectives(), **LORA}),
    "adapters": ("bottleneck adapters", {**objectives(), "training.adapter": "bottleneck"}),
    "multitask": ("multitask", objectives(text=1.0)),
    "rehearsal": ("rehearsal of its own text", {**objectives(text=1.0), "data.text": "self"}),
    "text_kl": ("KL to the text model", objectives(text_kl=1.0)),
    "ewc": ("elastic weights", objectives(ewc=10.0)),
}
ARMS = (
    Arm("stage_1", "stage 1 alone"),
    *(Arm(name, title, finetune={**LONG, **options}) for name, (title, options) in REMEDIES.items()),
    *(
        Arm(
            f"{name}_alone",
            f"{title}, no stage 1",
            connector={"training.steps": 0},
            finetune={**ALONE, **options},
        )
        for name, (title, options) in REMEDIES.items()
    ),
)


def paragraph(results: "Results") -> list[str]:
    """Whether there was anything to forget, who gained what, who is on the frontier, and what stage 1 is good for."""
    names = [row.name for row in results.rows]
    if len(names) == 1:
        return ["Stage 1 alone was measured."]
    sentences = [forgotten(results, "vanilla")] if "vanilla" in names else []
    for gain in GAINS:
        sentences += gained(results, gain)
    return sentences + [spared(results, gain) for gain in GAINS if "vanilla_alone" in names]


def forgotten(results: "Results", name: str) -> str:
    """Whether the study is a test at all."""
    title, first = capital(results.row(name).title), results.rows[0].name
    changes = {figure: results.difference(name, first, figure) for figure in TEXT_TASKS}
    losses = [f"{TEXT_TASKS[f]}{margin_of(c, 'points')}" for f, c in changes.items() if c and c.sign < 0]
    if losses:
        return f"{title} forgets: it loses {listed(losses)}."
    found = worst(results, name, first, list(TEXT_TASKS))
    if found is None:
        return f"Nothing says whether {name} forgets: no text task was measured."
    return (
        f"{title} loses nothing that is told apart in any text task, least surely {TEXT_TASKS[found[0]]}"
        f"{margin_of(found[1], 'points')}: a setting in which it forgets nothing is no test of remedies."
    )


def gained(results: "Results", gain: Gain) -> list[str]:
    """Which rows gain, and which are on the frontier."""
    found = points(results, KEPT, gain)
    first = results.rows[0].name
    more = [results.row(n).title for n, p in found.items() if p.gain.sign > 0]
    less = [results.row(n).title for n, p in found.items() if p.gain.sign < 0]
    if len(found) == 1:
        return []
    title = results.row(first).title
    sentences = [f"In {gain.what} {listed(more) if more else 'no arm'} gained on {title}"]
    sentences[0] += f"; {listed(less)} lost{UNCORRECTED}." if less else f"{UNCORRECTED}."
    on = listed([results.row(name).title for name in ahead(means_of(found))])
    beaten = [results.row(name).title for name in behind(results, KEPT, gain, found)]
    rest = f"behind it, and told apart from an arm on it: {listed(beaten)}" if beaten else "none is surely behind it"
    return [*sentences, f"By means, the frontier of {gain.what} against text is {on}; {rest}."]


def spared(results: "Results", gain: Gain) -> str:
    """Each remedy after stage 1 against the same without it."""
    sides: dict[int, list[str]] = {1: [], 0: [], -1: []}
    for name, (title, _) in REMEDIES.items():
        alone = f"{name}_alone"
        if results.has(name, gain.figure) and results.has(alone, gain.figure):
            change = results.difference(name, alone, gain.figure)
            if change:
                sides[change.sign * (1 if gain.higher_is_better else -1)].append(title)
    parts = [
        f"{verb} {listed(sides[side])}"
        for side, verb in ((1, "stage 1 helps"), (0, "no difference is told apart for"), (-1, "stage 1 harms"))
        if sides[side]
    ]
    if not parts:
        return f"In {gain.what} nothing was compared with and without stage 1."
    return f"In {gain.what} {'; '.join(parts)}{UNCORRECTED}."


FORGETTING = Study(
    name="forgetting",
    question="which remedy lets stage 2 gain speech without losing text, and does it need stage 1?",
    arms=ARMS,
    columns=(
        Column(SPEECH, "spoken tasks, mean, %", "{:.1f}", paired=True),
        Column("storycloze_s", "StoryCloze S, %", "{:.1f}"),
        Column("storycloze_s2t", "StoryCloze S→T, %", "{:.1f}"),
        Column("spoken_mmlu_cloze", "spoken MMLU, cloze, %", "{:.1f}"),
        Column("spoken_mmlu", "spoken MMLU, letters, %", "{:.1f}"),
        Column("asr_wer", "WER by prompt, %", "{:.1f}", paired=True),
        *(Column(figure, f"{title} as text, %", "{:.1f}", paired=True) for figure, title in TEXT_TASKS.items()),
        Column("seconds", "stage 2, s", "{:.0f}"),
    ),
    picture=KEPT,
    paragraph=paragraph,
    tasks=TASKS,
    means={SPEECH: SPEECH_TASKS},
    quick=("stage_1", "vanilla", "lora", "text_kl", "vanilla_alone"),
)
