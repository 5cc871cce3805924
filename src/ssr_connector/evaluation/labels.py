"""What a reader calls the tasks, modes and systems of a result, in the order they are shown; and how numbers look."""

from collections.abc import Container, Iterable

# key: (name, what it is)
TASKS = {
    "storycloze": ("StoryCloze", "which of the given endings fits the beginning of a story"),
    "spoken_mmlu": ("Spoken MMLU", "multiple-choice questions, read out"),
    "spoken_mmlu_cloze": ("Spoken MMLU, cloze", "the same questions without options: which answer is likeliest"),
    "spoken_mmlu_text_options": (
        "Spoken MMLU, options written",
        "multiple-choice questions, read out, with the options written below",
    ),
    "swuggy": ("sWUGGY", "a word against a made-up word that sounds like one"),
    "sblimp": ("sBLIMP", "a grammatical sentence against an ungrammatical one, read out"),
    "mmlu": ("MMLU", "multiple-choice questions, written"),
    "blimp": ("BLIMP", "a grammatical sentence against an ungrammatical one, written"),
    "wuggy": ("WUGGY", "a word against a made-up word, written"),
    "style": ("Style", "how a recording is said, after recordings of every label"),
    "tales": ("Tales", "which of four endings follows a small tale, told in one of several languages"),
    "storycloze_whole": ("StoryCloze, whole stories", "a story with its own ending against one with another"),
    "storycloze_topic": ("tStoryCloze, whole stories", "a story with its own ending against one with another story's"),
    "salmon": ("SALMon", "a recording against one whose speaker, mood, room or background does not fit"),
    "pairs": ("Pairs", "a recording against one that is worse, as a table says"),
    "blimp_original": ("BLiMP, 67 paradigms", "a grammatical sentence against an ungrammatical one, written"),
    "multiple_choice": ("Multiple choice", "which of the given answers follows, written"),
    "spoken_multiple_choice": ("Spoken multiple choice", "which of the given answers follows, read out"),
    "spoken_sentences": ("Spoken sentences", "a right sentence against a wrong one, read out by a synthetic voice"),
}

MODES = {
    "T": "everything written",
    "S→T": "context spoken, answers written",
    "S→H": "both spoken, answers as the recogniser wrote them: the same for every connector",
    "T→S": "context written, answers spoken",
    "S": "everything spoken",
}

TEXT, OURS, ORACLE, CASCADE, BASELINE, CONTROL = "text", "ours", "oracle", "cascade", "baseline", "control"

# name: (family, what it is)
SYSTEMS = {
    "text model": (TEXT, "the base LLM, reading the text: the ceiling"),
    "SSR stage 1": (OURS, "the connector of this project: one vector per text token, the LLM untouched"),
    "SSR stage 2 multitask": (OURS, "the LLM fine-tuned on speech, with text and transcription mixed in"),
    "SSR stage 2 vanilla": (OURS, "the LLM fine-tuned on speech alone"),
    "oracle alignment": (
        ORACLE,
        "the first model with the true transcript's boundaries: leaks the answer's length, no headline",
    ),
    "hard cascade": (CASCADE, "the same recogniser's transcript, handed to the LLM as text"),
    "stack": (BASELINE, "frame stacking and an MLP on the same data"),
    "stack+layers": (BASELINE, "frame stacking behind SSR's own decoder layers, on the same data"),
    "another item's audio": (CONTROL, "the first model hearing some other item's recording"),
    "no context": (CONTROL, "the answers alone, without what comes before them"),
}

RESERVED = [name for name, (family, _) in SYSTEMS.items() if family not in (OURS, BASELINE)]  # of no model

# What `results.json` calls some of them.
BY_SLUG = {
    "ssr": "SSR stage 1",
    "multitask": "SSR stage 2 multitask",
    "vanilla": "SSR stage 2 vanilla",
    "stack_layers": "stack+layers",
    "stack_plain": "stack",
}

# A spoken task whose written version is measured under another name.
WRITTEN_AS = {"spoken_mmlu": "mmlu", "sblimp": "blimp", "swuggy": "wuggy"}


def task_name(task: str) -> str:
    """The name of a task as papers write it."""
    return TASKS[task][0] if task in TASKS else task


def system_name(system: str) -> str:
    """The name of a system for a reader."""
    return BY_SLUG.get(system, system)


def slug(name: str) -> str:
    """What the figures' names call a system."""
    return next((short for short, known in BY_SLUG.items() if known == name), name)


def family(name: str, baselines: Container[str] = ()) -> str:
    """What kind of system it is; one that is not listed is somebody's own model, or among the baselines of a result."""
    if name in SYSTEMS:
        return SYSTEMS[name][0]
    return BASELINE if name in baselines else OURS


def in_order(found: Iterable[str], known: Iterable[str]) -> list[str]:
    """Distinct names: those that are known first, in their order, then the others as they came."""
    names = list(dict.fromkeys(found))
    ranked = [name for name in known if name in names]
    return ranked + [name for name in names if name not in ranked]


def number(value: float, unit: str = "%") -> str:
    """One decimal for percentages, points and times; two for rates; three for what is small without a unit."""
    digits = 2 if unit == "/s" else 3 if not unit and abs(value) < 10 else 1
    if not unit and float(value).is_integer():
        digits = 0
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "−")


def interval(ci95: tuple[float, float], unit: str = "%") -> str:
    """Both ends; with a word between them where a minus would look like a dash."""
    low, high = (number(end, unit) for end in ci95)
    return f"{low} to {high}" if "−" in low + high else f"{low}–{high}"


def with_unit(value: float, unit: str) -> str:
    """A value as it stands in a sentence."""
    return f"{number(value, unit)} {unit}".rstrip()


def capital(text: str) -> str:
    """The first letter of a sentence."""
    return text[:1].upper() + text[1:]
