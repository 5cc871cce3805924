"""The tasks of a comparison, and what each mode hands to the model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from ssr_connector.errors import UserError
from ssr_connector.evaluation.choice import Choice, Normalise, Parts, Spoken
from ssr_connector.evaluation.labels import WRITTEN_AS
from ssr_connector.model.scoring import Part

T = TypeVar("T")
NOTHING: Mapping[str, str] = {}
TEXT, SPEECH_TO_TEXT, TEXT_TO_SPEECH, SPEECH = "T", "S→T", "T→S", "S"
SPEECH_TO_HEARD = "S→H"  # spoken choices as the recogniser wrote them: also for connectors whose vectors are no tokens'


@dataclass(frozen=True)
class Task:
    """A task: its file, its modes, and how its likelihoods are compared (fixed beforehand, docs/method.md §5)."""

    file: str
    modes: tuple[str, ...]
    normalise: Normalise
    written: bool = False  # text mode reads `Choice.written`
    voices: bool = False  # items of one cluster are one item in several voices, and count as one
    labelled: bool = False  # choices are labels: recordings that bear them are heard first, as examples


SPOKEN_CHOICES = {SPEECH_TO_HEARD, TEXT_TO_SPEECH, SPEECH}
SPOKEN_BOTH = (TEXT, SPEECH_TO_TEXT, SPEECH_TO_HEARD, TEXT_TO_SPEECH, SPEECH)  # contexts and choices
TASKS: dict[str, Task] = {
    "storycloze": Task("storycloze.jsonl", SPOKEN_BOTH, "mean"),
    "spoken_mmlu": Task("mmlu.jsonl", (TEXT, SPEECH_TO_TEXT), "sum"),
    "spoken_mmlu_cloze": Task("mmlu_cloze.jsonl", (TEXT, SPEECH_TO_TEXT), "mean"),
    "spoken_mmlu_text_options": Task("mmlu_text_options.jsonl", (TEXT, SPEECH_TO_TEXT), "sum"),
    "mmlu": Task("mmlu.jsonl", (TEXT,), "sum", written=True),
    "blimp": Task("sblimp.jsonl", (TEXT,), "sum", voices=True),
    "sblimp": Task("sblimp.jsonl", (SPEECH,), "sum", voices=True),
    "wuggy": Task("swuggy.jsonl", (TEXT,), "sum", voices=True),
    "swuggy": Task("swuggy.jsonl", (SPEECH,), "sum", voices=True),
    "style": Task("style.jsonl", (SPEECH_TO_TEXT,), "mean", labelled=True),
    "tales": Task("tales.jsonl", (TEXT, SPEECH_TO_TEXT), "mean"),  # of the study `languages` alone
    # of `ssr import-benchmark` alone
    "storycloze_whole": Task("storycloze_whole.jsonl", (TEXT, SPEECH), "mean"),
    "storycloze_topic": Task("storycloze_topic.jsonl", (TEXT, SPEECH), "mean"),
    "salmon": Task("salmon.jsonl", (SPEECH,), "mean"),
    "pairs": Task("pairs.jsonl", (SPEECH,), "sum"),
    "blimp_original": Task("blimp.jsonl", (TEXT,), "sum"),
    "multiple_choice": Task("multiple_choice.jsonl", (TEXT,), "mean"),
    # of `ssr build-benchmark` alone
    "spoken_multiple_choice": Task("spoken_multiple_choice.jsonl", SPOKEN_BOTH, "mean"),
    "spoken_sentences": Task("spoken_sentences.jsonl", (TEXT, SPEECH), "sum"),
}

# What is asked for by one name, in all of its forms that there are.
FORMS = {"speech_mmlu": ("spoken_mmlu", "spoken_mmlu_text_options")}

# Tasks that are only spoken, and the same items in writing.
CEILINGS = {name: written for name, written in WRITTEN_AS.items() if TEXT not in TASKS[name].modes}


def text_parts(task: Task) -> Parts:
    """All of it written: the ceiling."""

    def parts(item: Choice) -> tuple[list[Part], list[list[Part]]]:
        examples = "".join(example.context.text + example.written for example in item.examples)
        context = item.written if task.written else examples + item.context.text + item.prompt
        return [context], [[after(context, c.text)] for c in item.choices]

    return parts


def spoken_parts(mode: str, hear: Callable[[Spoken], Part], transcripts: Mapping[str, str] = NOTHING) -> Parts:
    """A spoken context, spoken choices, or both; `hear` says what stands for a recording."""
    choice, hear_context = choice_parts(mode, hear, transcripts), of_contexts(mode, hear)

    def parts(item: Choice) -> tuple[list[Part], list[list[Part]]]:
        context = [part for part in before(item, hear_context) if part != ""]
        if item.context.text or item.context.audio:
            context.append(hear_context(item.context))
        if item.prompt:
            context.append(item.prompt)
        return context, [choice("…", c) for c in item.choices]

    return parts


def choice_parts(
    mode: str, hear: Callable[[Spoken], Part], transcripts: Mapping[str, str]
) -> Callable[[str, Spoken], list[Part]]:
    """A choice after a context as a mode has it: written, as it was recognised, or heard."""

    def parts(context: str, choice: Spoken) -> list[Part]:
        if mode == SPEECH_TO_TEXT:
            return [after(context, choice.text)]
        return [after(context, transcripts[choice.audio]) if mode == SPEECH_TO_HEARD else hear(choice)]

    return parts


def of_contexts(mode: str, hear: Callable[[Spoken], T]) -> Callable[[Spoken], T | str]:
    """What stands for a context, or for that of an example, in the same mode."""
    return (lambda spoken: spoken.text) if mode == TEXT_TO_SPEECH else hear


def cascade_parts(mode: str, transcripts: Mapping[str, str]) -> Parts:
    """The hard cascade: the aligner's own hypothesis in place of each recording, as text."""
    read = of_contexts(mode, lambda spoken: transcripts[spoken.audio] if spoken.audio else "")

    def parts(item: Choice) -> tuple[list[Part], list[list[Part]]]:
        context = "".join([*before(item, read), read(item.context), item.prompt])
        written = mode == SPEECH_TO_TEXT
        return [context], [[after(context, c.text if written else transcripts[c.audio])] for c in item.choices]

    return parts


def context_free_parts(mode: str, hear: Callable[[Spoken], Part], transcripts: Mapping[str, str] = NOTHING) -> Parts:
    """A control: the prompt alone, after the examples where there are some, without the context."""
    choice, hear_context = choice_parts(mode, hear, transcripts), of_contexts(mode, hear)

    def parts(item: Choice) -> tuple[list[Part], list[list[Part]]]:
        *start, written = before(item, hear_context)
        last = f"{written}{item.prompt}"
        context = [part for part in (*start, last) if part != ""]
        return context, [choice(last, c) for c in item.choices]

    return parts


def before(item: Choice, hear: Callable[[Spoken], T]) -> list[T | str]:
    """The examples that come before the context, heard where there is a recording, else written.

    The last part is always text, if only an empty one.
    """
    parts: list[T | str] = [""]
    for example in item.examples:
        if example.context.audio:
            parts += [hear(example.context), example.written]
        else:
            parts[-1] = f"{parts[-1]}{example.context.text}{example.written}"
    return parts


def after(context: str, text: str) -> str:
    """A continuation: with a space before it, unless it begins the text; of nothing heard there is nothing to score."""
    return f" {text}" if context and text else text


def lack(task: Task, mode: str, items: list[Choice]) -> str:
    """What keeps a mode from being scored on any of these items; empty where nothing does.

    Benchmarks come without recordings (MMLU, BLiMP) or without texts (SALMon); where only some items lack theirs, that
    is an error of the file, see `check_recordings`.
    """
    if mode == TEXT:
        if not all(c.text for i in items for c in i.choices):
            return "not every choice is written down"
        if task.written and not all(i.written for i in items):
            return "not every question is laid out for reading (written)"
        if not task.written and any(i.written and not i.context.text for i in items):
            return "its questions are only laid out for reading, not as they would be said (context.text)"
        return ""
    if mode in (SPEECH_TO_TEXT, SPEECH_TO_HEARD) and not any(i.context.audio for i in items):
        return "it holds no recordings of contexts"
    if mode == SPEECH_TO_TEXT:
        return ""
    if not any(c.audio for i in items for c in i.choices):
        return "it holds no recordings of choices"
    unspoken = any(i.context.text for i in items) and not any(i.context.audio for i in items)
    return "it holds no recordings of contexts" if mode == SPEECH and unspoken else ""


def check_recordings(name: str, task: Task, items: list[Choice]) -> None:
    """Raise UserError that names the first item without a recording that a mode of the task needs."""
    for item in items:
        needed = SPEECH_TO_TEXT in task.modes or (SPEECH in task.modes and item.context.text)
        if needed and not item.context.audio:
            raise UserError(f"{name}: the item {item.id} has no recording of its context (context.audio)")
        if SPOKEN_CHOICES & set(task.modes) and not all(c.audio for c in item.choices):
            raise UserError(f"{name}: the item {item.id} has a choice without a recording (choices[].audio)")


def recordings(task: Task, items: list[Choice]) -> tuple[set[str], set[str]]:
    """Paths of the contexts, examples' among them, and of the choices where a mode needs them spoken."""
    contexts = {c.audio for i in items for c in i.contexts if c.audio}
    choices = {c.audio for i in items for c in i.choices if c.audio} if SPOKEN_CHOICES & set(task.modes) else set()
    return contexts, choices
