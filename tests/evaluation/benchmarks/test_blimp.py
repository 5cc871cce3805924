import json

import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.blimp import FILE, read
from ssr_connector.evaluation.benchmarks.layout import Options

PAIR = {
    "sentence_good": "She runs.",
    "sentence_bad": "She run.",
    "UID": "agreement",
    "field": "morphology",
    "pairID": "7",
}


def write(path, *rows):
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_pairs_by_paradigm_and_field(tmp_path):
    write(tmp_path / "data" / "agreement.jsonl", PAIR)
    for source in (tmp_path, tmp_path / "data", tmp_path / "data" / "agreement.jsonl"):
        (item,) = read(source, Options()).questions[FILE]
        assert [c.text for c in item.choices] == ["She runs.", "She run."]
        assert (item.id, item.group, item.kinds, item.answer) == ("agreement/7", "agreement", ("morphology",), 0)


def test_bad_lines_are_named(tmp_path):
    half = {k: v for k, v in PAIR.items() if k != "sentence_bad"} | {"pairID": "8"}
    layout = read(write(tmp_path / "a.jsonl", "{", "[]", "", half, PAIR), Options())
    assert [i.id for i in layout.questions[FILE]] == ["agreement/7"]
    assert [(r.id, r.reason) for r in layout.rejected] == [
        ("a.jsonl, line 1", "malformed line"),
        ("a.jsonl, line 2", "malformed line"),
        ("agreement/8", "no sentence_good and sentence_bad"),
    ]


def test_a_folder_without_lines_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no JSON lines"):
        read(tmp_path, Options())


def test_the_real_files_are_read_whole(shared):
    layout = read(shared("blimp") / "subset100", Options())
    items = layout.questions[FILE]
    assert layout.rejected == []
    assert len(items) == len({i.id for i in items}) == 6700
    assert len({i.group for i in items}) == 67
    assert {k for i in items for k in i.kinds} == {"morphology", "semantics", "syntax", "syntax_semantics"}
