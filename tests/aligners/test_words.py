"""Words of an alignment, in seconds."""

import pytest

from ssr_connector.aligners.words import end_differences_s, timed_words, word_key
from ssr_connector.types import Alignment, TimedWord
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 160.0)  # edges at multiples of 20 ms


def test_words_reach_from_their_first_to_their_last_piece_without_punctuation():
    alignment = Alignment(
        'So "Anna", - go!',
        tuple(range(8)),
        (0, 5, 6, 9, 12, 14, 20, 25),
        (5, 6, 9, 12, 14, 20, 25, 27),
        ((0, 2), (2, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 15), (15, 16)),
        30,
    )
    words = timed_words(alignment, CLOCK)
    assert [w.text for w in words] == ["So", '"Anna",', "go!"]
    assert [(w.start_s, w.end_s) for w in words] == [
        pytest.approx((0.0, 0.10)),
        pytest.approx((0.12, 0.24)),
        pytest.approx((0.40, 0.50)),
    ]


def test_a_token_over_two_words_times_both():
    alignment = Alignment("of the", (1, 2), (0, 4), (4, 8), ((0, 4), (4, 6)), 8)
    assert [(w.start_s, w.end_s) for w in timed_words(alignment, CLOCK)] == [
        pytest.approx((0.0, 0.08)),
        pytest.approx((0.0, 0.16)),
    ]


def test_nothing_heard_has_no_words():
    assert timed_words(Alignment("", (), (), (), (), 4), CLOCK) == []
    assert timed_words(Alignment("?!", (1,), (0,), (4,), ((0, 2),), 4), CLOCK) == []


def timed(*words):
    return [TimedWord(text, end - 0.1, end) for text, end in words]


def test_differences_are_taken_between_the_same_words_only():
    known = timed(("The", 0.2), ("dog,", 0.5), ("the", 0.7), ("cat.", 1.0))
    found = timed(("the", 0.23), ("frog", 0.5), ("THE", 0.69), ("cat", 1.0))
    assert end_differences_s(found, known) == pytest.approx([0.03, -0.01, 0.0])
    dropped = timed(("dog", 0.55), ("cat", 0.9))
    assert end_differences_s(dropped, known) == pytest.approx([0.05, -0.1])
    assert end_differences_s([], known) == []
    assert end_differences_s(timed(("x", 1.0)), known) == []


def test_many_equal_words_are_not_taken_for_noise():
    """difflib leaves out frequent elements of long sequences unless it is told not to."""
    known = timed(*[("la", 0.1 * k) for k in range(1, 400)])
    found = timed(("oh", 0.05), *[("la", 0.1 * k + 0.01) for k in range(1, 400)])
    assert end_differences_s(found, known) == pytest.approx([0.01] * 399)


def test_word_key():
    assert word_key("“Don't!”") == "dont"
    assert word_key("Grüße,") == "grüße"
    assert word_key("--") == ""
