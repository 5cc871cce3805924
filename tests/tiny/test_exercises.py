import random

from ssr_connector.tiny import exercises


def test_repetitions_say_the_same_twice() -> None:
    rng = random.Random(0)
    for _ in range(50):
        first, _, second = exercises.repetition(rng).partition(". Again: ")
        assert first.partition(": ")[2] == second.rstrip(".")


def test_pairs_are_looked_up_in_one_direction() -> None:
    rng = random.Random(0)
    for _ in range(50):
        listed, _, asked = exercises.pairs(rng).rstrip(".").partition(" So ")
        known = [tuple(pair.split(", ")) for pair in listed.rstrip(".").split(". ")]
        looked_up = [tuple(pair.split(": ")) for pair in asked.split(", ")]
        backwards = [(second, first) for first, second in known]
        assert set(looked_up) <= set(known) or set(looked_up) <= set(backwards)
