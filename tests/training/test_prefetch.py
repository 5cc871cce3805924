import threading
import time

import pytest

from ssr_connector.training.prefetch import AHEAD, prefetched


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("prefetch")]


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
@pytest.mark.parametrize("n", [0, 1, 3, 40])
def test_results_come_in_order(workers, n):
    def work(k):
        time.sleep(0.001 * (k % 3))
        return k * k

    assert list(prefetched(work, range(n), workers)) == [k * k for k in range(n)]
    assert not threads()


def test_no_more_is_done_than_what_is_soon_asked_for():
    begun = []
    stream = prefetched(begun.append, range(1000), 2)
    for asked in (1, 2, 5):
        for _ in range(asked):
            next(stream)
    time.sleep(0.05)
    assert len(begun) <= 8 + AHEAD * 2 + 1
    stream.close()
    assert not threads()
    alone = []
    next(prefetched(alone.append, range(1000), 0))
    assert alone == [0]


def test_workers_work_while_nobody_asks():
    begun = threading.Barrier(3, timeout=10)  # both workers, and this thread, at once
    stream = prefetched(lambda k: begun.wait() if 1 <= k <= 2 else k, range(9), 2)
    assert next(stream) == 0
    begun.wait()
    stream.close()


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_an_error_comes_in_its_place_and_ends_all(workers):
    def work(k):
        if k == 4:
            raise LookupError("four")
        return k

    stream = prefetched(work, range(100), workers)
    assert [next(stream) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(LookupError, match="four"):
        next(stream)
    assert not threads()
