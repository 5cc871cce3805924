"""Spontaneous speech holds its text whole, and what is beside it is marked."""

import random
from itertools import pairwise

import pytest

from ssr_connector.tiny.spontaneous import FILLERS, Spontaneity, bare, broken_off

TEXT = "Yesterday Hannah brought the umbrella to a small station, and nobody asked why. " * 40


def said(text, seed=0, **shares):
    return Spontaneity(**shares)(text, random.Random(seed))


@pytest.mark.parametrize(
    "shares", [{}, {"fillers": 1.0}, {"fillers": 0.3, "repetitions": 0.3, "false_starts": 0.3}, {"repetitions": 1.0}]
)
def test_the_text_is_all_there_in_its_order(shares):
    assert " ".join(w.text for w in said(TEXT, **shares) if w.is_text).split() == TEXT.split()


def test_nothing_is_said_beside_the_text_of_read_speech():
    assert all(w.is_text for w in said(TEXT))


def test_each_share_is_that_of_the_words():
    n = len(TEXT.split())
    assert sum(w.text in FILLERS for w in said(TEXT, fillers=0.2)) == pytest.approx(0.2 * n, rel=0.3)
    assert sum(not w.is_text for w in said(TEXT, repetitions=0.2)) == pytest.approx(0.2 * n, rel=0.3)
    long = sum(bool(broken_off(w)) for w in TEXT.split())
    assert 0 < long < n
    assert sum(not w.is_text for w in said(TEXT, false_starts=0.5)) == pytest.approx(0.5 * long, rel=0.3)
    assert sum(not w.is_text for w in said(TEXT, false_starts=1.0)) == long


def test_what_is_repeated_or_broken_off_is_of_the_word_that_follows():
    for words, check in (
        (said(TEXT, repetitions=0.5), lambda extra, word: extra == bare(word)),
        (said(TEXT, false_starts=0.9), lambda extra, word: word.startswith(extra.rstrip(","))),
    ):
        pairs = [(a.text, b.text) for a, b in pairwise(words) if not a.is_text]
        assert pairs
        assert all(check(extra, word) for extra, word in pairs)


@pytest.mark.parametrize(
    ("word", "start"),
    [("umbrella", "um,"), ("station,", "stat,"), ("brought", "broug,"), ("the", ""), ("cat.", ""), ("shh", "")],
)
def test_a_broken_off_word_can_still_be_said(word, start):
    assert broken_off(word) == start


def test_a_seed_says_the_same_again():
    assert said(TEXT, 1, fillers=0.5) == said(TEXT, 1, fillers=0.5) != said(TEXT, 2, fillers=0.5)
