"""What one does with a trained model: have it transcribe, ask it, let it judge endings."""

from collections.abc import Sequence
from pathlib import Path

from ssr_connector.model import SSRForConditionalGeneration, SSRProcessor
from ssr_connector.model.processing import SPEECH
from ssr_connector.model.scoring import Score
from ssr_connector.types import Waveform


def transcribe(
    model: SSRForConditionalGeneration, processor: SSRProcessor, audio: Path | Waveform, prompt: str
) -> tuple[str, str]:
    """What the aligner spells, and what the LLM writes when asked to transcribe."""
    inputs = processor(text=SPEECH + prompt, audio=audio)
    (speech,) = model.listen(inputs["recordings"])
    limit = 2 * len(speech.alignment) + 8
    out = model.generate(**inputs, max_new_tokens=limit, do_sample=False)
    return speech.alignment.text, processor.batch_decode(out)[0].strip()


def ask(
    model: SSRForConditionalGeneration, processor: SSRProcessor, audio: Path | Waveform, text: str, max_new_tokens: int
) -> str:
    """The LLM's greedy continuation of a recording and a written text after it."""
    inputs = processor(text=SPEECH + text, audio=audio)
    return processor.batch_decode(model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False))[0].strip()


def score(
    model: SSRForConditionalGeneration, processor: SSRProcessor, audio: Path | Waveform, endings: Sequence[str]
) -> list[tuple[str, Score]]:
    """Endings with their log-likelihood after the recording, the likeliest (per token) first."""
    (recording,) = processor(text=SPEECH, audio=audio)["recordings"]
    (speech,) = model.listen([recording])
    scores = model.loglikelihood([([speech], [f" {ending.strip()}"]) for ending in endings])
    return sorted(zip(endings, scores, strict=True), key=lambda pair: -pair[1].mean)
