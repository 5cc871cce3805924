import pytest

from ssr_connector.evaluation.sections import duration, flatten


def test_recipe_as_dotted_keys() -> None:
    tree = {"training": {"lr": 0.001, "objectives": {"cosine": 5.0}, "train": ["a", "b"]}, "variants": {}, "name": None}
    assert flatten(tree) == [
        ("training.lr", "0.001"),
        ("training.objectives.cosine", "5.0"),
        ("training.train", '["a", "b"]'),
        ("variants", "{}"),
        ("name", "null"),
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(64.8, "65 s"), (754.2, "12 min 34 s"), (3725.0, "1 h 2 min"), (99.7, "1 min 40 s")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
