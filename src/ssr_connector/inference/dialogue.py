"""What one does with a trained model: have it transcribe, ask it, let it judge endings."""

from collections.abc import Sequence
from pathlib import Path

from ssr_connector.errors import UserError
from ssr_connector.model import SSRForConditionalGeneration, SSRProcessor
from ssr_connector.model.processing import SPEECH
from ssr_connector.model.scoring import Score, max_positions
from ssr_connector.types import Waveform


def recorded(model: SSRForConditionalGeneration, processor: SSRProcessor, audio: Path | Waveform) -> Waveform:
    """A recording. Raises UserError where it cannot be read or is too short for the encoder."""
    recording: Waveform
    (recording,) = processor(text=SPEECH, audio=audio)["recordings"]
    if not model.encoder.hears(len(recording.samples)):
        name = "the recording" if isinstance(audio, Waveform) else audio
        raise UserError(f"{name}: {recording.duration_s:.3f} s are too short for the speech encoder; record more")
    return recording


def transcribe(model: SSRForConditionalGeneration, processor: SSRProcessor, audio: Path | Waveform) -> tuple[str, str]:
    """What the aligner spells, and what the LLM writes when asked to transcribe."""
    recording = recorded(model, processor, audio)
    (speech,) = model.listen([recording])
    inputs = processor(text=SPEECH + model.config.transcribe_prompt, audio=recording)
    most, limit = max_positions(model.llm), 2 * len(speech.alignment) + 8
    if most is not None:  # what is left of them, if anything; most answers take half of the limit
        limit = max(1, min(limit, most - len(speech.vectors) - inputs["input_ids"].shape[1] + 2))
    out = model.generate(**{**inputs, "recordings": [speech]}, max_new_tokens=limit, do_sample=False)
    return speech.alignment.text, processor.batch_decode(out)[0].strip()


def ask(
    model: SSRForConditionalGeneration,
    processor: SSRProcessor,
    audio: Path | Waveform,
    text: str,
    max_new_tokens: int,
    *,
    chat: bool = False,
) -> str:
    """The LLM's greedy continuation of a recording and a written text after it; or its answer to both, in a chat."""
    recording = recorded(model, processor, audio)
    if chat:
        inputs = processor.apply_chat_template([{"role": "user", "content": SPEECH + text}], audio=recording)
    else:
        inputs = processor(text=SPEECH + text, audio=recording)
    return processor.batch_decode(model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False))[0].strip()


def score(
    model: SSRForConditionalGeneration, processor: SSRProcessor, audio: Path | Waveform, endings: Sequence[str]
) -> list[tuple[str, Score]]:
    """Endings with their log-likelihood after the recording, the likeliest (per token) first."""
    (speech,) = model.listen([recorded(model, processor, audio)])
    scores = model.loglikelihood([([speech], [f" {ending.strip()}"]) for ending in endings])
    return sorted(zip(endings, scores, strict=True), key=lambda pair: -pair[1].mean)
