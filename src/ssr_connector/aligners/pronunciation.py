"""How English words are spoken that a pronouncing dictionary does not list, in the phones of CMUdict (ARPAbet).

Letter-to-sound rules, the longest spelling first: a guess, good enough to find a word's place between its neighbours.
"""

import re
import unicodedata

from num2words import num2words

_RULES = {
    "tion": "SH AH N", "sion": "ZH AH N", "ough": "AO", "eigh": "EY", "augh": "AO", "tch": "CH", "igh": "AY",
    "dge": "JH", "sch": "SH", "air": "EH R", "ear": "IH R", "eer": "IH R", "our": "AO R", "oor": "AO R",
    "th": "TH", "sh": "SH", "ch": "CH", "ph": "F", "wh": "W", "ck": "K", "ng": "NG", "qu": "K W", "gh": "G",
    "kn": "N", "wr": "R", "ee": "IY", "ea": "IY", "oo": "UW", "ai": "EY", "ay": "EY", "oa": "OW", "ow": "OW",
    "ou": "AW", "oi": "OY", "oy": "OY", "au": "AO", "aw": "AO", "ew": "UW", "ie": "IY", "ei": "IY", "ey": "IY",
    "er": "ER", "ir": "ER", "ur": "ER", "ar": "AA R", "or": "AO R", "ss": "S", "ll": "L", "tt": "T", "pp": "P",
    "nn": "N", "mm": "M", "dd": "D", "bb": "B", "ff": "F", "gg": "G", "rr": "R", "zz": "Z", "cc": "K",
    "ce": "S EH", "ci": "S IH", "cy": "S IY", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F",
    "g": "G", "h": "HH", "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P",
    "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
_LONGEST = max(map(len, _RULES))
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_SYMBOLS = {"&": "and", "%": "percent", "+": "plus", "=": "equals", "@": "at"}
_SYMBOLS |= {"$": "dollars", "£": "pounds", "€": "euros"}


def spoken_words(written: str) -> list[str]:
    """The words that a written one is spoken as, in lower case: itself, or numbers and symbols written out.

    A number of four digits from 1100 to 1999 is a year, any other a cardinal; hyphens part words.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", written.lower()) if not unicodedata.combining(c))
    plain = _THOUSANDS.sub("", plain.replace("’", "'"))
    words: list[str] = []
    piece = ""
    for char in plain + " ":
        if piece and (piece[-1].isdigit() != char.isdigit() or not (char.isalnum() or char == "'")):
            words += _said(piece.strip("'"))
            piece = ""
        if char in _SYMBOLS:
            words.append(_SYMBOLS[char])
        elif char.isalnum() or char == "'":
            piece += char
    return words


def letter_to_sound(word: str) -> str:
    """Phones of a word, parted by spaces; empty where no letter is one of the English alphabet."""
    letters = [c for c in word.lower() if "a" <= c <= "z"]
    text = "".join(letters)
    if len(text) > 3 and text.endswith("e") and text[-2] not in "aeiou":
        text = text[:-1]
    phones: list[str] = []
    i = 0
    while i < len(text):
        size = next(n for n in range(_LONGEST, 0, -1) if text[i : i + n] in _RULES and len(text[i : i + n]) == n)
        phones += _RULES[text[i : i + size]].split()
        i += size
    return " ".join(phones)


def _said(piece: str) -> list[str]:
    if not piece:
        return []
    if not piece.isdecimal():
        return [piece]
    number = int(piece)
    if len(piece) > 9 or (piece[0] == "0" and len(piece) > 1):  # telephone numbers and the like, digit by digit
        return [word for digit in piece for word in _said(str(int(digit)))]
    said = num2words(number, to="year" if 1100 <= number <= 1999 else "cardinal")
    return [word for word in said.replace("-", " ").replace(",", "").split() if word != "and"]
