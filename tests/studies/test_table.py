"""Tables of studies."""

from ssr_connector.studies.table import Column, cell, markdown

COLUMNS = (Column("a", "A, %", "{:.1f}"), Column("b", "B", "{:.0f}"))


def test_a_row_has_its_figures_in_the_order_of_the_columns():
    rows = [
        {"title": "first", "figures": {"b": {"value": 7}, "a": {"value": 1.25, "ci95": [1.0, 1.5]}}},
        {"title": "second", "figures": {"a": {"value": 2, "ci95": None}, "other": {"value": 1}}},
    ]
    assert markdown(rows, COLUMNS).splitlines() == [
        "| | A, % | B |",
        "|---|---|---|",
        "| first | 1.2 (1.0–1.5) | 7 |",
        "| second | 2.0 | – |",
    ]


def test_what_is_not_there_is_a_dash():
    assert cell(None, "{:.1f}") == "–"
