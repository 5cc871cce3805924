"""Exercises of memory: what stands earlier in a text, said again or looked up.

A model of this size finds out how to look back only after millions of tokens of stories and questions, where that pays
little; here every word hangs on it.
"""

import random

from ssr_connector.tiny import lexicon

WORDS = tuple(
    noun.word
    for pool in (lexicon.THINGS, lexicon.CONTAINERS, lexicon.PLACES, lexicon.ANIMALS, lexicon.FOODS, lexicon.FOLK)
    for noun in pool
) + tuple(map(str, lexicon.PEOPLE + lexicon.ADJECTIVES + lexicon.COLOURS))


def repetition(rng: random.Random) -> str:
    """A list of words, said twice."""
    said = ", ".join(rng.sample(WORDS, rng.randint(3, 10)))
    return f"{rng.choice(('Say', 'Repeat', 'Write'))}: {said}. Again: {said}."


def pairs(rng: random.Random) -> str:
    """Pairs of words, and then the partners of some of them."""
    listed = list(zip(*[iter(rng.sample(WORDS, 2 * rng.randint(2, 5)))] * 2, strict=True))
    asked = rng.choices(listed, k=6)
    if rng.random() < 0.5:
        asked = [(second, first) for first, second in asked]
    return f"{' '.join(f'{a}, {b}.' for a, b in listed)} So {', '.join(f'{a}: {b}' for a, b in asked)}."
