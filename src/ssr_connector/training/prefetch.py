"""Work that is done before it is asked for, by threads: what is read next is ready when a step ends.

Threads and not processes: reading, decoding, resampling and numpy let others run meanwhile; nothing is copied between
processes, and what goes wrong comes out as it is.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")
AHEAD = 2  # results that each worker has ready or is making: what bounds their memory


def prefetched(work: Callable[[A], B], items: Iterable[A], workers: int) -> Generator[B]:
    """`work` of every item, in their order, by so many threads; 0: in this one, when it is asked for.

    What an item raises is raised in its place. When it is closed, what is under way is waited for, and no more is done.
    """
    if workers < 1:
        yield from map(work, items)
        return
    pending: deque[Future[B]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="prefetch")
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
