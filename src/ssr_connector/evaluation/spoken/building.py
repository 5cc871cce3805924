"""From a written benchmark to a spoken one: choose what can be said, speak it, write the tasks."""

import json
import random
import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ssr_connector.data.entry import Rejected
from ssr_connector.data.output import write_together
from ssr_connector.data.preparation import rejected_lines
from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.conversion import BUILD, REJECTED, flat, lines
from ssr_connector.evaluation.benchmarks.layout import Layout, Options
from ssr_connector.evaluation.choice import Choice, Example, Spoken
from ssr_connector.evaluation.spoken.question import SOURCES, Question
from ssr_connector.evaluation.spoken.reading import said
from ssr_connector.evaluation.spoken.recordings import Line, Recording, ctm_lines, record
from ssr_connector.evaluation.spoken.rules import MAX_WORDS, RULES, reject
from ssr_connector.evaluation.spoken.speaker import Speaker, voices_in_turn
from ssr_connector.evaluation.tasks import TASKS
from ssr_connector.files import write_json

LETTERS = string.ascii_uppercase
PROMPT = " The answer is:"
WORDS = "words.ctm"
UNSPOKEN = "not spoken"
EXAMPLE = "example: "  # before the reason, where it is none of the questions that is left out
TASK_NAMES = ("spoken_mmlu", "spoken_mmlu_text_options", "storycloze", "spoken_multiple_choice", "spoken_sentences")


@dataclass(frozen=True)
class Plan:
    """What is asked of a build."""

    speaker: Speaker
    voices: tuple[str, ...]
    max_words: int = MAX_WORDS
    items: int = 0  # at most this many questions, drawn by the seed; 0: all
    seed: int = 0
    jobs: int = 1


@dataclass
class Built:
    """What came of it: questions by file, what was left out, and what was spoken."""

    n_read: int
    split: str = ""
    questions: dict[str, list[Choice]] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    remarks: list[Rejected] = field(default_factory=list)
    duration_s: float = 0.0

    @property
    def tasks(self) -> list[str]:
        """The tasks of `ssr evaluate` that have questions; the text task beside the lettered ones."""
        names = [name for name in TASK_NAMES if TASKS[name].file in self.questions]
        return [*names, "mmlu"] if "spoken_mmlu" in names else names

    def counts(self) -> dict[str, int]:
        """Questions left out, by rule and in the rules' order, then what fell to something else, and examples."""
        found = Counter(r.reason for r in self.rejected)
        ordered = [rule.name for rule in RULES if rule.name in found]
        return {name: found[name] for name in (*ordered, *(n for n in found if n not in ordered))}


def build(
    name: str, source: Path, out: Path, options: Options, plan: Plan, progress: Callable[[int, int], None]
) -> Built:
    """Speak a benchmark into `out` (audio/, words.ctm, the tasks' files, rejected.tsv, build.json).

    A build that was interrupted goes on where it stopped. Raises UserError for an unknown name or layout, for a folder
    of another benchmark, and where no question is left.
    """
    if name not in SOURCES:
        raise UserError(f"there is no benchmark {name!r} to speak; known are {', '.join(SOURCES)}")
    options.check(name, SOURCES[name].options)
    check_folder(out, name)
    questions, layout = SOURCES[name].read(source, options)
    built = Built(len(questions), layout.split, rejected=layout.rejected, remarks=layout.remarks)
    chosen = choose(questions, plan, layout)
    if not chosen:
        raise UserError(nothing_left(name, built))
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / BUILD, {"benchmark": name, "complete": False})
    chosen = with_examples(chosen, plan, layout)
    examples = list(dict.fromkeys((example, voice) for question, voice in chosen for example in question.examples))
    to_say = [line for pair in (*examples, *chosen) for line in lines_of(*pair)]
    found = record(to_say, plan.speaker, out, plan.jobs, progress)
    takes = taken(examples, found, layout, EXAMPLE + UNSPOKEN) | taken(chosen, found, layout, UNSPOKEN)
    built.duration_s = sum(r.duration_s for each in takes.values() for r in each)
    for question, voice in chosen:
        if question.id in takes:
            for file, item in items_of(question, voice, takes, out):
                built.questions.setdefault(file, []).append(item)
    if not built.questions:
        raise UserError(nothing_left(name, built))
    write(name, built, found, out, plan)
    return built


def check_folder(out: Path, name: str) -> None:
    """Raise UserError where the folder is a file, holds another benchmark, or something else altogether."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: give a folder")
    path = out / BUILD
    if not path.is_file():
        if out.is_dir() and any(out.iterdir()):
            raise UserError(f"{out} holds files that are no spoken benchmark: give an empty folder")
        return
    try:
        there = json.loads(path.read_text())["benchmark"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: delete it to go on") from error
    if there != name:
        raise UserError(f"{out} holds {there}: give {name} a folder of its own")


def choose(questions: Sequence[Question], plan: Plan, layout: Layout) -> list[tuple[Question, str]]:
    """Questions that can be spoken, each with its voice; the others are rejected.

    A question's voice hangs on its place in the benchmark, so that another limit or rule changes no recording.
    """
    voices = voices_in_turn(plan.voices, plan.seed)
    numbered = list(enumerate(questions))
    if plan.items and plan.items < len(numbered):
        numbered = sorted(random.Random(plan.seed).sample(numbered, plan.items), key=lambda pair: pair[0])
    chosen: list[tuple[Question, str]] = []
    names: dict[str, str] = {}
    for place, question in numbered:
        name = file_name(question.id)
        reason, detail = reject(question, plan.max_words)
        if name in names:
            reason, detail = "duplicate id", f"the first question with this id is kept ({names[name]})"
        if reason:
            layout.reject(question.id, reason, detail)
            continue
        names[name] = question.id
        chosen.append((question, voices[place % len(voices)]))
    return chosen


def with_examples(chosen: Sequence[tuple[Question, str]], plan: Plan, layout: Layout) -> list[tuple[Question, str]]:
    """Questions with the first examples that can be asked aloud, as many as they want, named after the voice.

    What was passed over on the way is rejected, and a group with too few examples is remarked on.
    """
    speakable: dict[str, list[Question]] = {}
    for question, _ in chosen:
        if question.group in speakable:
            continue
        good = speakable[question.group] = []
        for example in question.examples:
            if len(good) == question.shots:
                break
            reason, detail = reject(example, plan.max_words)
            if reason:
                layout.reject(example.id, f"{EXAMPLE}{reason}", detail)
            else:
                good.append(example)
        if len(good) < question.shots:
            layout.remark(question.group, f"fewer than {question.shots} examples can be asked aloud", f"{len(good)}")
    out = []
    for question, voice in chosen:
        name = f"voice{plan.voices.index(voice)}"
        said_by = (replace(example, id=f"{example.id}-{name}") for example in speakable[question.group])
        out.append((replace(question, examples=tuple(said_by)), voice))
    return out


def taken(
    questions: Sequence[tuple[Question, str]], found: Mapping[str, Recording], layout: Layout, reason: str
) -> dict[str, list[Recording]]:
    """The recordings of each question, by its id; one with a line that could not be spoken is rejected."""
    takes: dict[str, list[Recording]] = {}
    for question, voice in questions:
        recordings = [found[line.id] for line in lines_of(question, voice)]
        fault = next((r.fault for r in recordings if r.fault), "")
        if fault:
            layout.reject(question.id, reason, fault)
        else:
            takes[question.id] = recordings
    return takes


def lines_of(question: Question, voice: str) -> list[Line]:
    """What is spoken: of a lettered question the whole and the question alone; else the question and each option."""
    name = file_name(question.id)
    if question.lettered:
        whole = read_out(ended(said(question.text)), [said(o) for o in question.options])
        return [Line(name, whole, voice), Line(f"{name}-question", said(question.text), voice)]
    asked = [Line(f"{name}-question", said(question.text), voice)] if question.text else []
    return asked + [Line(f"{name}-choice{k}", said(o), voice) for k, o in enumerate(question.options)]


def items_of(
    question: Question, voice: str, takes: Mapping[str, Sequence[Recording]], out: Path
) -> Iterable[tuple[str, Choice]]:
    """The question as the tasks' files hold it, each with the name of its file."""

    def spoken(part: Question) -> list[Spoken]:
        return [Spoken(r.line.text, str(out / r.line.audio)) for r in takes[part.id]]

    heard, speaker = spoken(question), voice or "command"
    if not question.lettered:
        context, choices = (heard[0], heard[1:]) if question.text else (Spoken(""), heard)
        task = question.task or ("spoken_multiple_choice" if question.text else "spoken_sentences")
        prompt = PROMPT if question.text.endswith("?") and task != "storycloze" else ""
        yield TASKS[task].file, choice(question, context, choices, prompt, speaker)
        return
    letters = [Spoken(letter) for letter in LETTERS[: len(question.options)]]
    before = [example for example in question.examples if example.id in takes]
    for k, (task, written) in enumerate((("spoken_mmlu", question.written), ("spoken_mmlu_text_options", ""))):
        examples = [Example(spoken(e)[k], f"{prompts(e)[k]} {LETTERS[e.answer]}\n\n") for e in before]
        yield TASKS[task].file, choice(question, heard[k], letters, prompts(question)[k], speaker, examples, written)


def choice(
    question: Question,
    context: Spoken,
    choices: Sequence[Spoken],
    prompt: str,
    speaker: str,
    examples: Sequence[Example] = (),
    written: str = "",
) -> Choice:
    """A question in the form that `ssr evaluate` reads."""
    return Choice(
        question.id,
        question.group,
        context,
        tuple(choices),
        question.answer,
        prompt,
        written,
        question.id,
        speaker,
        question.kinds,
        tuple(examples),
    )


def read_out(question: str, options: Sequence[str]) -> str:
    """A question and its lettered options on one line, as they are said."""
    stripped = [option.strip().rstrip(".,;: ") for option in options]
    ends = ["" if option.endswith(("?", "!")) else "." for option in stripped]
    return " ".join([question, *(f"{a}, {o}{e}" for a, o, e in zip(LETTERS, stripped, ends, strict=False))])


def prompts(question: Question) -> tuple[str, str]:
    """What is written after a lettered question: where its options are spoken, and where they are not."""
    return PROMPT, listed(question.options)


def listed(options: Sequence[str]) -> str:
    """The options as they are written below a question, and what asks for the letter; as in MMLU's own prompt."""
    return "".join(f"\n{a}. {o}" for a, o in zip(LETTERS, options, strict=False)) + "\nAnswer:"


def ended(text: str) -> str:
    """A question that stops before its options, with a colon there."""
    text = text.strip()
    return text if text.endswith((".", "?", "!", ":", '"')) else text.rstrip(",;- ") + ":"


def file_name(name: str) -> str:
    """An id as the name of a file."""
    return re.sub(r"[^\w.-]+", "-", name)


def write(name: str, built: Built, found: dict[str, Recording], out: Path, plan: Plan) -> None:
    """The tasks' files, rejected.tsv and words.ctm together, and then build.json, which says that all is there."""
    flattened = (Rejected(f"{name}/{flat(r.id)}", "", flat(r.reason), flat(r.detail)) for r in built.rejected)
    files: dict[str, Iterable[str]] = {file: list(lines(items, out)) for file, items in built.questions.items()}
    files |= {REJECTED: list(rejected_lines(flattened)), WORDS: list(ctm_lines(found))}
    write_together(out, files)
    for task in TASK_NAMES:  # of an earlier build with other options
        if TASKS[task].file not in built.questions:
            (out / TASKS[task].file).unlink(missing_ok=True)
    facts = {
        "benchmark": name,
        "complete": True,
        "split": built.split,
        "questions_read": built.n_read,
        "left_out": {"counts": built.counts(), "rules": {rule.name: rule.statement for rule in RULES}},
        "max_words": plan.max_words,
        "items": plan.items,
        "seed": plan.seed,
        "speaker": repr(plan.speaker),
        "voices": list(plan.voices),
        "duration_s": round(built.duration_s, 1),
    }
    write_json(out / BUILD, facts)


def nothing_left(name: str, built: Built) -> str:
    """The sentence for it, with an example of the most frequent reason."""
    if not built.rejected:
        return f"{name}: the source holds no question"
    reasons = ", ".join(f"{reason} ({n})" for reason, n in Counter(built.counts()).most_common(3))
    return f"{name}: no question is left to speak: {reasons}; the last: {flat(built.rejected[-1].detail)}"
