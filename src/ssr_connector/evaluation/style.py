"""Few-shot classification of delivery: recordings with their labels come before each that is to be labelled."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ssr_connector.errors import UserError
from ssr_connector.evaluation.choice import Choice, Example


def with_shown(items: Sequence[Choice], among: Sequence[Choice], shots: int, seed: int, path: Path) -> list[Choice]:
    """Items with `shots` examples of each of their labels, in random order, drawn from those `among` with other words.

    Raises UserError where there are fewer of a label.
    """
    bearers: dict[str, list[Choice]] = {}
    for item in among:
        bearers.setdefault(item.choices[item.answer].text, []).append(item)
    alike = {label: Counter(words_of(item) for item in found) for label, found in bearers.items()}
    out = []
    for item in items:
        rng = random.Random(f"{seed}/{item.id}")
        shown: list[Example] = []
        for label in (choice.text for choice in item.choices):
            found = bearers.get(label, [])
            n_alike = alike[label][words_of(item)] if found else 0
            others = len(found) - n_alike
            if others < shots:
                raise UserError(
                    f"{path}: {item.id} needs {shots} examples of {label!r} that say something else, and there are "
                    f"{others}: add recordings, or set evaluation.style_shots to at most {others}"
                )
            drawn = rng.sample(found, shots + n_alike)  # so many that enough are left without those
            drawn = [other for other in drawn if words_of(other) != words_of(item)]
            shown += [Example(other.context, f"{item.prompt} {label}\n") for other in drawn[:shots]]
        rng.shuffle(shown)
        out.append(replace(item, examples=tuple(shown)))
    return out


def words_of(item: Choice) -> str:
    """What is said: equal where an example would be the same words in another delivery."""
    return item.context.text or item.cluster or item.id
