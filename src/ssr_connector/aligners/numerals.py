"""English readings of numerals: several, since "1920" says nothing of how it was spoken."""

import re

ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
ONES += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SCALES = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"))
ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
LARGEST = 10**12  # beyond it, digits are read one by one
NUMERAL = re.compile(r"(\d+(?:,\d{3})*)(?:\.(\d+))?(st|nd|rd|th|s)?", re.IGNORECASE)


def readings(numeral: str) -> list[list[str]]:
    """The ways to say "1920", "3rd", "1,000", "4.5" or "1960s", likeliest first. ValueError for anything else."""
    match = NUMERAL.fullmatch(numeral)
    if match is None:
        raise ValueError(f"{numeral!r} is no numeral")
    digits, decimals, suffix = match[1].replace(",", ""), match[2], (match[3] or "").lower()
    found = _whole(digits)
    if decimals:
        found = [[*words, "point", *_digits(decimals)] for words in found]
    if suffix == "s":
        found = [[*words[:-1], _plural(words[-1])] for words in found]
    elif suffix:
        found = [[*words[:-1], _ordinal(words[-1])] for words in found]
    return found


def amount(numeral: str) -> list[str]:
    """The way to say "1920" as a number of things: a cardinal. ValueError where it is no plain numeral."""
    match = NUMERAL.fullmatch(numeral)
    if match is None or match[3]:
        raise ValueError(f"{numeral!r} is no plain numeral")
    digits = match[1].replace(",", "")
    is_number = int(digits) < LARGEST and (digits == "0" or digits[0] != "0")
    words = _cardinal(int(digits)) if is_number else _digits(digits)
    return [*words, "point", *_digits(match[2])] if match[2] else words


def _whole(digits: str) -> list[list[str]]:
    n, found = int(digits), []
    if n < LARGEST and (digits == "0" or digits[0] != "0"):
        if len(digits) == 4 and n % 1000 >= 100:
            found.append(_year(n))
        found.append(_cardinal(n))
        if n > 100 and n % 100:
            found.append(_cardinal(n, "and"))
    if len(digits) > 1:
        found += [_digits(digits), _digits(digits, "oh")] if "0" in digits else [_digits(digits)]
    return found


def _cardinal(n: int, joint: str = "") -> list[str]:
    if n < 20:
        return [ONES[n]]
    if n < 100:
        return [TENS[n // 10], *([ONES[n % 10]] if n % 10 else [])]
    if n < 1000:
        rest = [*([joint] if joint else []), *_cardinal(n % 100)] if n % 100 else []
        return [ONES[n // 100], "hundred", *rest]
    size, name = next(scale for scale in SCALES if n >= scale[0])
    rest = _cardinal(n % size, joint) if n % size else []
    if joint and 0 < n % size < 100:
        rest = [joint, *rest]
    return [*_cardinal(n // size, joint), name, *rest]


def _year(n: int) -> list[str]:
    century, rest = divmod(n, 100)
    if not rest:
        return [*_cardinal(century), "hundred"]
    return [*_cardinal(century), *(["oh", ONES[rest]] if rest < 10 else _cardinal(rest))]


def _digits(digits: str, zero: str = "zero") -> list[str]:
    return [zero if d == "0" else ONES[int(d)] for d in digits]


def _plural(word: str) -> str:
    return word[:-1] + "ies" if word.endswith("y") else word + ("es" if word.endswith("x") else "s")


def _ordinal(word: str) -> str:
    if word in ORDINALS:
        return ORDINALS[word]
    return word[:-1] + "ieth" if word.endswith("y") else word + "th"
