import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from ssr_connector.data.cuts import read_corpora, read_cuts
from ssr_connector.data.on_disk import OnDisk


def test_values_come_back_by_id_in_their_order():
    items = [(f"u{k}", {"n": k, "text": "é" * (k % 7)}) for k in range(200)]
    kept = OnDisk(iter(items))
    assert list(kept.items()) == items
    assert (len(kept), "u3" in kept, "v" in kept) == (200, True, False)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(kept.__getitem__, [key for key, _ in reversed(items)])) == [v for _, v in reversed(items)]
    with pytest.raises(KeyError):
        kept["v"]


def test_some_of_them_lie_in_the_same_file():
    kept = OnDisk((str(k), k) for k in range(10))
    some = kept.only(["7", "2"])
    del kept
    assert dict(some) == {"7": 7, "2": 2}
    assert "3" not in some


def test_an_id_that_comes_twice_is_an_error():
    with pytest.raises(ValueError, match="a comes twice"):
        OnDisk([("a", 1), ("a", 2)])


def test_cuts_are_what_they_were(tiny_corpus):
    path = tiny_corpus / "train.jsonl.gz"
    kept = read_corpora([path])
    assert list(kept.values()) == list(read_cuts(path))
    assert len(pickle.dumps(kept[next(iter(kept))])) < 2000
