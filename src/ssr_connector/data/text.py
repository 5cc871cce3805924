"""Speech text: the one written form of an utterance that is both CTC target and source of the LLM's tokens.

Source: docs/method.md §3, "Speech text". A verbaliser for digits and symbols is not part of it: they must be
written out as spoken in the transcript.
"""

import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args

Form = Literal["cased", "lower"]
FORMS: tuple[Form, ...] = get_args(Form)

PLAIN = {
    **dict.fromkeys("‘’‚‛′ʼ`´", "'"),
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‐‑‒–−", "-"),
    **dict.fromkeys("—―", "--"),  # as typewriters and LJSpeech write a dash that joins no compound
    "…": "...",
    **dict.fromkeys("\u00ad\u200b\u200e\u200f\u2060\ufeff", ""),  # soft hyphen, zero-width space and direction marks
}
SYMBOLS = frozenset("%&@#*/\\§¶†‡•")  # read aloud as words, though Unicode calls them punctuation


@dataclass(frozen=True)
class NormalisedText:
    """Speech text, and for each of its characters the place in the original that it comes from."""

    text: str
    origins: tuple[int, ...]  # [len(text)] non-decreasing character offsets into the original

    def __post_init__(self) -> None:
        if len(self.origins) != len(self.text):
            raise ValueError(f"{len(self.origins)} origins for {len(self.text)} characters")


@dataclass(frozen=True)
class SpeechText:
    """Writes text in one form.

    Both forms: Unicode NFC, typographic quotes, dashes and dots as plain ones, white space squeezed and stripped.
    ``cased`` keeps case and punctuation. ``lower`` is LibriSpeech-like: letters, digits (see `has_unspoken_symbols`),
    apostrophes that belong to words and single spaces, in lower case; any other character parts words.
    """

    form: Form = "cased"

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"the forms of speech text are {', '.join(FORMS)}, not {self.form!r}")

    def __call__(self, text: str) -> NormalisedText:
        """The speech text of ``text``; empty where nothing of it is left."""
        composed = _composed([(character, i) for i, character in enumerate(text)])
        # Again after it, as a mark may now stand beside the letter that an invisible character kept it from.
        pairs = _composed([(plain, i) for character, i in composed for plain in PLAIN.get(character, character)])
        if self.form == "lower":
            pairs = _lowered(pairs, text)
        kept: list[tuple[str, int]] = []
        for character, i in pairs:
            if not character.isspace():
                kept.append((character, i))
            elif kept and kept[-1][0] != " ":
                kept.append((" ", i))
        if kept and kept[-1][0] == " ":
            kept.pop()
        return NormalisedText("".join(c for c, _ in kept), tuple(i for _, i in kept))


def is_speakable(text: str) -> bool:
    """Whether there is at least one letter or digit, of any script."""
    return any(character.isalnum() for character in text)


def has_unspoken_symbols(text: str) -> bool:
    """Whether there are digits or symbols, which say nothing of how they were spoken ("1920", "£", "&")."""
    plain = SpeechText("cased")(text).text
    return any(c in SYMBOLS or unicodedata.category(c) in ("Nd", "Nl", "No", "Sc", "Sm", "So") for c in plain)


def _composed(pairs: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Characters in NFC; one made of several has the origin of the first."""
    if unicodedata.is_normalized("NFC", "".join(character for character, _ in pairs)):
        return pairs
    pieces: list[tuple[str, int]] = []
    for character, i in pairs:
        if pieces:
            before, start = pieces[-1]
            # Only a character that combines, or a Hangul jamo, changes anything when it is joined to its predecessor.
            joined = unicodedata.normalize("NFC", before + character)
            if unicodedata.combining(character) or joined != before + unicodedata.normalize("NFC", character):
                pieces[-1] = (joined, start)
                continue
        pieces.append((unicodedata.normalize("NFC", character), i))
    return [(character, i) for piece, i in pieces for character in piece]


def _lowered(pairs: list[tuple[str, int]], original: str) -> list[tuple[str, int]]:
    """Lower case; every character that is no letter, mark, digit or apostrophe of a word becomes a space."""
    text = "".join(c for c, _ in pairs)
    quotes = _single_quotes(text, [original[i] in "’ʼ" for _, i in pairs])
    result: list[tuple[str, int]] = []
    for place, (character, i) in enumerate(pairs):
        of_word = character == "'" and place not in quotes and _touches_word(text, place)
        if of_word or unicodedata.category(character)[0] in "LMN":
            result += [(lowered, i) for lowered in character.lower()]
        else:
            result.append((" ", i))
    return result


def _touches_word(text: str, place: int) -> bool:
    return text[place - 1 : place].isalnum() or text[place + 1 : place + 2].isalnum()


def _single_quotes(text: str, never_opens: list[bool]) -> frozenset[int]:
    """Apostrophes that are quotation marks: an opening one and the next closing one.

    "'tis" opens without a close and "boys'" closes without an opening, so both stay words; so does "’tis … boys’",
    whose first sign was no opening quotation mark before it was made plain.
    """
    quotes: list[int] = []
    opening: int | None = None
    for place, character in enumerate(text):
        if character != "'":
            continue
        before = text[place - 1].isalnum() if place else False
        after = text[place + 1].isalnum() if place + 1 < len(text) else False
        if after and not before and not never_opens[place]:
            opening = place
        elif not after and opening is not None:
            quotes += [opening, place]
            opening = None
    return frozenset(quotes)
