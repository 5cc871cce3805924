import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.layout import Layout
from ssr_connector.evaluation.benchmarks.rows import columns_of, read_fields, read_rows


def write(path, text, encoding="utf-8"):
    path.write_text(text, encoding=encoding)
    return path


def test_quotes_line_breaks_and_byte_order_marks(tmp_path):
    path = write(tmp_path / "a.csv", 'b,"x ""y""\nz"\r\n\r\nc,d\n', "utf-8-sig")
    layout = Layout()
    assert list(read_fields(path, layout)) == [(1, ["b", 'x "y"\nz']), (4, ["c", "d"])]
    assert layout.rejected == []


def test_tab_separated_text_is_literal(tmp_path):
    path = write(tmp_path / "a.tsv", 'a\tb\n"x\ty"\n')
    assert list(read_rows(path, ("a",), Layout())) == [(2, {"a": '"x', "b": 'y"'})]


def test_what_follows_a_broken_quote_is_named(tmp_path):
    path = write(tmp_path / "a.csv", 'a,b\nc,d\n"e,f\ng,h\n')
    layout = Layout()
    assert [fields for _, fields in read_fields(path, layout)] == [["a", "b"], ["c", "d"]]
    (rejected,) = layout.rejected
    assert rejected.reason == "broken quotes"
    assert rejected.id.endswith("a.csv, line 3 to the end")


def test_columns(tmp_path):
    assert columns_of(write(tmp_path / "a.csv", "a, b\nc,d\n")) == ["a", "b"]
    assert columns_of(write(tmp_path / "e.csv", "")) == []


def test_rows_that_cannot_be_meant_are_refused(tmp_path):
    layout = Layout()
    path = write(tmp_path / "a.csv", "a,b\nc\0d,e\nf\ng,h\n")
    assert list(read_rows(path, ("a",), layout)) == [(4, {"a": "g", "b": "h"})]
    assert [(r.id, r.reason) for r in layout.rejected] == [
        ("a.csv, line 2", "malformed line"),
        ("a.csv, line 3", "malformed line"),
    ]
    with pytest.raises(UserError, match="two columns of one name"):
        list(read_rows(write(tmp_path / "b.csv", "a,a\nb,c\n"), ("a",), layout))
