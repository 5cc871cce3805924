"""Every aligner with an equal stage 1 behind it: closeness to text, word boundaries, scores from audio alone, cost.

True word times, pocketsphinx and uniform place the words of transcripts and hear none: they are oracle rows.
"""

from typing import TYPE_CHECKING

from ssr_connector.studies.study import Arm, Column, Made, Picture, Study
from ssr_connector.studies.words import extreme

if TYPE_CHECKING:
    from ssr_connector.studies.results import Results

CHAR_CTC = {"aligner.type": "char_ctc"}

ARMS = (
    Arm("char_ctc", "CHAR-CTC", aligner=CHAR_CTC),
    Arm("char_ctc_plain", "CHAR-CTC, plain best path", aligner={**CHAR_CTC, "aligner.token_prior": 0.0}),
    Arm("char_ctc_prior", "CHAR-CTC, label priors", aligner={**CHAR_CTC, "aligner.label_prior": 0.3}),
    Arm("sub_ctc", "SUB-CTC", aligner={"aligner.type": "sub_ctc"}),
    Arm("unity2", "UnitY2", aligner={"aligner.type": "unity2", "aligner.recogniser": Made("char_ctc", "aligner")}),
    Arm("cif", "CIF", aligner={"aligner.type": "cif"}),
    Arm(
        "cif_taught",
        "CIF, boundaries of CHAR-CTC",
        aligner={"aligner.type": "cif", "aligner.boundaries": Made("char_ctc", "align")},
    ),
    Arm("gold", "true word times (oracle)", aligner=CHAR_CTC, words="gold"),
    Arm("pocketsphinx", "pocketsphinx (oracle)", aligner=CHAR_CTC, words="pocketsphinx"),
    Arm("uniform", "uniform (oracle)", aligner=CHAR_CTC, words="uniform"),
)
HEARING = tuple(arm.name for arm in ARMS if not arm.words)


def paragraph(results: "Results") -> list[str]:
    """Which aligner serves best: heard text first, then closeness, then boundaries."""
    names = [row.name for row in results.rows if row.name in HEARING]
    everything = [row.name for row in results.rows]
    return [
        extreme(results, names, "storycloze_s2t", "StoryCloze S→T"),
        extreme(results, names, "embedding_wer", "words of the nearest embeddings, from audio alone", least=True),
        extreme(results, everything, "cosine", "cosine to text along transcripts"),
    ]


ALIGNERS = Study(
    name="aligners",
    question="which aligner serves the connector best, and what does it cost?",
    arms=ARMS,
    columns=(
        Column("cosine", "cosine", "{:.3f}", paired=True),
        Column("squared_error", "squared error", "{:.3f}"),
        Column("embedding_wer_forced", "embedding WER, forced, %", "{:.1f}"),
        Column("embedding_wer", "the same, audio alone", "{:.1f}"),
        Column("word_boundary_error_ms", "word ends, mean ms", "{:.1f}"),
        Column("word_boundary_error_median_ms", "median", "{:.1f}"),
        *(Column(f"word_boundary_within_{ms}ms", f"within {ms} ms, %", "{:.0f}") for ms in (20, 50, 100)),
        Column("storycloze_s2t", "StoryCloze S→T, %", "{:.1f}", paired=True),
        Column("lost", "lost", "{:.0f}"),
        Column("aligner_seconds", "training, s", "{:.0f}"),
        Column("audio_s_per_s", "audio s per CPU s", "{:.0f}"),
        Column("memory_mib", "memory, MiB", "{:.0f}"),
    ),
    picture=Picture(
        y="cosine",
        y_label="cosine to text embeddings after stage 1",
        x="audio_s_per_s",
        x_label="seconds of audio aligned in a processor second (trained ones: after the encoder)",
        x_log=True,
    ),
    paragraph=paragraph,
    quick=("char_ctc", "sub_ctc", "cif", "gold", "uniform"),
)
