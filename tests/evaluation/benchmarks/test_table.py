import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.layout import Options
from ssr_connector.evaluation.benchmarks.table import FILE, read


def write(path, text):
    path.write_text(text)
    return read(path, Options())


def test_pairs_with_and_without_the_optional_columns(tmp_path):
    layout = write(tmp_path / "t.tsv", "speaker\tnegative\tid\tpositive\tgroup\nann\tb.wav\tp1\tsub/a.wav\teasy\n")
    (item,) = layout.questions[FILE]
    assert [c.audio for c in item.choices] == [str(tmp_path / "sub" / "a.wav"), str(tmp_path / "b.wav")]
    assert (item.id, item.group, item.speaker, item.answer) == ("p1", "easy", "ann", 0)
    (item,) = write(tmp_path / "t.csv", f'positive,negative\n"a, b.wav",{tmp_path}/c.wav\n').questions[FILE]
    assert [c.audio for c in item.choices] == [str(tmp_path / "a, b.wav"), str(tmp_path / "c.wav")]
    assert item.id == "line 2"


def test_bad_rows_and_unknown_columns_are_named(tmp_path):
    layout = write(tmp_path / "t.csv", "positive,negative,id,mood\na.wav,b.wav,x,sad\na.wav,,y,sad\na.wav\n")
    assert [i.id for i in layout.questions[FILE]] == ["x"]
    assert [(r.id, r.reason) for r in layout.rejected] == [("y", "no path"), ("t.csv, line 4", "malformed line")]
    assert [r.id for r in layout.remarks] == ["mood"]


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no column negative: its first line holds positive, worse"):
        write(tmp_path / "t.csv", "positive,worse\na.wav,b.wav\n")
    with pytest.raises(UserError, match="not a table"):
        read(tmp_path, Options())
    with pytest.raises(UserError, match="does not exist"):
        read(tmp_path / "none.csv", Options())


def test_the_better_recording_wins(tmp_path, score):
    items = write(tmp_path / "t.csv", "positive,negative\na.wav,b.wav\nb.wav,a.wav\n").questions[FILE]
    assert score("pairs", items, {"a": -1.0, "b": -2.0}).value == 50
