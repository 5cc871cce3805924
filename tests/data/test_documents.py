import gzip
import json

import pytest

from ssr_connector.data.documents import Document, Documents, Malformed, Place
from ssr_connector.errors import UserError


def texts(path, start=None):
    return [item.text for item in Documents(path).read(start or Place()) if isinstance(item, Document)]


def malformed(path):
    return [(item.where, item.reason) for item in Documents(path).read() if isinstance(item, Malformed)]


def write(path, content):
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a"])
def test_plain_text_has_a_document_on_each_line_that_is_not_blank(tmp_path, name):
    content = '\ufeffOne.\r\n\n  \n{"text": "Two."}\nThree é.'.encode()
    assert texts(write(tmp_path / name, content)) == ["One.", '{"text": "Two."}', "Three é."]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.ndjson", "a.json.gz"])
def test_json_lines_hold_text(tmp_path, name):
    content = b'{"text": "One\\ntwo.", "id": 3}\n\n{"text": ""}\n{"text": "Three."}\n'
    assert texts(write(tmp_path / name, content)) == ["One\ntwo.", "Three."]


@pytest.mark.parametrize("bad", ['{"txt": "x"}', '{"text": 3}', '{"text": null}', '["text"]', '"text"', "text", "{"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_bad_line_is_named_and_left_out(tmp_path, bad, suffix):
    path = write(tmp_path / f"a.jsonl{suffix}", f'{{"text": "good"}}\n{bad}\n{{"text": "too"}}\n'.encode())
    assert texts(path) == ["good", "too"]
    assert malformed(path) == [(f"{path}, line 2", 'not a JSON object with a string "text"')]


def test_a_line_in_another_encoding_is_named_and_left_out(tmp_path):
    path = write(tmp_path / "latin.txt", "fine\nné\nfine too".encode("latin-1"))
    assert texts(path) == ["fine", "fine too"]
    assert malformed(path) == [(f"{path}, line 2", "not UTF-8")]


def test_a_folder_is_its_files_in_order_and_every_place_can_be_gone_on_from(tmp_path):
    write(tmp_path / "b.jsonl.gz", b'{"text": "c"}\nbad\n{"text": "d"}\n')
    write(tmp_path / "a.txt", "ä\n\nb\n".encode())
    write(tmp_path / "notes.md", b"no text")
    found = list(Documents(tmp_path).read())
    assert [item.text if isinstance(item, Document) else item.where for item in found] == [
        *("ä", "b", "c", f"{tmp_path / 'b.jsonl.gz'}, line 2", "d")
    ]
    assert [(item.place.file, item.place.line) for item in found] == [(0, 1), (0, 3), (1, 1), (1, 2), (1, 3)]
    for k, item in enumerate(found):
        assert list(Documents(tmp_path).read(item.place)) == found[k:]


def test_half_of_a_surrogate_pair_is_no_text(tmp_path):
    path = write(
        tmp_path / "a.jsonl", rb'{"text": "a"}' + b"\n" + rb'{"text": "\ud83d"}' + b"\n" + rb'{"text": "\ud83d\ude00"}'
    )
    assert texts(path) == ["a", "😀"]
    assert malformed(path) == [(f"{path}, line 2", "not Unicode text: half of a surrogate pair")]


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UserError, match=r"there is no text .*none\.txt"):
        Documents(tmp_path / "none.txt")
    with pytest.raises(UserError, match="holds no text"):
        Documents(tmp_path)
    cut = tmp_path / "cut.txt.gz"
    cut.write_bytes(gzip.compress(b"line\n" * 1000)[:-12])
    with pytest.raises(UserError, match=r"cut\.txt\.gz cannot be read after line \d+ .*ended before"):
        texts(cut)
    with pytest.raises(UserError, match=r"no\.txt\.gz cannot be read after line 0"):
        texts(_plain(tmp_path / "no.txt.gz"))


def _plain(path):
    path.write_bytes(b"this is not gzipped\n")
    return path


def test_one_endless_line_is_an_error_and_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("ssr_connector.data.documents.LONGEST_LINE_BYTES", 100)
    path = write(tmp_path / "a.json", b'{"text": "fine"}\n[' + b"1," * 1000)
    with pytest.raises(UserError, match=r"a\.json, line 2, is longer"):
        texts(path)


@pytest.fixture
def dataset(tmp_path):
    """As `save_to_disk` writes one: two Arrow streams of batches of two rows."""
    pyarrow = pytest.importorskip("pyarrow")
    folder = tmp_path / "dataset"
    folder.mkdir()
    rows = ["one", None, " ", "two", "three", "four", "five"]
    for number, part in enumerate((rows[:5], rows[5:])):
        table = pyarrow.table({"id": list(range(len(part))), "text": pyarrow.array(part, pyarrow.string())})
        with pyarrow.ipc.new_stream(folder / f"data-{number}.arrow", table.schema) as stream:
            stream.write_table(table, max_chunksize=2)
    names = [{"filename": f"data-{number}.arrow"} for number in (0, 1)]
    (folder / "state.json").write_text(json.dumps({"_data_files": names}))
    return folder


def test_a_dataset_on_disk_is_read_row_by_row_from_any_place(dataset):
    found = list(Documents(dataset).read())
    assert [item.text if isinstance(item, Document) else item.reason for item in found] == [
        *("one", "no text", "two", "three", "four", "five")
    ]
    assert found[1].where == f"{dataset / 'data-0.arrow'}, row 2"
    for k, item in enumerate(found):
        assert list(Documents(dataset).read(item.place)) == found[k:]


def test_of_a_dataset_in_parts_the_training_part_is_read(dataset, tmp_path):
    (tmp_path / "all").mkdir()
    for part in ("train", "test"):
        (tmp_path / "all" / part).symlink_to(dataset)
    (tmp_path / "all" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert texts(tmp_path / "all") == ["one", "two", "three", "four", "five"]
    (tmp_path / "all" / "dataset_dict.json").write_text('{"splits": ["b", "test"]}')
    with pytest.raises(UserError, match="has the parts b, test: give the folder of one"):
        Documents(tmp_path / "all")


def test_parquet_files_are_a_dataset_too(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    for part in ("train", "test"):
        table = pyarrow.table({"sentence": [f"{part} {i}" for i in range(40)]})
        parquet.write_table(table, tmp_path / f"{part}-00000-of-00001.parquet")
    assert texts(tmp_path) == [f"train {i}" for i in range(40)]
    assert texts(tmp_path, Place(0, 37, 38)) == ["train 37", "train 38", "train 39"]
    parquet.write_table(pyarrow.table({"number": [1]}), tmp_path / "train-00000-of-00001.parquet")
    with pytest.raises(UserError, match="has no column of text, only number"):
        texts(tmp_path)
