import json
from pathlib import Path

import pytest

from ssr_connector.data import json_array
from ssr_connector.data.json_array import read_array
from ssr_connector.errors import UserError


@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 20])
def test_members_come_whole_however_the_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(json_array, "CHUNK_CHARACTERS", chunk)
    members = [{"a": [1, {"b": "]},"}]}, [], "x, y", {"é": None}, 12.5]
    path = tmp_path / "a.json"
    for indent in (None, 2):
        path.write_text(json.dumps({"audio": [], "audios": members, "more": [1]}, indent=indent, ensure_ascii=False))
        assert list(read_array(path, "audios")) == members
        assert list(read_array(path, "audio")) == []


@pytest.mark.parametrize(
    ("text", "n_good", "message"),
    [
        ('{"audios": [{"a": 1}, {"a": ', 1, "not JSON after member 1"),
        ('{"audios": [{"a": 1}, {"b": x}]}', 1, "not JSON after member 1"),
        ('{"audios": [{"a": 1}', 0, "not JSON after member 0"),
        ('{"audios": [{"a": 1}, ' + "[" * 100_000, 1, "not JSON after member 1"),
        ('{"others": []}', 0, "no array 'audios'"),
        ("", 0, "no array 'audios'"),
    ],
)
def test_what_is_broken_is_named_after_what_is_good(tmp_path: Path, text: str, n_good: int, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    members = read_array(path, "audios")
    assert len([next(members) for _ in range(n_good)]) == n_good
    with pytest.raises(UserError, match=message):
        next(members)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        list(read_array(tmp_path / "none.json", "audios"))
    (tmp_path / "a.json").write_bytes(b'{"audios": ["\xff\xff"]}')
    with pytest.raises(UserError, match="is not UTF-8"):
        list(read_array(tmp_path / "a.json", "audios"))
