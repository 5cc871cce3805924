"""How written words are spoken."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssr_connector.aligners.pronunciation import letter_to_sound, spoken_words


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Hello,", "hello"),
        ("don’t", "don't"),
        ("'tis", "tis"),
        ("well-known", "well known"),
        ("naïve", "naive"),
        ("1920", "nineteen twenty"),
        ("$3,500", "dollars three thousand five hundred"),
        ("2nd", "two nd"),
        ("50%", "fifty percent"),
        ("007", "zero zero seven"),
        ("A&B", "a and b"),
        ("...", ""),
        ("日本", "日本"),
    ],
)
def test_spoken_words(written, spoken):
    assert spoken_words(written) == spoken.split()


@given(st.text())
def test_any_text_is_spoken_somehow_or_not_at_all(text):
    for word in spoken_words(text):
        assert word
        assert not any(c.isspace() for c in word)


@given(st.text(string.ascii_letters, min_size=1))
def test_every_english_spelling_has_phones(word):
    assert letter_to_sound(word)


def test_known_guesses():
    assert letter_to_sound("brontal") == "B R AA N T AE L"
    assert letter_to_sound("nation") == "N AE SH AH N"
    assert letter_to_sound("日本") == ""
