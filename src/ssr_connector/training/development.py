"""What a trained aligner does on development data: how far its word ends lie off, and the words it mishears."""

import statistics
from pathlib import Path
from typing import Any

from ssr_connector.aligners import TrainableAligner, Unalignable
from ssr_connector.aligners.words import end_differences_s, timed_words
from ssr_connector.base_models import Tokenize
from ssr_connector.config import Recipe
from ssr_connector.data.cuts import known_words
from ssr_connector.encoders.source import FrameSource
from ssr_connector.files import write_json
from ssr_connector.training.data import load_cuts, speech_batches
from ssr_connector.training.unreadable import Unreadable
from ssr_connector.types import Logged
from ssr_connector.units import FrameClock
from ssr_connector.word_errors import WordErrors, language_code, word_errors

DEVELOPMENT = "development.json"  # beside the run


def measure_aligner(
    recipe: Recipe,
    aligner: TrainableAligner,
    source: FrameSource,
    tokenize: Tokenize,
    clock: FrameClock,
    unreadable: Unreadable,
) -> Logged:
    """Fit the aligner's delay where word times are known, and measure it; what is found is kept in `development.json`.

    `delay_frames` is the median over words, `dev_boundary_ms` the mean error of their ends without it, `dev_wer` the
    per cent of words misheard by an aligner that needs no transcript: each only where it could be measured.
    All of the data: for the process that saves the aligner.
    """
    dev, texts = load_cuts(recipe.data.dev, recipe.aligner.text_form)
    late_s: list[float] = []
    heard: list[WordErrors] = []
    for batch in speech_batches(recipe, dev, source, texts, tokenize, None, None, unreadable, alone=True).epoch(0):
        for key, result in zip(batch.ids, aligner.align(batch.frames, batch.transcripts, tokenize), strict=True):
            if not isinstance(result, Unalignable):
                late_s += end_differences_s(timed_words(result, clock), known_words(dev[key]))
        if not aligner.needs_transcript:
            hypotheses = aligner.align(batch.frames, [None] * len(batch.ids), tokenize)
            for key, text, result in zip(batch.ids, batch.transcripts, hypotheses, strict=True):
                written = "" if isinstance(result, Unalignable) else result.text
                heard.append(word_errors(text, written, language_of(dev[key])))
    found: Logged = {}
    if late_s:
        aligner.set_delay(statistics.median(late_s), clock)
        delay_s = aligner.config.delay_frames * clock.frame_s
        errors_s = [abs(late - delay_s) for late in late_s]
        found |= {
            "delay_frames": float(aligner.config.delay_frames),
            "dev_boundary_ms": 1000 * statistics.mean(errors_s),
        }
    if n_words := sum(e.words for e in heard):
        found["dev_wer"] = 100 * sum(e.errors for e in heard) / n_words
    write_json(Path(recipe.out) / DEVELOPMENT, {**found, "utterances": len(dev), "words_timed": len(late_s)})
    return found


def language_of(cut: Any) -> str:
    """Of what is said in a cut, for the rules by which words are compared."""
    return language_code(next((s.language for s in cut.supervisions), None))
