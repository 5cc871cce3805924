import math

import pytest

from ssr_connector.evaluation.journal import Journal


def forbidden():
    raise AssertionError("this was written down")


def test_what_is_written_down_is_not_done_again(tmp_path):
    path = tmp_path / "new" / "journal.jsonl"
    values = {"values": [[-1.25, -math.inf], [1 / 3, 2.0]], "seconds": 0.1}
    assert Journal(path, code="1").recall({"task": "a"}, lambda: values) == values
    again = Journal(path, code="1")
    assert again.recall({"task": "a"}, forbidden) == values
    for other, key in (
        (again, {"task": "b"}),
        (again, {"task": "a", "mode": "S"}),
        (Journal(path, code="2"), {"task": "a"}),
    ):
        assert other.recall(key, lambda: "new") == "new"
    assert len(path.read_text().splitlines()) == 4


@pytest.mark.parametrize("damage", [b'{"key": {"k": 2}, "val', b"\xff\xfe", b'{"key": {"k": 2}, "value": 2}', b"[]\n"])
def test_half_a_line_at_the_end_is_cut_off(tmp_path, damage):
    path = tmp_path / "journal.jsonl"
    Journal(path).recall({"k": 1}, lambda: 1)
    whole = path.read_bytes()
    path.write_bytes(whole + damage)
    journal = Journal(path)
    assert path.read_bytes() == whole
    assert journal.recall({"k": 1}, forbidden) == 1
    assert journal.recall({"k": 2}, lambda: 3) == 3
    assert Journal(path).recall({"k": 2}, forbidden) == 3


def test_a_failure_leaves_nothing(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    with pytest.raises(ZeroDivisionError):
        journal.recall({"k": 1}, lambda: 1 / 0)
    assert journal.recall({"k": 1}, lambda: 2) == 2
