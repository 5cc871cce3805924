"""One utterance in full, for the report: waveform, words, tokens, and how well each token was heard."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ssr_connector.aligners.words import timed_words
from ssr_connector.data.cuts import known_words
from ssr_connector.evaluation.hearing import Hearing
from ssr_connector.evaluation.quality import closeness
from ssr_connector.model.modeling import SSRForConditionalGeneration
from ssr_connector.types import Alignment, TimedWord

BINS = 600


def draw_example(
    model: SSRForConditionalGeneration, cuts: Mapping[str, Any], hearing: Hearing, forced: Mapping[str, Alignment]
) -> dict[str, Any] | None:
    """The utterance of middling length, as plain values."""
    by_length = sorted((k for k in forced if len(forced[k])), key=lambda k: hearing.heard[k].duration_s)
    if not by_length:
        return None
    key = by_length[len(by_length) // 2]
    alignment, clock = forced[key], hearing.bundle.encoder.clock
    waveform = hearing.cuts([cuts[key]])[key].load()
    cosines = closeness(model, hearing.speech(model, [key], {key: alignment})[key])[0].tolist()
    spans = zip(alignment.char_spans, alignment.starts, alignment.ends, cosines, strict=True)
    return {
        "id": key,
        "text": alignment.text,
        "hypothesis": hearing.heard[key].alignment.text,
        "duration_s": waveform.duration_s,
        "sampling_rate_hz": waveform.sampling_rate_hz,
        "samples": [
            v for b in np.array_split(waveform.samples, BINS) if len(b) for v in (float(b.min()), float(b.max()))
        ],
        "words": plain(timed_words(alignment, clock)),
        "gold_words": plain(known_words(cuts[key])),
        "tokens": [
            {"text": alignment.text[a:b], "start_s": clock.edge_s(s), "end_s": clock.edge_s(e), "cosine": c}
            for (a, b), s, e, c in spans
        ],
    }


def plain(words: list[TimedWord]) -> list[dict[str, Any]]:
    """As JSON wants them."""
    return [{"text": w.text, "start_s": w.start_s, "end_s": w.end_s} for w in words]
