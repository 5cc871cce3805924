import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssr_connector.aligners.base import Unalignable
from ssr_connector.aligners.respelling import difference, respell
from ssr_connector.data.words import word_key
from ssr_connector.types import TimedWord


def timed(*rows):
    return [TimedWord(*row) for row in rows]


def test_equal_words_take_the_times_and_keep_their_spelling():
    found = respell(["\"Don't", "go!"], timed(("don't", 0.1, 0.3, -1.0), ("--", 0.3, 0.3), ("GO", 0.3, 0.4)))
    assert found == timed(("\"Don't", 0.1, 0.3, -1.0), ("go!", 0.3, 0.4))


def test_words_parted_otherwise_share_their_letters_times():
    known = timed(("well", 0.0, 0.4, -1.0), ("known", 0.5, 1.0, -2.0), ("ofthe", 1.0, 2.0))
    joined = respell(["well-known", "of", "the"], known)
    assert [(w.text, w.start_s, round(w.end_s, 6)) for w in joined] == [
        ("well-known", 0.0, 1.0),
        ("of", 1.0, 1.4),
        ("the", 1.4, 2.0),
    ]
    assert joined[0].score == pytest.approx((4 * -1.0 + 5 * -2.0) / 9)


@pytest.mark.parametrize(
    ("words", "said"),
    [(["frog"], "'frog' instead of 'dog'"), (["do"], "'' instead of 'g'"), (["dog", "s"], "'s' instead of ''")],
)
def test_other_words_are_refused_with_the_place(words, said):
    refused = respell(["dog"], timed(*((w, k, k + 1) for k, w in enumerate(words))))
    assert isinstance(refused, Unalignable)
    assert said in refused.reason


WORDS = st.lists(st.text(st.sampled_from("ab1é'日.-\u0301ßİΣ"), min_size=1, max_size=6).filter(word_key), max_size=8)


@given(WORDS, st.randoms(use_true_random=False))
def test_any_other_parting_keeps_letters_in_order_and_inside(written, rng):
    letters = "".join(map(word_key, written))
    cuts = sorted({0, len(letters), *(rng.randrange(len(letters) + 1) for _ in range(4))})
    parted = [letters[a:b] for a, b in itertools.pairwise(cuts)]
    found = respell(written, timed(*((w, k, k + 1.0) for k, w in enumerate(parted))))
    if "".join(map(word_key, parted)) != letters:  # a final sigma
        return
    assert [w.text for w in found] == written
    times = [t for w in found for t in (w.start_s, w.end_s)]
    assert times == sorted(times)
    assert all(0 <= w.start_s < w.end_s <= len(parted) for w in found)


@given(st.text(), st.text())
def test_difference_is_empty_for_equal_spellings_only(a, b):
    assert (difference(a, b) == "") == (a == b)
