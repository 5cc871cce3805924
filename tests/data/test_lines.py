from pathlib import Path

import pytest

from ssr_connector.data.lines import read_lines, read_text
from ssr_connector.errors import UserError


def test_lines_lose_their_ends_and_the_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\r\ntwo\u2028three\n".encode())
    assert list(read_lines(path)) == ["one", "two\u2028three"]
    assert read_text(path) == "one\ntwo\u2028three"


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.txt does not exist"):
        list(read_lines(tmp_path / "none.txt"))
    with pytest.raises(UserError, match="cannot be read"):
        list(read_lines(tmp_path))
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is not UTF-8"):
        list(read_lines(tmp_path / "b.txt"))
    assert list(read_lines(tmp_path / "b.txt", strict=False)) == ["\udcff\udcfe\0"]
