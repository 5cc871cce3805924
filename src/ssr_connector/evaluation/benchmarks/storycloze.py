"""StoryCloze: the written test, and its spoken versions sStoryCloze (true negatives) and tStoryCloze (random ones).

The CSV has InputStoryid, InputSentence1 to 4, RandomFifthSentenceQuiz1 and 2, and AnswerRightEnding (1 or 2). The
spoken versions are folders (published as sSC and tSC) of recordings `INDEX_STORYID_correct.wav` and
`INDEX_STORYID_incorrect.wav`, each a whole story with its ending, perhaps with its text beside it (.txt). What is
compared there are whole utterances: two choices without a context, in tasks of their own. tSC is one by itself, for the
written test does not have its wrong endings.

The naming is as reported, the recordings were not at hand. The two of a story are found by its id, so that it does not
matter whether they share the index.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.layout import Benchmark, Layout, Options, in_sequence
from ssr_connector.evaluation.benchmarks.rows import Row, columns_of, read_rows
from ssr_connector.evaluation.choice import Choice, Spoken

WRITTEN_FILE, SPOKEN_FILE, TOPIC_FILE = "storycloze.jsonl", "storycloze_whole.jsonl", "storycloze_topic.jsonl"
SENTENCES = tuple(f"InputSentence{k}" for k in range(1, 5))
ENDINGS = ("RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2")
COLUMNS = ("InputStoryid", *SENTENCES, *ENDINGS, "AnswerRightEnding")
RECORDING = re.compile(r"(\d+)_(.+)_(correct|incorrect)\.(wav|flac)", re.IGNORECASE)
HEADER = 1000  # bytes in which the first line of a table lies
TRUE, RANDOM = "true", "random"  # groups of `ssr evaluate`: negatives of the original test, or of other stories
Pair = tuple[Path, Path]


def read(source: Path, options: Options) -> Layout:
    """Written stories, spoken ones, or both. Raises UserError where there are neither."""
    if not source.is_dir():
        raise UserError(f"{source} is not a folder: give the one that holds StoryCloze's CSV, its recordings, or both")
    layout = Layout()
    tables = [p for p in sorted(source.rglob("*.csv")) if {"InputStoryid", ENDINGS[0]} <= set(columns_of(p))]
    if options.split:
        tables = [p for p in tables if options.split in p.name]
    if len(tables) > 1:
        names = ", ".join(p.name for p in tables)
        raise UserError(f"{source} holds several tables of stories ({names}): choose one, such as --split test")
    recordings = [p for p in sorted(source.rglob("*")) if p.suffix.lower() in (".wav", ".flac")]
    if not tables and not recordings:
        raise UserError(f"{source} holds neither a CSV with the columns {', '.join(COLUMNS)} nor recordings")
    stories: dict[str, Choice] = {}
    for item in (item for path in tables for item in read_stories(path, layout)):
        layout.add(WRITTEN_FILE, item)
        stories.setdefault(item.id, item)
    for folder in sorted({p.parent for p in recordings}):
        name = folder.name if folder == source else folder.relative_to(source).as_posix()
        found = pairs([p for p in recordings if p.parent == folder], name, layout)
        kind = kind_of(folder, source)
        if not kind and found:
            layout.remark(name, "a folder that is neither sSC nor tSC: its scores are not parted by endings")
        for key in sorted(found, key=in_sequence):
            item = spoken_story(key, found[key], name, kind, stories, layout)
            layout.add(TOPIC_FILE if kind == RANDOM else SPOKEN_FILE, item)
        for story in sorted(stories.keys() - {key.partition(" ")[0] for key in found}):
            layout.remark(story, f"a story without recordings in {name}")
    return layout


def read_stories(path: Path, layout: Layout) -> list[Choice]:
    """The good rows of the written test."""
    stories = []
    for number, row in read_rows(path, COLUMNS, layout):
        name = row["InputStoryid"].strip()
        if row["AnswerRightEnding"].strip() not in ("1", "2"):
            layout.reject(name or f"line {number}", "no such answer", f"{row['AnswerRightEnding']!r} is not 1 or 2")
        elif not name or not all(row[column].strip() for column in (*SENTENCES, *ENDINGS)):
            layout.reject(name or f"line {number}", "an empty field", f"line {number}")
        else:
            stories.append(written_story(name, row))
    return stories


def written_story(name: str, row: Row) -> Choice:
    """Four sentences, and two endings."""
    context = Spoken(" ".join(row[column].strip() for column in SENTENCES))
    endings = tuple(Spoken(row[column].strip()) for column in ENDINGS)
    return Choice(name, TRUE, context, endings, int(row["AnswerRightEnding"]) - 1)


def pairs(recordings: Iterable[Path], folder: str, layout: Layout) -> dict[str, Pair]:
    """The right and the wrong recording of every story, by its id; and by its index, where a story has several."""
    stories: dict[str, list[tuple[str, str, Path]]] = {}
    for path in recordings:
        match = RECORDING.fullmatch(path.name)
        if match is None:
            reason = "a recording that is not called INDEX_STORY_correct or INDEX_STORY_incorrect"
            layout.reject(f"{folder}/{path.name}", reason)
        else:
            stories.setdefault(match[2], []).append((match[1], match[3].lower(), path))
    found: dict[str, Pair] = {}
    for story, parts in stories.items():
        several = len(parts) > 2
        for index in sorted({index for index, _, _ in parts}) if several else [None]:
            chosen = [(kind, path) for i, kind, path in parts if index in (None, i)]
            by_kind = dict(chosen)
            if len(chosen) == len(by_kind) == 2:
                key = story if index is None else f"{story} {index}"
                found[key] = by_kind["correct"], by_kind["incorrect"]
            else:
                names = ", ".join(path.name for _, path in chosen)
                layout.reject(story, "unpaired", f"one correct and one incorrect recording are needed, not {names}")
    return found


def kind_of(folder: Path, source: Path) -> str:
    """What the wrong endings of a folder are, by its name or one above it, up to `source`; empty where none says."""
    for name in (f.name.casefold() for f in (folder, *folder.parents) if f.is_relative_to(source)):
        if name.startswith(("ssc", "sstory", "s_story")):
            return TRUE
        if name.startswith(("tsc", "tstory", "t_story", "topic")):
            return RANDOM
    return ""


def spoken_story(key: str, pair: Pair, folder: str, kind: str, stories: dict[str, Choice], layout: Layout) -> Choice:
    """Two whole stories; with their words where a text file or, for true negatives, the written test has them."""
    story = key.partition(" ")[0]
    known = stories.get(story)
    texts = ["", ""]
    if known is not None:
        texts[0] = f"{known.context.text} {known.choices[known.answer].text}"
        texts[1] = f"{known.context.text} {known.choices[1 - known.answer].text}" if kind == TRUE else ""
    for k, path in enumerate(path.with_suffix(".txt") for path in pair):
        try:
            texts[k] = " ".join(path.read_text(encoding="utf-8-sig").split()) if path.is_file() else texts[k]
        except UnicodeDecodeError:
            layout.remark(f"{folder}/{path.name}", "a text that is not UTF-8: it is not used")
    choices = tuple(Spoken(text, str(path)) for text, path in zip(texts, pair, strict=True))
    return Choice(f"{folder}/{key}", kind, Spoken(""), choices, 0, cluster=story)


def is_in(folder: Path) -> bool:
    """Whether it holds the written test, or spoken stories themselves."""
    tables = any("InputStoryid" in path.read_bytes()[:HEADER].decode(errors="replace") for path in folder.glob("*.csv"))
    return tables or any(RECORDING.fullmatch(path.name) for path in folder.iterdir())


BENCHMARK = Benchmark(
    "StoryCloze's CSV, folders sSC and tSC of recordings, or both",
    ("storycloze", "storycloze_whole", "storycloze_topic"),
    read,
    ("split",),
    is_in,
)
