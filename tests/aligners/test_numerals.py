import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssr_connector.aligners.numerals import ONES, ORDINALS, TENS, amount, readings

WORDS = {*ONES, *TENS, *ORDINALS.values(), "hundred", "thousand", "million", "billion", "point", "oh", "and"}


@pytest.mark.parametrize(
    ("numeral", "reading"),
    [
        ("0", "zero"),
        ("13", "thirteen"),
        ("42", "forty two"),
        ("100", "one hundred"),
        ("342", "three hundred and forty two"),
        ("1920", "nineteen twenty"),
        ("1905", "nineteen oh five"),
        ("1900", "nineteen hundred"),
        ("2001", "two thousand one"),
        ("2001", "two thousand and one"),
        ("1,000", "one thousand"),
        ("1,234,567", "one million two hundred thirty four thousand five hundred sixty seven"),
        ("4.50", "four point five zero"),
        ("007", "zero zero seven"),
        ("007", "oh oh seven"),
        ("1st", "first"),
        ("22nd", "twenty second"),
        ("40th", "fortieth"),
        ("1960s", "nineteen sixties"),
        ("6s", "sixes"),
        ("5551234", "five five five one two three four"),
    ],
)
def test_known_readings(numeral, reading):
    assert reading.split() in readings(numeral)


@pytest.mark.parametrize(
    ("numeral", "reading"),
    [
        ("1920", "one thousand nine hundred twenty"),
        ("1,500.05", "one thousand five hundred point zero five"),
        ("007", "zero zero seven"),
    ],
)
def test_amounts_are_no_years(numeral, reading):
    assert " ".join(amount(numeral)) == reading


@pytest.mark.parametrize("text", ["3rd", "1960s", "x"])
def test_what_is_no_amount(text):
    with pytest.raises(ValueError, match="no plain numeral"):
        amount(text)


@pytest.mark.parametrize("text", ["", "x", "1x", "1 2", "-1", ".5"])
def test_what_is_no_numeral(text):
    with pytest.raises(ValueError, match="no numeral"):
        readings(text)


@given(st.integers(0, 10**14))
def test_every_number_is_readable_and_likeliest_readings_come_once(n):
    found = readings(str(n))
    assert found
    assert all(words and set(words) <= WORDS for words in found)
    assert ["".join(ONES[int(d)] for d in str(n))] == ["".join(w) for w in found if "oh" not in w][-1:]
