"""How much error of its aligner SSR bears: boundaries shifted, jittered, dropped, merged by known amounts; and noise.

What is heard is damaged, and a connector that learnt along good boundaries hears it; where it is `taught`, it learnt
along boundaries that are as bad. Damage is on top of the errors that the aligner makes anyway. In noise every aligner
of the study `aligners` makes errors of its own, before the stage 1 that learnt along it on clean speech. True word
times do not: what is lost along them is lost by encoder and connector.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from ssr_connector.evaluation.labels import number
from ssr_connector.studies.aligners import ALIGNERS
from ssr_connector.studies.noise import noise_panel
from ssr_connector.studies.study import Arm, Column, Line, Panel, Picture, Study
from ssr_connector.studies.words import UNCORRECTED, compared, extreme, listed

if TYPE_CHECKING:
    from ssr_connector.studies.results import Results

TASK, WORDS, ENDS, CLOSENESS = "storycloze_s2t", "ctc_wer", "word_boundary_error_ms", "cosine"
NONE = Arm("none", "as the aligner has them")
SHIFTED = tuple(
    Arm(f"shift_{k}".replace("-", "early_"), f"shifted by {k:+d} frames", damage={"shift_frames": k})
    for k in (-4, -2, 2, 4)
)
JITTERED = tuple(
    Arm(f"jitter_{k}", f"jitter of {k} frame{'s' * (k > 1)}", damage={"jitter_frames": k}) for k in (1, 2, 4)
)
DROPPED = tuple(Arm(f"drop_{k}", f"{k} % of boundaries dropped", damage={"drop": k / 100}) for k in (10, 30))
MERGED = tuple(Arm(f"merge_{k}", f"{k} % of tokens merged into the next", damage={"merge": k / 100}) for k in (10, 30))
TAUGHT = tuple(
    replace(
        arm, name=f"{arm.name}_taught", title=f"{arm.title}, in training too", damage={**arm.damage, "taught": True}
    )
    for arm in (SHIFTED[-1], JITTERED[-1], DROPPED[-1])
)
DAMAGED = (*SHIFTED, *JITTERED, *DROPPED, *MERGED)
SNR_DB = (20, 10, 5, 0)
LISTENING = ("char_ctc", "sub_ctc", "unity2", "cif", "gold", "pocketsphinx")  # those whose boundaries noise may move
TITLES = {arm.name: arm.title for arm in ALIGNERS.arms if arm.name in LISTENING}


def heard_in_noise(aligner: Arm) -> tuple[Arm, ...]:
    """An aligner on clean speech, and in stationary noise at every ratio; what it is taught and teaches is the same."""
    clean = replace(aligner, title=f"{aligner.title} on clean speech", table=aligner.name)
    return clean, *(
        replace(
            clean,
            name=f"{aligner.name}_{snr}",
            title=f"{aligner.title} at {snr} dB",
            surroundings={"noise": "generated", "snr_db": float(snr)},
        )
        for snr in SNR_DB
    )


IN_NOISE = {name: heard_in_noise(ALIGNERS.arm(name)) for name in TITLES}


def damage_panel(title: str, x_label: str, arms: tuple[Arm, ...], option: str, scale: float = 1) -> Panel:
    """Arms along the amount of their damage, from none on."""
    amounts = {arm.name: scale * float(arm.damage[option]) for arm in arms}
    return Panel(title, x_label, {NONE.name: 0.0, **amounts}, clean="none")


def paragraph(results: "Results") -> list[str]:
    """Which damage costs anything, whether what learnt with it bears it better; then each aligner in noise."""
    rows = {row.name for row in results.rows}
    there = [arm.name for arm in DAMAGED if arm.name in rows]
    sentences = []
    for figure, what in ((TASK, "StoryCloze S→T"), (CLOSENESS, "cosine to text")):
        changes = {name: results.difference(name, NONE.name, figure) for name in there}
        costly = [results.row(name).title for name, change in changes.items() if change and change.sign < 0]
        free = [results.row(name).title for name, change in changes.items() if change and change.sign >= 0]
        if costly:
            sentences.append(f"Worse in {what} than without damage: {listed(costly)}{UNCORRECTED}.")
        if free:
            sentences.append(f"No loss is told apart in {what} with: {listed(free)}{UNCORRECTED}.")
    pairs = [(arm.name, arm.name.removesuffix("_taught")) for arm in TAUGHT]
    sentences += [
        compared(results, taught, heard, TASK, "StoryCloze S→T") for taught, heard in pairs if {taught, heard} <= rows
    ]
    for name in TITLES:
        sentences += of_aligner(results, name)
    return sentences + hardest(results) or ["Nothing was damaged."]


def of_aligner(results: "Results", name: str) -> list[str]:
    """Its errors as noise grows, and from where on they cost anything."""
    there = {row.name for row in results.rows}
    rows = [arm.name for arm in IN_NOISE[name] if arm.name in there]
    if len(rows) < 2:
        return []
    errors = {row: said for row in rows if (said := errors_of(results, row))}
    parts = [f"{results.row(row).title} {said}" for row, said in errors.items()]
    sentences = [f"{TITLES[name]} in noise: {'; '.join(parts)}."] if parts else []
    for figure, what in ((TASK, "StoryCloze S→T"), (CLOSENESS, "cosine to text")):
        changes = {row: results.difference(row, rows[0], figure) for row in rows[1:]}
        lost = [results.row(row).title for row, change in changes.items() if change and change.sign < 0]
        level = [results.row(row).title for row, change in changes.items() if change and not change.sign]
        better = [results.row(row).title for row, change in changes.items() if change and change.sign > 0]
        if lost or level or better:
            fares = [f"worse than on clean speech in {listed(lost)}" if lost else "nowhere worse than on clean speech"]
            fares += [f"not told apart from it in {listed(level)}"] if lost and level else []
            fares += [f"better in {listed(better)}"] if better else []
            sentences.append(f"Its {what} is {', '.join(fares)}{UNCORRECTED}.")
    return sentences


def errors_of(results: "Results", row: str) -> str:
    """`word ends 20.1 ms, 12.0 % of words wrong`."""
    ends, words = results.figure(row, ENDS), results.figure(row, WORDS)
    parts = [f"word ends {number(ends.value, 'ms')} ms"] if ends else []
    return ", ".join([*parts, f"{number(words.value)} % of words wrong"] if words else parts)


def hardest(results: "Results") -> list[str]:
    """Which aligner fares best in the loudest noise that several of them heard."""
    there = {row.name for row in results.rows}
    for snr in sorted(SNR_DB):
        rows = [row for name in TITLES if name != "gold" and (row := f"{name}_{snr}") in there]
        if len(rows) > 1:
            return [
                extreme(results, rows, figure, what, least)
                for figure, what, least in (
                    (ENDS, "word ends along transcripts", True),
                    (WORDS, "words heard", True),
                    (TASK, "StoryCloze S→T", False),
                )
            ]
    return []


ALIGNMENT_QUALITY = Study(
    name="alignment-quality",
    question="how much error in the boundaries of tokens does SSR bear, and how much do aligners make in noise?",
    arms=(NONE, *DAMAGED, *TAUGHT, *(arm for arms in IN_NOISE.values() for arm in arms)),
    columns=(
        Column(TASK, "StoryCloze S→T, %", "{:.1f}", paired=True),
        Column(CLOSENESS, "cosine", "{:.3f}", paired=True),
        Column("embedding_wer_forced", "embedding WER, forced, %", "{:.1f}"),
        Column(WORDS, "WER of the hypothesis, %", "{:.1f}"),
        Column(ENDS, "word ends, mean ms", "{:.1f}", paired=True),
        Column("word_boundary_error_median_ms", "median", "{:.1f}"),
    ),
    picture=Picture(
        y=TASK,
        y_label="StoryCloze S→T, % right",
        lines=(Line(TASK, "SSR", "ours"),),
        panels=(
            damage_panel("Shifted", "frames later", SHIFTED, "shift_frames"),
            damage_panel("Jitter", "standard deviation, frames", JITTERED, "jitter_frames"),
            damage_panel("Dropped", "% of boundaries", DROPPED, "drop", 100),
            damage_panel("Merged", "% of tokens", MERGED, "merge", 100),
            *(noise_panel(TITLES[k], arms, clean) for k, (clean, *arms) in IN_NOISE.items() if not clean.words),
        ),
    ),
    paragraph=paragraph,
    tables={
        "": "Boundaries made worse by known amounts",
        **{k: f"{t}, in stationary noise" for k, t in TITLES.items()},
    },
    quick=(
        *("none", "shift_4", "jitter_2", "jitter_4", "drop_30", "merge_30"),
        *("char_ctc", "char_ctc_10", "char_ctc_0", "cif", "cif_10", "cif_0"),
    ),
)
