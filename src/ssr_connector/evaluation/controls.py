"""What stands beside a spoken row: the same recordings along their true texts; and without what is asked about."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ssr_connector.data.text import SpeechText
from ssr_connector.evaluation import tasks
from ssr_connector.evaluation.choice import Choice, Parts, Spoken
from ssr_connector.evaluation.hearing import Hearing
from ssr_connector.evaluation.tasks import SPEECH_TO_HEARD, SPEECH_TO_TEXT, TEXT_TO_SPEECH
from ssr_connector.model.modeling import SSRForConditionalGeneration
from ssr_connector.model.sequence import Speech

ORACLE, OTHER_AUDIO, NO_CONTEXT = "oracle alignment", "another item's audio", "no context"


class Recordings:
    """Speech of a task's contexts, or of its choices: all at once when the first is asked for, for all of its modes."""

    def __init__(
        self, hearing: Hearing, model: SSRForConditionalGeneration, parts: Iterable[Spoken], along_texts: bool = False
    ) -> None:
        self.hearing, self.model, self.along_texts = hearing, model, along_texts
        spoken = [part for part in parts if part.audio]
        self.texts = {part.audio: part.text for part in spoken}
        self.texts_known = all(part.text for part in spoken)
        self.unforced: set[str] = set()  # too short for their texts: they stay as they are heard

    @functools.cached_property
    def speech(self) -> dict[str, Speech]:
        """By recording: along the best path, or along the texts, written as the aligner learnt them."""
        if not self.along_texts:
            return self.hearing.speech(self.model, self.texts)
        write = SpeechText(self.hearing.bundle.text_form)
        forced = self.hearing.align(list(self.texts), [write(text).text for text in self.texts.values()])
        self.unforced = self.texts.keys() - forced.keys()
        as_heard = {path: self.hearing.heard[path].alignment for path in self.unforced}
        return self.hearing.speech(self.model, self.texts, as_heard | forced)


@dataclass(frozen=True)
class Control:
    """A row to be scored beside those of the systems."""

    mode: str
    system: str
    parts: Parts
    heard: Sequence[Recordings]  # what `parts` ask for

    def n_unforced(self) -> int:
        """Recordings that were not aligned along their texts, once it is scored."""
        return len({path for recordings in self.heard for path in recordings.unforced})


def oracles(
    hearing: Hearing, model: SSRForConditionalGeneration, items: Sequence[Choice], modes: Iterable[str]
) -> Iterator[Control]:
    """What each mode would score if its recordings were recognised without error, where all texts are known.

    Choices that are recognised without error are those of S→T, so that S→H has no oracle of its own.
    """
    contexts, choices = recordings(hearing, model, items, along_texts=True)
    for mode in (mode for mode in modes if mode != SPEECH_TO_HEARD):
        heard = heard_in(mode, contexts, choices)
        if all(each.texts_known for each in heard):
            yield Control(mode, ORACLE, tasks.spoken_parts(mode, hear(heard)), heard)


def without_context(
    hearing: Hearing, model: SSRForConditionalGeneration, items: Sequence[Choice], modes: Iterable[str]
) -> Iterator[Control]:
    """What each mode scores after another item's recording, and after nothing: where items have a context at all."""
    if not all(item.context.audio or item.context.text for item in items):
        return
    contexts, choices = recordings(hearing, model, items)
    for mode in modes:
        heard = heard_in(mode, contexts, choices)
        given = mode, hear(heard), hearing.transcripts
        if mode != TEXT_TO_SPEECH and all(item.context.audio for item in items):
            yield Control(mode, OTHER_AUDIO, after_others(items, tasks.spoken_parts(*given)), heard)
        yield Control(mode, NO_CONTEXT, tasks.context_free_parts(*given), heard)


def recordings(
    hearing: Hearing, model: SSRForConditionalGeneration, items: Sequence[Choice], along_texts: bool = False
) -> tuple[Recordings, Recordings]:
    """Those of contexts, examples among them, and those of choices."""
    contexts = (context for item in items for context in item.contexts)
    choices = (choice for item in items for choice in item.choices)
    return Recordings(hearing, model, contexts, along_texts), Recordings(hearing, model, choices, along_texts)


def heard_in(mode: str, contexts: Recordings, choices: Recordings) -> Sequence[Recordings]:
    """What a mode hears of them."""
    if mode in (SPEECH_TO_TEXT, SPEECH_TO_HEARD):
        return [contexts]
    return [choices] if mode == TEXT_TO_SPEECH else [contexts, choices]


def hear(among: Sequence[Recordings]) -> Callable[[Spoken], Speech]:
    """Finds the speech of a recording."""
    return lambda spoken: next(each.speech[spoken.audio] for each in among if spoken.audio in each.texts)


def after_others(items: Sequence[Choice], parts: Parts) -> Parts:
    """The same, with the context of another item before each one's choices."""
    contexts = dict(zip(items, rotated(items), strict=True))
    return lambda item: parts(replace(item, context=replace(item.context, audio=contexts[item])))


def rotated(items: Sequence[Choice]) -> list[str]:
    """For each item the context audio of an item half-way round the list, or of the next that asks something else."""
    n, questions = len(items), [i.cluster or i.id for i in items]
    places = []
    for k, question in enumerate(questions):
        ahead = (place % n for place in range(k + n // 2, k + n // 2 + n))
        places.append(next((place for place in ahead if questions[place] != question), (k + n // 2) % n))
    return [items[place].context.audio for place in places]
