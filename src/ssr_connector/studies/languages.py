"""What is learnt in some languages and heard in others: the same tales in four languages, one of them in Cyrillic.

The LLM has read and the encoder has heard all of them, as multilingual ones have. Aligner and connector learn in the
languages of an arm, at equal steps: the more languages, the less of each. A tale and its voice are the same in every
language.

An aligner of characters cannot be forced along letters that it never saw: there closeness and word ends have no value.
So one arm has the aligner of all languages before a connector that never learnt the one that is heard.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ssr_connector.errors import UserError
from ssr_connector.evaluation.labels import number
from ssr_connector.studies.corpora import check, on_corpus
from ssr_connector.studies.study import Arm, Column, Grid, Own, Parts, Shade, Study
from ssr_connector.studies.words import compared, extreme, listed
from ssr_connector.tiny.languages import LANGUAGES
from ssr_connector.tiny.languages.language import part_of

if TYPE_CHECKING:
    from ssr_connector.studies.results import Results
    from ssr_connector.tiny.base import Base
    from ssr_connector.tiny.demo import Demo

TASK, CLOSENESS, WORDS, ENDS = "tales", "cosine", "embedding_wer", "word_boundary_error_ms"
WHAT = {CLOSENESS: "cosine to text", TASK: "tales"}
ALL = tuple(LANGUAGES)
OF_CORPUS = "corpus "  # begins the name of the table of a user's corpus
NAMES = {code: language.name for code, language in LANGUAGES.items()}


def spoken_in(codes: Sequence[str]) -> Mapping[str, Any]:
    """Options of a training that hears these languages."""
    return {f"data.{role}": Parts(tuple(part_of(role, code) for code in codes)) for role in ("train", "dev")}


def others(heard: str) -> tuple[str, ...]:
    """All languages but one."""
    return tuple(code for code in ALL if code != heard)


def arms_in(heard: str) -> tuple[Arm, ...]:
    """All that is tested in one language, and stands in its table; what learnt all of them is the reference."""

    def arm(kind: str, title: str, connector: Sequence[str], aligner: Sequence[str]) -> Arm:
        return Arm(
            f"{kind}_in_{heard}",
            title,
            table=heard,
            language=heard,
            aligner=spoken_in(aligner),
            connector=spoken_in(connector),
        )

    rest, but = others(heard), f"all but {NAMES[heard]}"
    return (
        arm("all", "all languages", ALL, ALL),
        *(arm(code, f"{NAMES[code]} alone", [code], [code]) for code in ALL),
        arm("others", but, rest, rest),
        arm("connector", f"{but}, aligner of all", rest, ALL),
    )


KINDS = {  # lines of the picture
    "all": "all languages",
    **{code: f"{name} alone" for code, name in NAMES.items()},
    "others": "all but the one heard",
    "connector": "the same, aligner of all",
}


def paragraph(results: "Results") -> list[str]:
    """What is left of a language that was left out; then of each what company, and what its absence, does to it."""
    there = {row.name for row in results.rows}
    left_out = {code: name for code in ALL if (name := without(code, there))}
    sentences = [understood(results, left_out), bounded(results, left_out)]
    for code in ALL:
        everything, alone, rest, connector = (f"{kind}_in_{code}" for kind in ("all", code, "others", "connector"))
        for name, other in ((everything, alone), (left_out.get(code, ""), everything)):
            if {name, other} <= there:
                sentences += [against(results, name, other, figure, code) for figure in WHAT]
        what = f"words of the nearest embeddings in {NAMES[code]}"
        if {rest, connector} <= there:
            sentences.append(compared(results, connector, rest, WORDS, what, higher_is_better=False))
        single = [name for other in others(code) if (name := f"{other}_in_{code}") in there]
        if len(single) > 1:
            sentences.append(extreme(results, single, WORDS, what, least=True))
    sentences += on_corpora(results)
    sentences.append("All arms take equal steps: one that learns several languages hears less of each.")
    return [sentence for sentence in sentences if sentence]


def against(results: "Results", name: str, other: str, figure: str, code: str) -> str:
    """How two rows compare in a language; nothing where one of them has no value."""
    if results.difference(name, other, figure) is None:
        return ""
    return compared(results, name, other, figure, f"{WHAT[figure]} in {NAMES[code]}")


def without(code: str, there: set[str]) -> str:
    """The row that learnt most without a language; empty where there is none."""
    candidates = [f"others_in_{code}", *(f"{other}_in_{code}" for other in others(code))]
    return next((name for name in candidates if name in there), "")


def understood(results: "Results", left_out: Mapping[str, str]) -> str:
    """Where tales in a language that neither aligner nor connector learnt are right more often than by guessing."""
    above: list[str] = []
    level: list[str] = []
    for code, name in left_out.items():
        found = results.figure(name, TASK)
        if found is not None and found.chance is not None:
            chance = f"chance {number(found.chance)} %"
            said = f"{NAMES[code]} ({results.row(name).title}: {number(found.value)} %, {chance})"
            (above if found.above_chance else level).append(said)
    start = "On synthetic speech, tales in a language that aligner and connector did not learn are"
    if not above:
        return f"{start} nowhere understood above chance: {listed(level)}." if level else ""
    rest = f"; not in {listed(level)}" if level else ""
    return f"{start} understood above chance in {listed(above)}{rest}."


def bounded(results: "Results", left_out: Mapping[str, str]) -> str:
    """How well the aligner places words in a language that it did not learn, along the text."""
    parts = []
    for code, name in left_out.items():
        everything = f"all_in_{code}"
        if not results.has(everything, ENDS):
            continue
        known = f"{number(results.value(everything, ENDS), 'ms')} ms by that of all languages"
        foreign = "nowhere, for want of its letters"
        if results.has(name, ENDS):
            foreign = f"{number(results.value(name, ENDS), 'ms')} ms"
        parts.append(f"{NAMES[code]} {foreign} ({known})")
    start = "Along the text, such an aligner places word ends with these mean errors"
    return f"{start}: {'; '.join(parts)}." if parts else ""


def on_corpora(results: "Results") -> list[str]:
    """Which training serves each of a user's corpora best."""
    tables = list(dict.fromkeys(row.table for row in results.rows if row.table.startswith(OF_CORPUS)))
    sentences = []
    for table in tables:
        rows = [row.name for row in results.rows if row.table == table]
        title = table.removeprefix(OF_CORPUS)
        sentences.append(on_corpus(results, rows[0], f"{title}, after {KINDS['all']}"))
        if len(rows) > 1:
            sentences.append(extreme(results, rows, WORDS, f"words of the nearest embeddings on {title}", least=True))
    return sentences


def extended(study: Study, own: Own) -> Study:
    """The study with the corpora of a user, each heard by what learnt all languages and by what learnt one of them.

    Raises UserError where there are none.
    """
    check(own.cuts)
    assert isinstance(study.picture, Grid)
    arms: list[Arm] = []
    cells = {line: dict(columns) for line, columns in study.picture.cells.items()}
    taken = {column for columns in cells.values() for column in columns}
    for name, path in own.cuts.items():
        if name in taken:
            raise UserError(f"--cuts {name}: the study has a column of that name; call the corpus something else")
        for kind, codes in {"all": ALL, **{code: (code,) for code in ALL}}.items():
            options, table = spoken_in(codes), f"{OF_CORPUS}{name}"
            arms.append(
                Arm(f"{kind}_on_{name}", KINDS[kind], table=table, cuts=path, aligner=options, connector=options)
            )
            cells[KINDS[kind]][name] = arms[-1].name
    return replace(
        study,
        arms=(*study.arms, *arms),
        picture=replace(study.picture, cells=cells),
        tables={**study.tables, **{f"{OF_CORPUS}{n}": f"Heard: {n}, from outside of this world" for n in own.cuts}},
        quick=(*study.quick, *(arm.name for arm in arms if arm.name.startswith("all_on_"))),
    )


def tales_after(demo: "Demo") -> "Base":
    """The tales' own speech and base models, beside the demo."""
    from ssr_connector.tiny.languages.base import TaleBase

    return TaleBase(demo.config, demo.out / "languages", demo.overrides, demo.console)


LANGUAGES_STUDY = Study(
    name="languages",
    question="what of an aligner and a connector trained in some languages carries over to another, or another script?",
    arms=tuple(arm for code in ALL for arm in arms_in(code)),
    columns=(
        Column(CLOSENESS, "cosine, forced", "{:.3f}", paired=True),
        Column(WORDS, "embedding WER, audio alone, %", "{:.1f}", paired=True),
        Column("ctc_wer", "aligner's WER, %", "{:.1f}", paired=True),
        Column(ENDS, "word ends, mean ms", "{:.1f}", paired=True),
        Column(TASK, "tales, %", "{:.1f}", paired=True),
        Column(f"{TASK}_text", "the same in writing, %", "{:.1f}"),
        Column("seconds", "stage 1, s", "{:.0f}"),
    ),
    picture=Grid(
        shades=(
            Shade(TASK, "tales, % right (chance 25)", "{:.0f}"),
            Shade(WORDS, "embedding WER, % (low is good)", "{:.0f}"),
            Shade(CLOSENESS, "cosine, forced", "{:.2f}"),
        ),
        cells={line: {NAMES[code]: f"{kind}_in_{code}" for code in ALL} for kind, line in KINDS.items()},
        column_label="heard",
    ),
    paragraph=paragraph,
    tasks=(TASK,),
    tables={code: f"Heard: {name}" for code, name in NAMES.items()},
    base=tales_after,
    takes=("cuts",),
    extended=extended,
    quick=(*(f"{kind}_in_{heard}" for heard in ("en", "de", "ru") for kind in ("all", "en")), "connector_in_ru"),
)
