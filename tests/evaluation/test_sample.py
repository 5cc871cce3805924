import itertools

import pytest

from ssr_connector.evaluation.choice import Choice, Spoken
from ssr_connector.evaluation.sample import sample


def item(name, cluster=""):
    return Choice(name, "", Spoken(""), (Spoken("a"), Spoken("b")), 0, cluster=cluster)


ITEMS = [item(f"q{k:03}") for k in range(500)]


def test_a_larger_sample_holds_every_smaller_one():
    sizes = [1, 20, 200, 499, 500, 900]
    drawn = [{i.id for i in sample(ITEMS, n, 3)} for n in sizes]
    assert [len(d) for d in drawn] == [min(n, 500) for n in sizes]
    assert all(small <= large for small, large in itertools.pairwise(drawn))
    assert sample(ITEMS, 0, 3) == ITEMS


def test_it_is_random_but_for_the_seed_and_keeps_the_order():
    drawn = sample(ITEMS, 100, 0)
    assert drawn == sorted(drawn, key=lambda i: i.id) == sample(ITEMS, 100, 0)
    assert {i.id for i in drawn} != {i.id for i in sample(ITEMS, 100, 1)}
    places = [ITEMS.index(i) for i in drawn]
    assert sum(places) / len(places) == pytest.approx(249.5, abs=60)  # four standard errors


def test_what_is_drawn_depends_on_names_alone():
    """So the same questions are asked in every task that has them, whatever else its file holds."""
    some = sample([*ITEMS[::-1], item("other")], 100, 0)
    assert len({i.id for i in some} & {i.id for i in sample(ITEMS, 100, 0)}) >= 99


def test_clusters_stay_whole():
    voices = [item(f"{pair}-{voice}", pair) for voice in "ABC" for pair in "pqrstuvwxyz"]
    for n in range(1, 33):
        drawn = sample(voices, n, 0)
        assert len(drawn) == max(3, n - n % 3)
        assert all(sum(i.cluster == d.cluster for i in drawn) == 3 for d in drawn)
