import random
from collections.abc import Callable

import pytest

from ssr_connector.tiny.grammar import PHENOMENA, Contrast


def test_there_are_enough_phenomena() -> None:
    assert len({phenomenon(random.Random(0)).phenomenon for phenomenon in PHENOMENA}) == len(PHENOMENA) >= 6


@pytest.mark.parametrize("phenomenon", PHENOMENA, ids=lambda phenomenon: phenomenon.__name__)
def test_pairs_are_minimal(phenomenon: Callable[[random.Random], Contrast]) -> None:
    rng = random.Random(0)
    for _ in range(200):
        contrast = phenomenon(rng)
        assert contrast.good != contrast.bad
        for sentence in (contrast.good, contrast.bad):
            assert sentence[0].isupper()
            assert sentence.endswith(".")
            assert "*" not in sentence
        good, bad = contrast.good.lower().split(), contrast.bad.lower().split()
        changed = set(good) ^ set(bad)
        assert 1 <= len(changed) <= 3, (contrast.good, contrast.bad)


@pytest.mark.parametrize("phenomenon", PHENOMENA, ids=lambda phenomenon: phenomenon.__name__)
def test_length_does_not_tell(phenomenon: Callable[[random.Random], Contrast]) -> None:
    rng = random.Random(0)
    contrasts = [phenomenon(rng) for _ in range(200)]
    assert all(len(contrast.good.split()) == len(contrast.bad.split()) for contrast in contrasts)


@pytest.mark.parametrize("phenomenon", PHENOMENA, ids=lambda phenomenon: phenomenon.__name__)
def test_good_sentences_are_many(phenomenon: Callable[[random.Random], Contrast]) -> None:
    rng = random.Random(0)
    assert len({phenomenon(rng).good for _ in range(2000)}) > 1900
