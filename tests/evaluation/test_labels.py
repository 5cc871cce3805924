import pytest

from ssr_connector.evaluation.labels import family, in_order, interval, number, slug, system_name, with_unit


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(88.14, "%", "88.1"), (-0.04, "points", "0.0"), (-9.1, "points", "−9.1"), (0.9345, "", "0.934"), (3, "", "3"),
     (6.25, "/s", "6.25"), (22.6, "ms", "22.6")],
)  # fmt: skip
def test_number(value: float, unit: str, text: str) -> None:
    assert number(value, unit) == text


def test_interval_and_unit() -> None:
    assert interval((84.9, 91.0)) == "84.9–91.0"
    assert interval((-1.9, 0.4), "points") == "−1.9 to 0.4"
    assert with_unit(22.6, "ms") == "22.6 ms"
    assert with_unit(0.934, "") == "0.934"


def test_systems_that_are_not_listed() -> None:
    assert family(system_name("ssr")) == "ours"
    assert family("my own") == "ours"
    assert family(system_name("stack_layers")) == "baseline"
    assert [family(name, ("qformer",)) for name in ("qformer", "my own", "text model")] == ["baseline", "ours", "text"]
    assert [slug(system_name(name)) for name in ("ssr", "mine")] == ["ssr", "mine"]
    assert in_order(["z", "b", "z", "a"], ["a", "b", "c"]) == ["a", "b", "z"]
