"""A random sample of a task's items: the same for every system, a larger one holds every smaller one."""

import hashlib
from collections.abc import Sequence

from ssr_connector.evaluation.choice import Choice


def sample(items: Sequence[Choice], n: int, seed: int) -> list[Choice]:
    """At most `n` items, in their order; 0: all.

    Those of a cluster (a pair in its voices, a question with its options) come together, the first of them even where
    they are more than `n`. Which are drawn follows from the seed and their names alone, not from the others or the
    file, so that a question is drawn in all tasks that ask it.
    """
    if not n:
        return list(items)
    members: dict[str, list[int]] = {}
    for k, item in enumerate(items):
        members.setdefault(item.cluster or item.id, []).append(k)
    chosen: list[int] = []
    for name in sorted(members, key=lambda name: hashlib.blake2b(f"{seed}/{name}".encode()).digest()):
        if chosen and len(chosen) + len(members[name]) > n:
            break
        chosen += members[name]
    return [items[k] for k in sorted(chosen)]
