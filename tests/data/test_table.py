import json
from pathlib import Path

import pytest

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.table import is_table, read_table
from ssr_connector.errors import UserError


def table(folder: Path, name: str, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding=encoding)
    return path


def test_the_three_formats_give_the_same_entries(tmp_path: Path) -> None:
    row = {"id": "x", "audio": "a/b.wav", "text": "Hello, you.", "speaker": "S", "language": "en", "mood": "glad"}
    rows = row | {"start_s": "0.5", "end_s": "1.25"}
    tsv = table(tmp_path, "t.tsv", "\t".join(rows), "\t".join(rows.values()))
    csv = table(tmp_path, "t.csv", ",".join(rows), ",".join(f'"{v}"' for v in rows.values()), encoding="utf-8-sig")
    jsonl = table(tmp_path, "t.jsonl", json.dumps(row | {"start_s": 0.5, "end_s": 1.25}))
    expected = Entry("x", tmp_path / "a/b.wav", "Hello, you.", "S", "en", 0.5, 1.25, {"mood": "glad"})
    for path in (tsv, csv, jsonl):
        assert list(read_table(path)) == [expected]
        assert is_table(path)


def test_ids_come_from_paths_and_times(tmp_path: Path) -> None:
    path = table(tmp_path, "t.tsv", "audio\ttext\tstart_s", "d/one.flac\ta\t", "d/one.flac\tb\t1.5", "/abs/x.wav\tc\t")
    entries = [entry for entry in read_table(path) if isinstance(entry, Entry)]
    assert [entry.id for entry in entries] == ["d/one", "d/one-1.500", "/abs/x"]
    assert entries[2].audio == Path("/abs/x.wav")
    assert entries[0].start_s is None
    assert entries[0].speaker is None


def test_tsv_is_literal_and_csv_is_quoted(tmp_path: Path) -> None:
    tsv = table(tmp_path, "t.tsv", "audio\ttext", 'a.wav\t"Yes," she said, "no')
    csv = table(tmp_path, "t.csv", "audio,text", 'a.wav,"""Yes,"" she said,\nand left"')
    assert [e.text for e in read_table(tsv) if isinstance(e, Entry)] == ['"Yes," she said, "no']
    assert [e.text for e in read_table(csv) if isinstance(e, Entry)] == ['"Yes," she said,\nand left']


@pytest.mark.parametrize(
    ("header", "column", "name"),
    [
        ("audio\ttxt\tspeaker", "txt", "text"),
        ("Audio\ttext", "Audio", "audio"),
        ("path\ttext", "path", "audio"),
        ("audio\ttranscript", "transcript", "text"),
        ("audio\ttext\tspeeker", "speeker", "speaker"),
        ("audio\ttext\tstart\tend_s", "start", "start_s"),
        ("audio\ttext\tID", "ID", "id"),
    ],
)
def test_a_misspelt_column_is_an_error_that_names_the_right_one(
    tmp_path: Path, header: str, column: str, name: str
) -> None:
    path = table(tmp_path, "t.tsv", header, "a\tb\tc\td")
    with pytest.raises(UserError, match=rf"t\.tsv has a column '{column}' where '{name}' is known"):
        list(read_table(path))


def test_columns_beside_the_known_ones_are_custom(tmp_path: Path) -> None:
    path = table(tmp_path, "t.tsv", "audio\ttext\traw_text\tpath\tidx", "a.wav\tb\tB.\tp\t3")
    (entry,) = read_table(path)
    assert isinstance(entry, Entry)
    assert entry.custom == {"raw_text": "B.", "path": "p", "idx": "3"}


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("t.tsv", ["audio\tspeaker", "a\tb"], "has no column 'text', only audio, speaker"),
        ("t.tsv", ["audio\ttext\ttext", "a\tb\tc"], "two columns 'text'"),
        ("t.tsv", [], "holds no rows"),
        ("t.tsv", ["audio\ttext"], "holds no rows"),
        ("t.jsonl", [], "holds no rows"),
        ("t.jsonl", ['{"audio": "a.wav"}'], "has no column 'text'"),
        ("t.csv", ["audio,text", 'a.wav,"never closed'], "correct the quotes"),
        ("t.xlsx", ["audio,text"], "is not a table"),
    ],
)
def test_broken_tables_are_named(tmp_path: Path, name: str, lines: list[str], message: str) -> None:
    path = table(tmp_path, name, *lines)
    with pytest.raises(UserError, match=message) as caught:
        list(read_table(path))
    assert str(path) in str(caught.value)


def test_a_table_that_is_not_utf8_or_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not UTF-8"):
        list(read_table(table(tmp_path, "t.tsv", "audio\ttext", "a.wav\tcafé", encoding="latin-1")))
    with pytest.raises(UserError, match="does not exist"):
        list(read_table(tmp_path / "none.tsv"))


@pytest.mark.parametrize(
    ("name", "lines", "reason"),
    [
        ("t.tsv", ["audio\ttext", "a.wav"], "malformed line"),
        ("t.tsv", ["audio\ttext", "\thello"], "no audio path"),
        ("t.tsv", ["audio\ttext\tstart_s", "a.wav\thello\tsoon"], "malformed time"),
        ("t.tsv", ["audio\ttext\tend_s", "a.wav\thello\tnan"], "malformed time"),
        ("t.tsv", ["audio\ttext\tstart_s", "a.wav\thello\t-1"], "malformed time"),
        ("t.jsonl", ['{"audio": "a.wav", "text": "x"}', "{"], "malformed line"),
        ("t.jsonl", ['{"audio": "a.wav", "text": "x"}', "[1]"], "malformed line"),
        ("t.jsonl", ['{"audio": "a.wav", "text": "x"}', '{"audio": "a.wav", "text": "\\ud800"}'], "malformed line"),
        ("t.jsonl", ['{"audio": "a.wav\\u0000", "text": "x"}'], "no audio path"),
        ("t.jsonl", ['{"audio": "a.wav", "text": null}'], "empty transcript"),
        ("t.jsonl", ['{"audio": "a.wav", "text": "x"}', '{"text": "x"}'], "no audio path"),
    ],
)
def test_a_bad_row_is_rejected_with_its_line(tmp_path: Path, name: str, lines: list[str], reason: str) -> None:
    *_, last = read_table(table(tmp_path, name, *lines))
    assert isinstance(last, Rejected)
    assert last.reason == reason
    assert f"line {len(lines)}" in last.detail


def test_0_is_a_name(tmp_path: Path) -> None:
    lines = [json.dumps({"id": k, "audio": f"{k}.wav", "text": "Hi."}) for k in (0, 1)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    assert [entry.id for entry in read_table(tmp_path / "t.jsonl")] == ["0", "1"]
