"""An audio dataset of Hugging Face on disk: what ``save_to_disk`` wrote, or Parquet files as the hub keeps them.

They are read with pyarrow, row by row; neither `datasets` nor its audio decoders are needed. Parquet files lie in the
folder or in its ``data/``, with names such as ``train-00000-of-00002.parquet``. Recordings that are bytes in a row
become files of these very bytes; those that are only a path stay where they are. Columns: one with audio; a transcript
(the first of TEXT that is there); optional ones named as in ID, SPEAKER and LANGUAGE.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.subsets import check_subset
from ssr_connector.errors import UserError
from ssr_connector.files import is_there, replace_file

TEXT = ("text", "sentence", "transcript", "transcription", "normalized_text", "raw_transcription")
ID = ("id", "utterance_id", "segment_id")
SPEAKER = ("speaker_id", "speaker", "client_id")
LANGUAGE = ("language", "locale", "lang")
STATE, FEATURES = "state.json", "dataset_info.json"
SUBSETS = "dataset_dict.json"
BATCH_ROWS = 16
PAIR = "struct<bytes: binary, path: string>"
MAGIC = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3", b"NIST": ".sph"}


def is_hugging_face(source: Path) -> bool:
    """Whether ``source`` is a dataset, or several, as `save_to_disk` writes them, or holds Parquet files."""
    return (source / STATE).is_file() or (source / SUBSETS).is_file() or bool(_parquet(source))


def read_hugging_face(source: Path, *, folder: Path, subset: str | None = None) -> Iterator[Entry | Rejected]:
    """Every row, of all subsets or of one; recordings that are bytes are written into ``folder``.

    Raises UserError where pyarrow is missing, where the dataset cannot be read, has no audio or no transcripts, and
    where ``folder`` cannot be written.
    """
    named: set[str] = set()
    if (source / SUBSETS).is_file():
        names = _list(source / SUBSETS, "splits")
        if not all(isinstance(name, str) and re.fullmatch(r"[\w][\w.-]*", name) for name in names):
            raise UserError(f"{source / SUBSETS} names splits that are no folders: save the dataset again")
        if subset is not None:
            check_subset(source, subset, names)
        for name in names if subset is None else [subset]:
            yield from _read_dataset(source / name, name, _arrow(source / name), folder, named)
        return
    parquet = {} if (source / STATE).is_file() else _parquet(source)
    if subset is not None:
        check_subset(source, subset, parquet)
    if not parquet:
        yield from _read_dataset(source, source.absolute().name, _arrow(source), folder, named)
    for name in sorted(parquet) if subset is None else [subset]:
        yield from _read_dataset(source, name, parquet[name], folder, named)


def dataset_files(source: Path) -> list[Path]:
    """The files of a dataset, of its part `train` if it has several. Raises UserError where it has no such part."""
    if (source / STATE).is_file():
        return _arrow(source)
    parts = _list(source / SUBSETS, "splits") if (source / SUBSETS).is_file() else list(_parquet(source))
    name = parts[0] if len(parts) == 1 else "train"
    if name not in parts:
        raise UserError(f"{source} has the parts {', '.join(map(str, parts))}: give the folder of one of them")
    return _arrow(source / name) if (source / SUBSETS).is_file() else _parquet(source)[name]


def _arrow(source: Path) -> list[Path]:
    files = _list(source / STATE, "_data_files")
    return [source / str(file.get("filename") if isinstance(file, dict) else file) for file in files]


def _parquet(source: Path) -> dict[str, list[Path]]:
    """Parquet files by subset."""
    found: dict[str, list[Path]] = {}
    for path in sorted([*source.glob("*.parquet"), *source.glob("data/*.parquet")]):
        found.setdefault(re.sub(r"-\d+-of-\d+.*", "", path.stem), []).append(path)
    return found


def _read_dataset(
    source: Path, name: str, files: list[Path], folder: Path, named: set[str]
) -> Iterator[Entry | Rejected]:
    """The rows of one subset; `named` are the ids there are, and become those of these rows, too."""
    number = 0
    for path in files:
        for columns, row in _rows(source, path):
            number += 1
            id_ = f"{name}-{number:08}"
            if row is None:
                yield Rejected(id_, "", "malformed row", f"row {number} of {source} is not what its columns say")
                continue
            entry = _entry(source, id_, row, columns, folder)
            if entry.id in named:  # as FLEURS's, which number sentences that several speakers read
                entry = replace(entry, id=f"{entry.id}-{id_}")
            named.add(entry.id)
            yield entry


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): save the dataset again with `save_to_disk`") from None
    if not isinstance(found, dict):
        raise UserError(f"{path} is no JSON object: save the dataset again with `save_to_disk`")
    return found


def _list(path: Path, key: str) -> list[Any]:
    found = _json(path).get(key)
    if not isinstance(found, list):
        raise UserError(f"{path} has no list {key!r}: save the dataset again with `save_to_disk`")
    return found


@dataclass(frozen=True)
class Columns:
    """Which column is what, and the names of the classes that a column's numbers stand for."""

    names: Mapping[str, str]
    classes: Mapping[str, list[str]]

    def text(self, row: Mapping[str, Any], what: str) -> str | None:
        """What a row says of the recording; None where it says nothing."""
        column = self.names.get(what, "")
        value = row.get(column)
        classes = self.classes.get(column, [])
        if isinstance(value, int) and 0 <= value < len(classes):
            value = classes[value]
        return None if value is None or str(value).strip() == "" else str(value)


def _rows(source: Path, path: Path) -> Iterator[tuple[Columns, dict[str, Any] | None]]:
    """Which column is what, and a row, for every row of a file; None for a row that cannot be decoded."""
    with opened_arrow(path) as (schema, batches):
        columns = _columns(source, schema)
        for batch in batches:
            for i in range(batch.num_rows):  # one by one: a batch may hold a thousand recordings
                try:
                    row = batch.slice(i, 1).to_pylist()[0]
                except ValueError:  # text that is not UTF-8
                    row = None
                yield columns, row


@contextmanager
def opened_arrow(path: Path) -> Iterator[tuple[Any, Iterator[Any]]]:
    """The schema of an Arrow stream or Parquet file, and its record batches, mapped into memory as they are read.

    Raises UserError where pyarrow is missing, and where the file cannot be read, inside of the block, too.
    """
    try:
        import pyarrow
        from pyarrow import ipc, parquet
    except ImportError:
        raise UserError(f"{path} is an Arrow file: install pyarrow to read it, `pip install pyarrow`") from None
    try:
        with pyarrow.memory_map(str(path)) as memory:
            if path.suffix == ".parquet":
                file = parquet.ParquetFile(memory)
                yield file.schema_arrow, file.iter_batches(batch_size=BATCH_ROWS)
            else:
                stream = ipc.open_stream(memory)
                yield stream.schema, iter(stream)
    except (OSError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read ({reason}): save the dataset again with `save_to_disk`") from None


def _columns(source: Path, schema: Any) -> Columns:
    """Which column is what; raises UserError where there is no audio, or more than one, or no transcript."""
    try:
        info = json.loads((schema.metadata or {})[b"huggingface"])["info"]
    except (KeyError, TypeError, ValueError):
        info = _json(source / FEATURES) if is_there(source / FEATURES) else {}
    features = info.get("features") if isinstance(info, dict) else None
    told = {name: kind for name, kind in dict(features or {}).items() if isinstance(kind, dict)}
    kinds = {name: kind.get("_type") for name, kind in told.items()}
    # Where nothing says what a column is, a pair of bytes and a path is audio: images are such pairs, too.
    pairs = [field.name for field in schema if str(field.type) == PAIR]
    audio = [name for name in schema.names if kinds.get(name) == "Audio"] if kinds else pairs
    if len(audio) != 1:
        raise UserError(f"{source} has {len(audio)} columns of audio, not 1: save it with one column of type Audio")
    columns = {"audio": audio[0]}
    for what, names in (("text", TEXT), ("id", ID), ("speaker", SPEAKER), ("language", LANGUAGE)):
        found = next((name for name in names if name in schema.names), None)
        if found is not None:
            columns[what] = found
    if "text" not in columns:
        raise UserError(f"{source} has no transcripts, only {', '.join(schema.names)}: name their column {TEXT[0]!r}")
    classes = {name: kind.get("names") for name, kind in told.items() if kinds[name] == "ClassLabel"}
    return Columns(columns, {name: list(map(str, of)) for name, of in classes.items() if isinstance(of, list)})


def _entry(source: Path, name: str, row: Mapping[str, Any], columns: Columns, folder: Path) -> Entry | Rejected:
    audio, text = row[columns.names["audio"]], row[columns.names["text"]]
    data, path = (audio.get(name) for name in ("bytes", "path")) if isinstance(audio, dict) else (None, None)
    id_, speaker, language = (columns.text(row, what) for what in ("id", "speaker", "language"))
    where = str(path or name)
    if not isinstance(text, str):
        return Rejected(id_ or name, where, "empty transcript", f"row {name} has no text")
    if not (isinstance(data, bytes) and data) and not (isinstance(path, str) and path):
        return Rejected(id_ or name, where, "no audio path", f"row {name} has neither bytes nor a path")
    if data:
        return Entry(id_ or name, _write(data, folder / f"{name}{_suffix(data, path)}"), text, speaker, language)
    beside = source / str(path)  # a relative path may also start where the dataset was made, so perhaps here
    return Entry(id_ or name, beside if is_there(beside) else Path(str(path)), text, speaker, language)


def _suffix(data: bytes, path: str | None) -> str:
    known = next((suffix for magic, suffix in MAGIC.items() if data.startswith(magic)), None)
    suffix = Path(path or "").suffix.lower()
    return known or (suffix if re.fullmatch(r"\.\w{1,5}", suffix) else ".mp3")  # MP3 frames need no magic number


def _write(data: bytes, path: Path) -> Path:
    """The file with these bytes, written unless it is there already."""
    if not (path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data):
        try:
            with replace_file(path, wait=False) as new:
                new.write_bytes(data)
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror}): make room for the recordings") from None
    return path
