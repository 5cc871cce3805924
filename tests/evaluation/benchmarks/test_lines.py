import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.layout import Layout
from ssr_connector.evaluation.benchmarks.lines import json_files, json_rows


def test_a_file_a_folder_and_its_folder_data(tmp_path):
    (tmp_path / "data").mkdir()
    for name in ("data/b.jsonl", "data/a.jsonl"):
        (tmp_path / name).write_text("{}\n")
    inner = [tmp_path / "data" / "a.jsonl", tmp_path / "data" / "b.jsonl"]
    assert json_files(tmp_path) == json_files(tmp_path / "data") == inner
    assert json_files(inner[1]) == [inner[1]]
    with pytest.raises(UserError, match="does not exist"):
        json_files(tmp_path / "none")


def test_what_is_no_object_of_text_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "\\ud800"}\n\n{"a": 1}\n3\n{\n', encoding="utf-8")
    layout = Layout()
    assert list(json_rows(path, layout)) == [(3, {"a": 1})]
    assert [r.id for r in layout.rejected] == ["a.jsonl, line 1", "a.jsonl, line 4", "a.jsonl, line 5"]
