"""The pairs of ZeroSpeech 2021: a folder of recordings and its gold.csv, which says what each of them is.

Every pair is there in several voices. Its score is the mean over them, and the benchmark's the mean over pairs: items
bear the pair as their cluster and the voice as their speaker.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from ssr_connector.evaluation.benchmarks.layout import Layout, first_folder, in_sequence
from ssr_connector.evaluation.benchmarks.rows import Row, read_rows
from ssr_connector.evaluation.choice import Choice, Spoken

SPLITS = ("dev", "test")
GOLD = "gold.csv"
Labels = Callable[[Row], tuple[str, tuple[str, ...]]]  # of the right recording: its group, and further kinds


def read_pairs(
    source: Path, part: str, split: str | None, key: tuple[str, ...], text: str, labels: Labels
) -> tuple[list[Choice], Layout]:
    """Pairs of `part` (lexical or syntactic); `key` are the columns that name a pair, `text` the one with the words.

    Raises UserError where the folder or its gold.csv is missing, or lacks a column.
    """
    root = source / part if (source / part).is_dir() else source
    names = (split,) if split else SPLITS
    wanted = f"the folder of ZeroSpeech 2021 that holds {part}/{names[0]}/{GOLD}"
    folder = first_folder(root, [n for n in names if (root / n / GOLD).is_file()] or names, wanted)
    layout = Layout(split=folder.name)
    sides: dict[tuple[str, ...], tuple[list[Row], list[Row]]] = {}
    listed: set[str] = set()
    for number, row in read_rows(folder / GOLD, ("filename", "voice", "correct", *key), layout):
        row["filename"] = row["filename"].removesuffix(".wav")
        listed.add(row["filename"])
        correct = row["correct"].strip()
        if correct not in ("0", "1"):
            layout.reject(row["filename"], "no such value of correct", f"{correct!r} in line {number} is not 0 or 1")
            continue
        wrong, right = sides.setdefault((row["voice"], *(row[name] for name in key)), ([], []))
        (right if correct == "1" else wrong).append(row)
    items = [
        pair(name, right[0], wrong[0], folder, text, labels)
        for name, (wrong, right) in sides.items()
        if paired(name, right, wrong, layout)
    ]
    for path in sorted(folder.glob("*.wav")):
        if path.stem not in listed:
            layout.remark(path.name, f"a recording that {GOLD} does not list")
    return sorted(items, key=lambda item: in_sequence(item.id)), layout


def paired(name: tuple[str, ...], right: list[Row], wrong: list[Row], layout: Layout) -> bool:
    """Whether there is one of each; otherwise they are rejected."""
    if len(right) == len(wrong) == 1:
        return True
    reason = "unpaired" if len(right) < 2 and len(wrong) < 2 else "several of one kind"
    files = ", ".join(row["filename"] for row in (*right, *wrong))
    voice, *key = name
    layout.reject(f"{'/'.join(key)}-{voice}", reason, f"{len(right)} right and {len(wrong)} wrong: {files}")
    return False


def pair(name: tuple[str, ...], right: Row, wrong: Row, folder: Path, text: str, labels: Labels) -> Choice:
    """One pair in one voice."""
    voice, *key = name
    cluster = "/".join(key)
    group, kinds = labels(right)
    choices = tuple(Spoken(row.get(text, "").strip(), str(folder / f"{row['filename']}.wav")) for row in (right, wrong))
    return Choice(f"{cluster}-{voice}", group, Spoken(""), choices, 0, cluster=cluster, speaker=voice, kinds=kinds)


def layout_of(file: str, found: tuple[Iterable[Choice], Layout]) -> Layout:
    """Put the pairs into their file."""
    items, layout = found
    for item in items:
        layout.add(file, item)
    return layout
