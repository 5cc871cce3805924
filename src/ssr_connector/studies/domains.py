"""What other speech than that of training costs: unseen kinds of voice and accents, spontaneous speech, unseen words.

All conditions speak the same test items. Spontaneous speech and unseen words come in voices of training, so that each
condition differs in one thing from read speech in these voices.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from ssr_connector.evaluation.labels import interval, number
from ssr_connector.studies.corpora import TABLE, corpora, measured
from ssr_connector.studies.margins import LINES, MEASURES, SCORES, TASK, contest, losses, score_columns
from ssr_connector.studies.study import OF_CASCADE, OF_MODEL, Arm, Column, Own, Picture, Study
from ssr_connector.studies.words import compared

if TYPE_CHECKING:
    from ssr_connector.studies.results import Results

READ = Arm("read", "read speech, training voices", domain={"voices": "training"})
VOICES = (
    Arm("kinds", "unseen kinds of voice", domain={"voices": "other kinds"}),
    Arm("accents", "unseen accents", domain={"voices": "other accents"}),
    Arm("unseen", "unseen accents and kinds of voice"),  # the demo's own tests
)
SPONTANEOUS = (
    Arm("fillers", "with fillers", domain={"fillers": 0.15}),
    Arm("repetitions", "with repeated words", domain={"repetitions": 0.15}),
    Arm("false_starts", "with false starts", domain={"false_starts": 0.25}),
    Arm("spontaneous", "spontaneous: all three", domain={"fillers": 0.1, "repetitions": 0.07, "false_starts": 0.15}),
)
WORDS = (Arm("words", "unseen words", domain={"unseen_words": True}),)


def paragraph(results: "Results") -> list[str]:
    """SSR beside the cascade; how much of what both lose is lost to unseen voices; then the other domains."""
    there = {row.name for row in results.rows}
    sentences = contest(results, [row.name for row in results.rows if not row.table], SCORES)
    if "unseen" in there:
        sentences += [of_voices(results, "", "SSR"), of_voices(results, OF_CASCADE, "the cascade")]
    for arm in (*VOICES, *SPONTANEOUS):
        if arm.name in there:
            sentences.append(losses(results, arm.name, READ.name, TASK, SCORES[TASK]))
    sentences += [
        compared(results, arm.name, READ.name, "ctc_wer", "the words of the hypothesis", higher_is_better=False)
        for arm in (*VOICES, *SPONTANEOUS, *WORDS)
        if arm.name in there
    ]
    if "words" in there:
        sentences += [of_words(results, "", "SSR"), of_words(results, OF_CASCADE, "the cascade")]
    return [sentence for sentence in sentences if sentence] + measured(results)


def of_voices(results: "Results", system: str, title: str) -> str:
    """How far below text a system stands in voices of training, and in unseen ones."""
    seen = results.within(READ.name, f"{TASK}{system}", f"{TASK}{OF_MODEL}")
    unseen = results.within("unseen", f"{TASK}{system}", f"{TASK}{OF_MODEL}")
    change = results.difference("unseen", READ.name, f"{TASK}{system}")
    if seen is None or unseen is None or change is None:
        return ""
    around = f" (uncorrected 95 % interval {interval(change.ci95, 'points')})" if change.ci95 else ""
    lost = f"unseen accents and kinds of voice change it by {number(change.value, 'points')} points{around}"
    if change.sign < 0 and unseen.value < 0:
        lost += f", {number(100 * min(1.0, change.value / unseen.value), 'points')} % of its distance from text"
    elif change.sign == 0:
        lost += ", which is not told apart from nothing"
    return (
        f"In {SCORES[TASK]} of new sentences in voices of training {title} stands "
        f"{number(seen.value, 'points')} points from the text model, and {number(unseen.value, 'points')} in unseen "
        f"ones: {lost}."
    )


def of_words(results: "Results", system: str, title: str) -> str:
    """Unseen words are hard for the text model, too: how much farther from it a system is left."""
    change = results.growth("words", READ.name, f"{TASK}{system}", f"{TASK}{OF_MODEL}")
    if change is None:
        return ""
    verdict = {1: "closer to", -1: "farther from", 0: "not told apart in its distance from"}[change.sign]
    around = f", uncorrected 95 % interval {interval(change.ci95, 'points')}" if change.ci95 else ""
    return (
        f"With people and things that neither training text nor speech names {title} is {verdict} the text model that "
        f"reads the same ({number(change.value, 'points')} points{around})."
    )


def extended(study: Study, own: Own) -> Study:
    """The study with the corpora of a user. Raises UserError where there are none."""
    added = corpora(own.cuts)
    quick = (*study.quick, *(arm.name for arm in added))
    return replace(study, arms=(*study.arms, *added), tables={**study.tables, **TABLE}, quick=quick)


DOMAINS = Study(
    name="domains",
    question="what do unseen voices and accents, spontaneous speech and unseen words cost SSR and the cascade?",
    arms=(READ, *VOICES, *SPONTANEOUS, *WORDS),
    columns=(
        Column("not_text", "words said beside the text, %", "{:.1f}"),
        *score_columns(SCORES),
        *MEASURES,
    ),
    picture=Picture(
        y=TASK,
        y_label="StoryCloze S→T, % right",
        lines=LINES,
    ),
    paragraph=paragraph,
    paired_systems=True,
    takes=("cuts",),
    extended=extended,
    quick=("read", "accents", "unseen", "spontaneous", "words"),
)
