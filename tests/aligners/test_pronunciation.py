import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssr_connector.aligners import pronunciation
from ssr_connector.aligners.pronunciation import guess_phones, letters_to_sounds, spoken_parts

PHONES = set(" ".join([*pronunciation.SOUNDS.values(), *pronunciation.IPA.values()]).split())


def first(word):
    return [" ".join(readings[0]) for readings in spoken_parts(word)]


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ('"Don\'t!"', ["don't"]),
        ("Tom’s", ["tom's"]),
        ("forty-one", ["forty", "one"]),
        ("word--word", ["word", "word"]),
        ("x_y", ["x", "y"]),
        ("B2B", ["b", "two", "b"]),
        ("9am", ["nine", "am"]),
        ("$5", ["five dollars"]),
        ("$1", ["one dollar"]),
        ("£1.5", ["one point five pounds"]),
        ("¥1", ["one yen"]),
        ("€21", ["twenty one euros"]),
        ("50%", ["fifty", "percent"]),
        ("R&D", ["r", "and", "d"]),
        ("3rd,", ["third"]),
        ("½", ["half"]),
        ("--", []),
        ("\U0001f600", []),
        ("'", []),
    ],
)
def test_parts_of_words(word, parts):
    assert first(word) == parts


@given(st.text(max_size=30))
def test_whatever_has_a_letter_or_digit_is_spoken(text):
    for word in text.split():
        parts = spoken_parts(word)
        assert parts or not any(c.isalnum() for c in word)
        for readings in parts:
            assert readings
            assert all(reading and all(w and not w.isspace() for w in reading) for reading in readings)


@given(st.text(min_size=1, max_size=12))
def test_everything_has_a_sound(text):
    assert set(letters_to_sounds(text).split()) <= PHONES
    assert letters_to_sounds(text)


def test_letters_to_sounds():
    assert letters_to_sounds("shone") == "SH AA N"
    assert letters_to_sounds("Ängström") == "AE NG S T R AA M"
    assert letters_to_sounds("日本") == "AH AH"


def test_without_espeak_the_letters_decide(monkeypatch):
    guess_phones.cache_clear()
    monkeypatch.setattr(pronunciation, "_has_espeak", lambda: False)
    assert guess_phones("blicketing") == letters_to_sounds("blicketing")
    guess_phones.cache_clear()


def test_espeak_pronounces_what_it_can():
    pytest.importorskip("espeakng_loader")
    guess_phones.cache_clear()
    assert guess_phones("knightly") == "N AY T L IY"
    assert guess_phones("日本") == "AH AH"
