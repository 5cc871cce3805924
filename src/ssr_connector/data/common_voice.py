"""Common Voice in its original layout: ``train.tsv``, ``dev.tsv``, ``test.tsv``, ``validated.tsv`` … and ``clips/``.

The source is the folder of one language, or one that holds several. Tables are read literally, without quoting, save
for sentences with quotation marks that were quoted when the table was written.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.lines import read_lines
from ssr_connector.data.subsets import check_subset
from ssr_connector.errors import UserError

SUBSETS = ("train", "dev", "test", "validated", "other", "invalidated")
REQUIRED = ("path", "sentence")
CUSTOM = ("age", "gender", "accents", "variant", "up_votes", "down_votes")


def is_common_voice(source: Path) -> bool:
    """Whether ``source`` holds, or its folders hold, ``clips/`` and one of the tables."""
    return source.is_dir() and any(_subsets(folder) for folder in _languages(source))


def read_common_voice(source: Path, subset: str = "train") -> Iterator[Entry | Rejected]:
    """Every row of one table, of each language; raises UserError where none has it or a column is missing."""
    folders = _languages(source)
    if not folders:
        raise UserError(f"{source} holds no clips/: give the folder of a language of Common Voice, such as …/en")
    check_subset(source, subset, sorted({name for folder in folders for name in _subsets(folder)}))
    for folder in folders:
        table = folder / f"{subset}.tsv"
        if table.is_file():
            yield from _read_rows(table, subset)
        else:
            yield Rejected(folder.name, str(folder), "missing transcript", f"there is no {table}")


def _languages(source: Path) -> list[Path]:
    if (source / "clips").is_dir():
        return [source]
    return sorted(clips.parent for clips in source.glob("*/clips") if clips.is_dir() and _subsets(clips.parent))


def _subsets(folder: Path) -> list[str]:
    return [name for name in SUBSETS if (folder / f"{name}.tsv").is_file()]


def _read_rows(table: Path, subset: str) -> Iterator[Entry | Rejected]:
    lines = read_lines(table, strict=False)
    header = next(lines, "").split("\t")
    for column in REQUIRED:
        if column not in header:
            raise UserError(f"{table} has no column {column!r}, only {', '.join(header)}: is it of Common Voice?")
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        fields = line.split("\t")
        if len(fields) != len(header):
            detail = f"{table} line {number} has {len(fields)} fields, the header has {len(header)}"
            yield Rejected(f"{table.name} line {number}", "", "malformed line", detail)
            continue
        row = dict(zip(header, fields, strict=True))
        if row["path"].strip():
            yield _entry(table, subset, row)
        else:
            detail = f"{table} line {number} has nothing in its column 'path'"
            yield Rejected(f"{table.name} line {number}", "", "no audio path", detail)


def _entry(table: Path, subset: str, row: Mapping[str, str]) -> Entry:
    name = row["path"].strip()
    if not Path(name).suffix:  # releases before the second name clips without it
        name += ".mp3"
    return Entry(
        id=name.removesuffix(Path(name).suffix),
        audio=table.parent / "clips" / name,
        text=_unquoted(row["sentence"]),
        speaker=row.get("client_id") or None,
        language=row.get("locale") or table.absolute().parent.name,
        custom={"subset": subset} | {column: row[column] for column in CUSTOM if row.get(column)},
    )


def _unquoted(text: str) -> str:
    """``"He said ""yes""."`` was quoted by the writer of the table; ``"Yes."`` is a sentence in quotation marks."""
    inner = text[1:-1]
    is_quoted = len(text) > 1 and text[0] == text[-1] == '"' and '""' in inner and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if is_quoted else text
