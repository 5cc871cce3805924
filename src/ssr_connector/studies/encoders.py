"""What is heard: each hidden layer of the demo's encoder, a mixture of them, and an encoder that learnt nothing.

Each arm has an aligner and a connector of its own. The demo trains one encoder, on its own voices: its layers say
nothing about HuBERT's or Whisper's, which `--encoders` adds by name. All have the frame rate that they were made for
(the demo's: 50 a second); frames of one rate pooled to another would be another encoder, so rates are not compared.
"""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ssr_connector.errors import UserError
from ssr_connector.studies.study import UNTRAINED, Arm, Column, Own, Picture, Study
from ssr_connector.studies.words import compared, extreme

if TYPE_CHECKING:
    from ssr_connector.studies.results import Results

TASK = "storycloze_s2t"
MIXED = [1, 2, 3]

ARMS = (
    Arm("last", "the recipe's layer"),
    Arm("layer_0", "before its layers", encoder={"encoder.layer": 0}),
    *(Arm(f"layer_{k}", f"after layer {k}", encoder={"encoder.layer": k}) for k in MIXED),
    Arm("mixture", f"mixture of layers {MIXED[0]} to {MIXED[-1]}", encoder={"encoder.layer": MIXED}),
    Arm("untrained", "untrained encoder", encoder={"encoder.name": UNTRAINED}),
)


def paragraph(results: "Results") -> list[str]:
    """Which layer serves best, whether mixing pays, and what the encoder's own training is worth."""
    there = [row.name for row in results.rows]
    sentences = [
        extreme(results, there, TASK, "StoryCloze S→T"),
        extreme(results, there, "embedding_wer", "words of the nearest embeddings, from audio alone", least=True),
    ]
    single = [name for name in there if name not in ("mixture", "untrained")]
    best = results.best(single, TASK)
    if best and "mixture" in there:
        sentences.append(compared(results, "mixture", best, TASK, "StoryCloze S→T"))
    if best and "untrained" in there:
        sentences.append(compared(results, best, "untrained", TASK, "StoryCloze S→T"))
    return sentences


def extended(study: Study, own: Own) -> Study:
    """The study with more encoders: `NAME` (its last layer), or `NAME:LAYER`."""
    more = [named_encoder(name) for name in own.encoders]
    quick = (*study.quick, *(arm.name for arm in more))
    return replace(study, arms=(*study.arms, *more), quick=quick)


def named_encoder(text: str) -> Arm:
    """An arm that hears another encoder."""
    found = re.fullmatch(r"(.+?)(?::(\d+))?", text)
    if not found:
        raise UserError("--encoders has an empty name; give hub names or folders, as in NAME,NAME:9")
    name, layer = found.groups()
    options: dict[str, Any] = {"encoder.name": name, "encoder.layer": None if layer is None else int(layer)}
    return Arm(text, text if layer is None else f"{name}, layer {layer}", encoder=options)


ENCODERS = Study(
    name="encoders",
    question="which layer of the speech encoder serves best, does a mixture, and what is the encoder's training worth?",
    arms=ARMS,
    columns=(
        Column(TASK, "StoryCloze S→T, %", "{:.1f}", paired=True),
        Column("spoken_mmlu_cloze", "spoken MMLU, cloze, %", "{:.1f}", paired=True),
        Column("ctc_wer", "aligner's WER, %", "{:.1f}", paired=True),
        Column("word_boundary_error_ms", "word ends, mean ms", "{:.1f}"),
        Column("cosine", "cosine", "{:.3f}", paired=True),
        Column("embedding_wer_forced", "embedding WER, forced, %", "{:.1f}"),
        Column("embedding_wer", "the same, audio alone", "{:.1f}"),
        Column("seconds", "stage 1, s", "{:.0f}"),
    ),
    picture=Picture(y=TASK, y_label="StoryCloze S→T, % right"),
    paragraph=paragraph,
    takes=("encoders",),
    extended=extended,
    quick=("last", "layer_2", "untrained"),
)
