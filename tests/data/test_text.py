import random

import pytest

from ssr_connector.data.text import NormalisedText, SpeechText, has_unspoken_symbols, is_speakable

CASED = SpeechText("cased")
LOWER = SpeechText("lower")


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("“Hello,” she said – twice…", '"Hello," she said - twice...'),
        ("  two \t spaces\u00a0 and\na line\n", "two spaces and a line"),
        ("arts and crafts—or not", "arts and crafts--or not"),
        ("cafe\u0301 ‘ok’", "café 'ok'"),
        ("soft\u00adhyphen\ufeff", "softhyphen"),
        ("   ", ""),
        ("", ""),
    ],
)
def test_cased_keeps_case_and_punctuation(written: str, spoken: str) -> None:
    assert CASED(written).text == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("MISTER QUILTER'S MANNER", "mister quilter's manner"),
        ("“Well-known,” he said; it's 3.", "well known he said it's 3"),
        ("'Hello there,' he said.", "hello there he said"),
        ("'tis done", "'tis done"),
        ("the boys' toys", "the boys' toys"),
        ("’tis the boys’ toy", "'tis the boys' toy"),
        ("‘Don’t go,’ she said", "don't go she said"),
        ("rock 'n' roll", "rock n roll"),
        ("a - b", "a b"),
        ("ÉCOLE İstanbul", "école i̇stanbul"),
        ("...", ""),
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),
    ],
)
def test_lower_is_librispeech_like(written: str, spoken: str) -> None:
    assert LOWER(written).text == spoken


def test_origins_point_at_the_characters_they_come_from() -> None:
    original = "  “Cafe\u0301—No…” "
    result = CASED(original)
    assert result.text == '"Café--No..."'
    assert result.origins == (2, 3, 4, 5, 6, 8, 8, 9, 10, 11, 11, 11, 12)
    assert LOWER("It  IS").origins == (0, 1, 2, 4, 5)


def test_hangul_jamo_compose_to_one_character_with_one_origin() -> None:
    assert CASED("a\u1112\u1161\u11ab b") == NormalisedText("a한 b", (0, 1, 4, 5))


@pytest.mark.parametrize("normaliser", [CASED, LOWER])
def test_any_text_gives_increasing_origins_and_is_stable(normaliser: SpeechText) -> None:
    rng = random.Random(1)
    alphabet = "aB' \t’‘“—…é\u0301\u1112\u1161\u11ab-.,?İß9€\u200b"
    for _ in range(300):
        original = "".join(rng.choices(alphabet, k=rng.randrange(20)))
        result = normaliser(original)
        assert all(a <= b for a, b in zip(result.origins, result.origins[1:], strict=False))
        assert all(0 <= i < len(original) for i in result.origins)
        assert result.text == result.text.strip()
        assert "  " not in result.text
        if normaliser is CASED:
            assert CASED(result.text).text == result.text


def test_origins_must_match_the_text() -> None:
    with pytest.raises(ValueError, match="1 origins for 2"):
        NormalisedText("ab", (0,))


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="cased, lower"):
        SpeechText("upper")  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "speakable"), [("a", True), ("4", True), ("…?!", False), ("", False), ("да", True)])
def test_speakable_needs_a_letter_or_digit(text: str, speakable: bool) -> None:
    assert is_speakable(text) is speakable


@pytest.mark.parametrize(
    ("text", "has"), [("in 1920", True), ("5 £", True), ("you & me", True), ("it’s “ok” — really…", False), ("½", True)]
)
def test_digits_and_symbols_are_seen(text: str, has: bool) -> None:
    assert has_unspoken_symbols(text) is has
