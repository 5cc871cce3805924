"""Where SSR hears through noise, rooms and other speeds, and where the hard cascade from the same hypothesis does.

A model of clean and slightly noisy speech hears tests that are worse; nothing is trained on what is heard here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ssr_connector.evaluation.labels import number
from ssr_connector.studies import margins
from ssr_connector.studies.corpora import OWN, TABLE, corpora, measured
from ssr_connector.studies.margins import LINES, MEASURES, TASK, contest, losses, score_columns
from ssr_connector.studies.study import Arm, Own, Panel, Picture, Study

if TYPE_CHECKING:
    from ssr_connector.studies.results import Results

SNR_DB = (20, 15, 10, 5, 0, -5)
BEYOND_DB = 26  # where clean speech stands on the axis
DECAYS_S = (0.3, 0.6, 1.2)
SLOWER, FASTER = (0.85, 0.7), (1.15, 1.3, 1.5)
SCORES: Mapping[str, str] = {
    **margins.SCORES,
    "spoken_mmlu": "spoken MMLU",
    "sblimp": "sBLIMP",
    "swuggy": "sWUGGY",
}
QUICK_OWN = ("own_10", "own_0")
CLEAN = Arm("clean", "clean speech")


def in_noise(name: str, title: str, source: str) -> tuple[Arm, ...]:
    """Arms at every ratio of the noise of a source."""
    return tuple(
        Arm(f"{name}_{snr:g}", f"{title}, {number(snr, '')} dB", surroundings={"noise": source, "snr_db": float(snr)})
        for snr in SNR_DB
    )


def noise_panel(title: str, arms: Sequence[Arm], clean: Arm = CLEAN) -> Panel:
    """Those arms, and clean speech beyond them."""
    return Panel(title, "signal-to-noise ratio, dB", places(arms, "snr_db", BEYOND_DB, clean))


def places(arms: Sequence[Arm], option: str, clean: float, reference: Arm = CLEAN) -> dict[str, float]:
    """Where arms stand along an option of their surroundings, and their reference, which hears clean speech."""
    return {reference.name: clean, **{arm.name: float(arm.surroundings[option]) for arm in arms}}


STATIONARY = in_noise("stationary", "stationary noise", "generated")
BABBLE = in_noise("babble", "babble", "babble")
ROOMS = tuple(Arm(f"room_{s:g}", f"a room that decays in {s:g} s", surroundings={"decay_s": s}) for s in DECAYS_S)
SLOW, FAST = (
    tuple(Arm(f"speed_{s:g}", f"{s:g} times as fast", surroundings={"speed": s}) for s in speeds)
    for speeds in (SLOWER, FASTER)
)
KINDS = (STATIONARY, BABBLE, ROOMS, SLOW, FAST)  # the hardest of each is the last


def paragraph(results: "Results") -> list[str]:
    """Where SSR wins, if anywhere; what grows with the noise; what the aligner does; and users' corpora."""
    there = [row.name for row in results.rows]
    sentences = contest(results, there, SCORES)
    kinds = [[arm.name for arm in kind if arm.name in there] for kind in KINDS]
    kinds.append([name for name in there if name.startswith(f"{OWN}_")])
    hardest = [names[-1] for names in kinds if names]
    if CLEAN.name in there:  # it is, beside any but users' corpora
        sentences += [losses(results, name, CLEAN.name, TASK, SCORES[TASK]) for name in hardest]
        sentences.append(errors(results, [CLEAN.name, *hardest]))
    return [sentence for sentence in sentences if sentence] + measured(results)


def errors(results: "Results", names: list[str]) -> str:
    """What becomes of the aligner."""
    parts = []
    for name in names:
        wer, ends = results.figure(name, "ctc_wer"), results.figure(name, "word_boundary_error_ms")
        if wer and ends:
            parts.append(f"{results.row(name).title} {number(wer.value)} % and {number(ends.value, 'ms')} ms")
    return f"Wrong words of the hypothesis, and word ends along transcripts: {'; '.join(parts)}." if parts else ""


def extended(study: Study, own: Own) -> Study:
    """The study with the noises and the corpora of a user. Raises UserError where there are none."""
    from ssr_connector.data.augment import find_recordings

    added = corpora(own.cuts)
    arms: tuple[Arm, ...] = ()
    picture = study.picture
    assert isinstance(picture, Picture)
    panels = picture.panels
    if own.noises:
        find_recordings("--noises", own.noises)
        title = Path(own.noises).stem
        arms = in_noise(OWN, title, own.noises)
        panels = (*panels, noise_panel(title[:1].upper() + title[1:], arms))
    return replace(
        study,
        arms=(*study.arms, *arms, *added),
        picture=replace(picture, panels=panels),
        tables={**study.tables, **TABLE},
        quick=(*study.quick, *(arm.name for arm in arms if arm.name in QUICK_OWN), *(arm.name for arm in added)),
    )


NOISE = Study(
    name="noise",
    question="where, if anywhere, does SSR beat the hard cascade: in noise, babble, rooms, or at other speeds?",
    arms=(CLEAN, *STATIONARY, *BABBLE, *ROOMS, *SLOW, *FAST),
    columns=(
        *score_columns(SCORES),
        *MEASURES,
    ),
    picture=Picture(
        y=TASK,
        y_label="StoryCloze S→T, % right",
        lines=LINES,
        panels=(
            noise_panel("Stationary noise", STATIONARY),
            noise_panel("Babble", BABBLE),
            Panel("Rooms", "decay by 60 dB, s", places(ROOMS, "decay_s", 0.0)),
            Panel("Speed", "times as fast", places(SLOW + FAST, "speed", 1.0)),
        ),
    ),
    paragraph=paragraph,
    tasks=("storycloze", "spoken_mmlu_cloze", "spoken_mmlu", "sblimp", "swuggy"),
    paired_systems=True,
    takes=("noises", "cuts"),
    extended=extended,
    quick=("clean", "stationary_10", "stationary_0", "babble_10", "babble_0", "room_0.6", "speed_0.7", "speed_1.5"),
)
