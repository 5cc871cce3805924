"""MMLU as Hendrycks published it: header-less CSVs `test/SUBJECT_test.csv`, questions to be read, not heard.

A row is a question, its four options, and the letter of the right one. Prompts are those of `evaluate.py` of
hendrycks/test, to the letter, from the texts as the files hold them (pandas, which that code reads them with, turns
some of them into other ones: 0.50 into 0.5, None into nan).
"""

from dataclasses import dataclass
from pathlib import Path

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.layout import Benchmark, Layout, Options, first_folder
from ssr_connector.evaluation.benchmarks.rows import read_fields
from ssr_connector.evaluation.choice import Choice, Spoken

FILE = "mmlu.jsonl"
LETTERS = tuple("ABCD")
SPLITS = ("test", "val")
SHOTS = 5
SUBJECTS = 57  # as published
LAYOUT = "the folder of MMLU that holds test/ or val/, and dev/ for the examples"


@dataclass(frozen=True)
class Row:
    """A question as its line holds it (question, options, letter), and all lines that may be its examples."""

    name: str
    subject: str
    fields: list[str]
    examples: list[list[str]]


def read(source: Path, options: Options) -> Layout:
    """All questions of a split. Raises UserError where the folders are not there."""
    rows, layout = read_rows(source, options)
    for row in rows:
        layout.add(FILE, question(row, options))
    return layout


def read_rows(source: Path, options: Options) -> tuple[list[Row], Layout]:
    """The same before they are laid out for reading; the layout holds what was rejected."""
    shots = wanted(options)
    if not 0 <= shots <= SHOTS:
        raise UserError(f"--shots {shots}: dev/ holds {SHOTS} examples of every subject, give 0 to {SHOTS}")
    if options.split not in (None, *SPLITS):
        raise UserError(f"--split {options.split}: MMLU is asked from {' or '.join(SPLITS)}")
    folder = first_folder(source, (options.split,) if options.split else SPLITS, LAYOUT)
    split = folder.name
    if shots and not (source / "dev").is_dir():
        raise UserError(f"{source} holds no folder dev, where the {shots} examples are: add it, or give --shots 0")
    layout = Layout(split=split)
    rows: list[Row] = []
    subjects = sorted(path.stem.removesuffix(f"_{split}") for path in folder.glob(f"*_{split}.csv"))
    if len(subjects) < SUBJECTS:
        layout.remark(f"{split}/", f"fewer subjects than the {SUBJECTS} that were published", f"{len(subjects)}")
    for subject in subjects:
        examples = read_split(source, "dev", subject, layout) if shots else []
        for number, fields in enumerate(read_split(source, split, subject, layout)):
            name = f"{subject}/{number}"
            if len(examples) < shots:
                layout.reject(name, "too few examples", f"dev/{subject}_dev.csv holds fewer than {shots}")
            else:
                rows.append(Row(name, subject, fields, examples))
    for path in sorted((source / "dev").glob("*_dev.csv")):
        if (subject := path.stem.removesuffix("_dev")) not in subjects:
            layout.reject(f"{split}/{subject}_{split}.csv", "missing file", "dev/ has examples of this subject")
    return rows, layout


def wanted(options: Options) -> int:
    """How many examples come before every question."""
    return SHOTS if options.shots is None else options.shots


def read_questions(path: Path, layout: Layout) -> list[list[str]]:
    """The good rows of a file; the others are rejected."""
    good = []
    for number, fields in read_fields(path, layout):
        if len(fields) != len(LETTERS) + 2:
            layout.reject(f"{path.name}, line {number}", "malformed line", f"{len(fields)} fields, not 6")
        elif fields[-1].strip() not in LETTERS:
            layout.reject(f"{path.name}, line {number}", "no such answer", f"{fields[-1]!r} is none of A to D")
        else:
            good.append([*fields[:-1], fields[-1].strip()])
    return good


def read_split(source: Path, split: str, subject: str, layout: Layout) -> list[list[str]]:
    """The good rows of a subject; none where the file is missing."""
    path = source / split / f"{subject}_{split}.csv"
    return read_questions(path, layout) if path.is_file() else []


def question(row: Row, options: Options) -> Choice:
    """One question to be read."""
    start = (header(row.subject) if options.header else "") + "".join(map(shown, row.examples[: wanted(options)]))
    letters = tuple(Spoken(letter) for letter in LETTERS)
    answer = LETTERS.index(row.fields[-1])
    written = start + asked(row.fields)
    return Choice(row.name, row.subject.replace("_", " "), Spoken(""), letters, answer, written=written)


def header(subject: str) -> str:
    """What comes before the examples; the second space before the subject is Hendrycks' own."""
    return f"The following are multiple choice questions (with answers) about  {subject.replace('_', ' ')}.\n\n"


def asked(row: list[str]) -> str:
    """A question without its answer."""
    options = "".join(f"\n{letter}. {text}" for letter, text in zip(LETTERS, row[1:-1], strict=True))
    return f"{row[0]}{options}\nAnswer:"


def shown(row: list[str]) -> str:
    """A question with its answer, as an example."""
    return f"{asked(row)} {row[-1]}\n\n"


def is_in(folder: Path) -> bool:
    """Whether there is a CSV of any split."""
    return any(next((folder / split).glob(f"*_{split}.csv"), None) for split in (*SPLITS, "dev"))


BENCHMARK = Benchmark(
    "Hendrycks' folder: test/*_test.csv, dev/*_dev.csv", ("mmlu",), read, ("split", "shots", "header"), is_in
)
