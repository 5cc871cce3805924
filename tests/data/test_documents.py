import pytest

from ssr_connector.data.documents import read_documents
from ssr_connector.errors import UserError


def test_plain_text_has_a_document_on_each_line_that_is_not_blank(tmp_path):
    (tmp_path / "a.txt").write_text('One.\n\n  \n{"text": "Two."}\nThree é.', encoding="utf-8")
    assert list(read_documents(tmp_path / "a.txt")) == ["One.", '{"text": "Two."}', "Three é."]


def test_json_lines_hold_text(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "One\\ntwo.", "id": 3}\n\n{"text": ""}\n{"text": "Three."}\n')
    assert list(read_documents(tmp_path / "a.jsonl")) == ["One\ntwo.", "Three."]


@pytest.mark.parametrize("bad", ['{"txt": "x"}', '{"text": 3}', '{"text": null}', '["text"]', '"text"', "text", "{"])
def test_a_bad_line_is_named(tmp_path, bad):
    (tmp_path / "a.jsonl").write_text(f'{{"text": "good"}}\n{bad}\n')
    with pytest.raises(UserError, match=r"a\.jsonl, line 2, is not a JSON object"):
        list(read_documents(tmp_path / "a.jsonl"))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read the text .*none\.txt"):
        list(read_documents(tmp_path / "none.txt"))
    with pytest.raises(UserError, match="cannot read the text"):
        list(read_documents(tmp_path))
    (tmp_path / "latin.txt").write_bytes("fine\nné".encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.txt is not UTF-8"):
        list(read_documents(tmp_path / "latin.txt"))
