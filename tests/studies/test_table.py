"""Tables of studies."""

from ssr_connector.studies.results import BESIDE, Difference, Figure, Results, Row
from ssr_connector.studies.study import Column
from ssr_connector.studies.table import cell, change_cell, markdown

COLUMNS = (Column("a", "A, %", "{:.1f}", paired=True), Column("b", "B", "{:.0f}"), Column("c", "C", "{:.0f}"))


def run(a, b=None):
    items = {"value": sum(a) / len(a), "ids": list("xyz"), "sums": a, "weights": [1.0] * 3}
    return {"a": items} | ({} if b is None else {"b": {"value": b}})


def test_rows_in_their_tables_and_what_stands_beside_them_in_all():
    rows = [
        Row("first", "first", "one", [run([1.0, 1.0, 1.0], 7)]),
        Row("second", "second", "two", [run([3.0, 3.0, 3.0])]),
        Row("other", "other", BESIDE, [run([2.0, 2.0, 2.0])]),
    ]
    assert markdown(Results(rows, 50), COLUMNS, {"one": "One", "two": "Two", "three": "Three"}).splitlines() == [
        "### One",
        "",
        "| | A, % | − first | B |",
        "|---|---|---|---|",
        "| first | 1.0 (1.0–1.0) | – | 7 |",
        "| other | 2.0 (2.0–2.0) | **+1.0 (1.0 to 1.0)** | – |",
        "",
        "### Two",
        "",
        "| | A, % | − second |",
        "|---|---|---|",
        "| second | 3.0 (3.0–3.0) | – |",
        "| other | 2.0 (2.0–2.0) | **-1.0 (-1.0 to -1.0)** |",
    ]


def test_a_cell_has_its_interval_and_the_spread_of_seeds():
    assert cell(None, "{:.1f}") == "–"
    assert cell(Figure(1.25, (1.0, 1.5), (0.5, 2.0), 9), "{:.1f}") == "1.2 (0.5–2.0) [1.0–1.5]"
    assert cell(Figure(7, (7,), None, 0), "{:.0f}") == "7"


def test_only_what_is_told_apart_is_bold():
    assert change_cell(Difference(-1.5, (-1.0, -2.0), (-2.0, -0.5), 9), "{:.1f}") == "**-1.5 (-2.0 to -0.5)**"
    assert change_cell(Difference(-1.5, (-4.0, 1.0), (-2.0, -0.5), 9), "{:.1f}") == "-1.5 (-2.0 to -0.5)"
    assert change_cell(Difference(0.5, (0.5,), (-0.2, 1.0), 9), "{:,.1f}") == "+0.5 (-0.2 to 1.0)"
