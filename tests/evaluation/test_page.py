from ssr_connector.evaluation.page import Html, element, escape, page, section, table


def test_text_is_escaped_once_and_markup_is_not() -> None:
    assert escape("<a & 'b'>") == "&lt;a &amp; &#x27;b&#x27;&gt;"
    assert element("p", element("b", "1 < 2")) == "<p><b>1 &lt; 2</b></p>"
    assert escape(Html("<br>")) == "<br>"


def test_empty_sections_and_tables_are_nothing() -> None:
    assert section("Heading", "", Html()) == ""
    assert table(["a"], []) == ""
    assert "Heading" in section("Heading", "", "text")


def test_the_title_is_escaped() -> None:
    assert "<title>a &lt; b</title>" in page("a < b", "")
