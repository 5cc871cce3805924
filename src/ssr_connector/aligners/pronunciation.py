"""How written English words are spoken, for aligners that need phones (ARPAbet without stress).

A written word is cut into parts at everything but letters, digits and inner apostrophes. Numerals are read as in
`numerals`, symbols of `SYMBOLS` by their names ("$5" is "five dollars"); what no dictionary has is pronounced by eSpeak
where the extra [tiny] is installed, else letter by letter (`letters_to_sounds`). A character that English does not
have is taken for one vowel, so that no word is lost.
"""

import functools
import importlib.util
import re
import unicodedata

from ssr_connector.aligners.numerals import readings

SYMBOLS = {
    **{
        "&": "and",
        "%": "percent",
        "@": "at",
        "+": "plus",
        "=": "equals",
        "#": "number",
        "°": "degrees",
        "§": "section",
    },
    **{"$": "dollars", "£": "pounds", "€": "euros", "¥": "yen", "½": "half", "¼": "quarter", "¾": "three quarters"},
}
CURRENCIES = "$£€¥"

_PART = re.compile(
    rf"[{CURRENCIES}]?\d+(?:,\d{{3}})*(?:\.\d+)?(?:(?:st|nd|rd|th|s)\b)?"  # numerals, with the currency before them
    rf"|[^\W\d_]+(?:'[^\W\d_]+)*'?|[{re.escape(''.join(SYMBOLS))}]|[^\W_]",
    re.IGNORECASE,
)

IPA = {
    **{"p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "ɡ": "G", "g": "G", "tʃ": "CH", "dʒ": "JH", "f": "F"},
    **{"v": "V", "θ": "TH", "ð": "DH", "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH", "h": "HH", "m": "M", "n": "N"},
    **{"ŋ": "NG", "l": "L", "ɫ": "L", "ɹ": "R", "r": "R", "j": "Y", "w": "W", "ɾ": "T", "ʔ": "T", "x": "K"},
    **{"n̩": "AH N", "əl": "AH L", "l̩": "AH L", "m̩": "AH M", "iː": "IY", "i": "IY", "ɪ": "IH", "ᵻ": "IH"},
    **{"ɛ": "EH", "e": "EH", "æ": "AE", "a": "AE", "aː": "AA", "ɑː": "AA", "ɑ": "AA", "ɒ": "AA", "ɔː": "AO"},
    **{"ɔ": "AO", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ʊ": "UH", "uː": "UW", "u": "UW", "ɜː": "ER", "ɜ": "ER"},
    **{"ɚ": "ER", "eɪ": "EY", "aɪ": "AY", "ɔɪ": "OY", "aʊ": "AW", "oʊ": "OW", "əʊ": "OW", "o": "OW", "iə": "IY AH"},
    **{"aɪɚ": "AY ER", "aɪə": "AY AH", "ɪɹ": "IH R", "ɛɹ": "EH R", "ʊɹ": "UH R", "ɑːɹ": "AA R", "ɔːɹ": "AO R"},
}
SOUNDS = {
    **{"tch": "CH", "dge": "JH", "igh": "AY", "sch": "SH", "tion": "SH AH N", "ch": "CH", "sh": "SH", "th": "TH"},
    **{"ph": "F", "wh": "W", "gh": "G", "ck": "K", "ng": "NG", "qu": "K W", "kn": "N", "wr": "R", "ee": "IY"},
    **{"ea": "IY", "ie": "IY", "ei": "EY", "ai": "EY", "ay": "EY", "ey": "IY", "oo": "UW", "ou": "AW", "ow": "OW"},
    **{"oi": "OY", "oy": "OY", "oa": "OW", "au": "AO", "aw": "AO", "ew": "UW", "ue": "UW", "ar": "AA R", "er": "ER"},
    **{"ir": "ER", "ur": "ER", "or": "AO R", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G"},
    **{"h": "HH", "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K"},
    **{"r": "R", "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z"},
}
VOWEL = "AH"


def spoken_parts(word: str) -> list[list[list[str]]]:
    """For each part of a written word its readings, each one a list of words in lower case.

    "forty-one" has two parts of one reading, "1920" one part of several; "--" has none.
    """
    return [_readings(part) for part in _PART.findall(word.replace("’", "'"))]


def has_spelling(word: str) -> bool:
    """Whether there is a letter or digit that English spelling has a sound for."""
    return any(c.isascii() for c in _plain(word))


def _readings(part: str) -> list[list[str]]:
    if part in SYMBOLS:
        return [SYMBOLS[part].split()]
    currency, numeral = (part[0], part[1:]) if part[0] in CURRENCIES else ("", part)
    if not numeral[0].isdecimal() or not numeral.isascii():
        return [[part.lower()]]
    amounts = readings(numeral)
    if not currency:
        return amounts
    names = SYMBOLS[currency]
    return [[*amount, names.removesuffix("s") if amount == ["one"] else names] for amount in amounts]


@functools.lru_cache(maxsize=100_000)
def guess_phones(word: str) -> str:
    """ARPAbet of a word that no dictionary has: eSpeak's for Latin letters, else by the letters."""
    plain = _plain(word)
    return (_espeak_phones(plain) if plain.isascii() and _has_espeak() else "") or letters_to_sounds(plain)


def letters_to_sounds(word: str) -> str:
    """The longest known groups of letters from left to right; a final silent e is left out."""
    plain = _plain(word)
    if len(plain) > 2 and plain[-1] == "e" and plain[-2] not in "aeiou":
        plain = plain[:-1]
    phones: list[str] = []
    i = 0
    while i < len(plain):
        group = next((plain[i : i + n] for n in (4, 3, 2, 1) if plain[i : i + n] in SOUNDS), None)
        phones.append(SOUNDS[group] if group else VOWEL)
        i += len(group or "?")
    return " ".join(phones) or VOWEL


def _plain(word: str) -> str:
    """Letters and digits in lower case, without their marks."""
    return "".join(c for c in unicodedata.normalize("NFKD", word.lower()) if c.isalnum())


@functools.cache
def _has_espeak() -> bool:
    return importlib.util.find_spec("espeakng_loader") is not None


def _espeak_phones(word: str) -> str:
    from ssr_connector.tiny.voices import TRAIN_VOICES, speak

    try:
        spoken = speak(word, TRAIN_VOICES[0])
    except ValueError:  # a word without a letter, or one that it passes over
        return ""
    return " ".join(IPA[phone.ipa] for phone in spoken.phones if phone.ipa in IPA)
