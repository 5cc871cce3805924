"""English as it is said: numerals, signs, units, money and abbreviations in letters, one likely reading of each.

A year is said as one where four digits without a comma, a unit or a currency lie between 1100 and 2099; every other
numeral as an amount. What is left without a reading is not dropped: `unread` names it.
"""

import re
from collections.abc import Callable

from ssr_connector.aligners.numerals import LARGEST, ONES, amount, readings

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

NUMBER = r"(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)"
SCALE = r"(?: (?:hundred|thousand|million|billion|trillion))?"
YEARS = range(1100, 2100)
LETTERS = "a-zA-ZÀ-ÖØ-öø-ʯḀ-ỿ"  # Latin, with whatever marks

ABBREVIATIONS = {
    "e.g.": "for example",
    "i.e.": "that is",
    "etc.": "et cetera",
    "vs.": "versus",
    "vs": "versus",
    "cf.": "compare",
    "approx.": "approximately",
    "Dr.": "Doctor",
    "Mr.": "Mister",
    "Mrs.": "Missus",
    "Ms.": "Miz",
    "Prof.": "Professor",
    "St.": "Saint",
    "Jr.": "Junior",
    "Sr.": "Senior",
    "Fig.": "Figure",
    "a.m.": "A M",
    "p.m.": "P M",
}
CURRENCIES = {
    "$": ("dollar", "dollars", "cent"),
    "£": ("pound", "pounds", "penn"),
    "€": ("euro", "euros", "cent"),
    "¥": ("yen", "yen", ""),
}
UNITS = {  # after a numeral alone
    "%": "percent",
    "°C": "degrees Celsius",
    "°F": "degrees Fahrenheit",
    "°": "degrees",
    "km/h": "kilometers per hour",
    "m/s": "meters per second",
    "mph": "miles per hour",
    "mmHg": "millimeters of mercury",
    "mm Hg": "millimeters of mercury",
    "mg/dL": "milligrams per deciliter",
    "km": "kilometers",
    "cm": "centimeters",
    "mm": "millimeters",
    "nm": "nanometers",
    "kg": "kilograms",
    "mg": "milligrams",
    "g": "grams",
    "m": "meters",
    "L": "liters",
    "V": "volts",
    "W": "watts",
    "J": "joules",
    "N": "newtons",
    "oz": "ounces",
    "lb": "pounds",
    "lbs": "pounds",
    "ft": "feet",
    "mL": "milliliters",
    "ml": "milliliters",
    "kJ": "kilojoules",
    "kcal": "kilocalories",
    "Hz": "hertz",
    "kHz": "kilohertz",
    "MHz": "megahertz",
    "kPa": "kilopascals",
    "eV": "electron volts",
    "Ω": "ohms",
    "¢": "cents",
}
PER = {  # after a numeral, a unit and a slash
    "s": "second",
    "sec": "second",
    "min": "minute",
    "h": "hour",
    "hr": "hour",
    "yr": "year",
    **{whole: whole for whole in ("second", "minute", "hour", "day", "week", "month", "year", "person", "capita")},
    "s2": "second squared",
    "s²": "second squared",
    "m2": "square meter",
    "m²": "square meter",
    "m3": "cubic meter",
    "m³": "cubic meter",
    "m": "meter",
    "km": "kilometer",
    "g": "gram",
    "kg": "kilogram",
    "mol": "mole",
    "L": "liter",
    "dL": "deciliter",
    "dl": "deciliter",
    "mL": "milliliter",
    "ml": "milliliter",
}
UNREAD = "∕"  # a slash that has no reading: not the one between words, which is said as "or"
SIGNS = {  # between blanks or numerals
    "+": "plus",
    "−": "minus",
    "×": "times",
    "÷": "divided by",
    "=": "equals",
    "±": "plus or minus",
    "<": "is less than",
    ">": "is greater than",
    "≤": "is at most",
    "≥": "is at least",
    "&": "and",
    "@": "at",
}
FRACTIONS = {
    "½": "one half",
    "⅓": "one third",
    "⅔": "two thirds",
    "¼": "one quarter",
    "¾": "three quarters",
}
GREEK = dict(
    zip(
        "αβγδεθλμµπρσφϕχψωΔΩ",
        (
            *("alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "mu", "mu", "pi"),
            *("rho", "sigma", "phi", "phi", "chi", "psi", "omega", "delta", "omega"),
        ),
        strict=True,
    )
)
ROMAN = {"II": 2, "III": 3, "IV": 4, "VI": 6, "VII": 7, "VIII": 8, "IX": 9, "XI": 11, "XII": 12, "XIV": 14, "XVI": 16}
MONARCHS = (
    "Alexander|Catherine|Charles|Darius|Edward|Elizabeth|Frederick|George|Gregory|Henry|James|Leo|Louis|Napoleon|"
    "Nicholas|Paul|Philip|Pius|Ptolemy|Ramses|Richard|Wilhelm|William"
)
QUOTES = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "′": "'", "\xa0": " ", "\u2009": " "}
)
STATEMENT = re.compile(r"\b((?:Statement|Scenario) ?\d+) ?\|")  # how MMLU lists two of them
SAID = re.compile(rf"[{LETTERS}\s.,;:?!'\"-]")


def said(text: str) -> str:
    """A text as it is spoken, on one line; characters without a reading are still in it, see `unread`."""
    text = text.translate(QUOTES).replace("ﬁ", "fi").replace("ﬂ", "fl").replace("…", "...")
    text = re.sub(r"(?<=[.?!:;,])\s*\n\s*", " ", text.strip())
    text = re.sub(r"\s*\n\s*", ", ", text)
    if re.search(r"\bII\b", text):  # so that the I beside it is no pronoun
        text = re.sub(r"\bI\b(?=[.,)]| only\b| and\b| or\b)", "one", text)
    for pattern, reading in RULES:
        text = pattern.sub(reading, text)
    return tidy(text)


def unread(spoken: str) -> str:
    """The characters, each once, that `said` has no reading for; empty where there are none."""
    return "".join(dict.fromkeys(SAID.sub("", spoken)))


def tidy(text: str) -> str:
    """One space between words, no doubled punctuation, and nothing that stands alone without a letter."""
    text = re.sub(r"\s+([.,;:?!])", r"\1", " ".join(text.split()))
    text = re.sub(r"[,;:]+(?=[.,;:?!])|(?<=[.?!]),", "", text)
    text = re.sub(r"(?<=[a-z]),(?=[a-z])", ", ", text)
    words: list[str] = []
    for word in text.split():
        if any(c.isalpha() or not SAID.match(c) for c in word):
            words.append(word)
        elif words and words[-1][-1].isalnum() and word[0] in ".,;:?!-":
            words[-1] += "," if word[0] == "-" else word[0]  # a dash is heard as a pause
    return " ".join(words)


def number(digits: str, *, may_be_year: bool = False) -> str:
    """A numeral's likely reading. ValueError for what is no numeral."""
    if digits.startswith("."):
        return f"point {' '.join(ONES[int(d)] for d in digits[1:])}"
    if may_be_year and len(digits) == 4 and digits.isdigit() and int(digits) in YEARS:
        return " ".join(readings(digits)[0])
    return " ".join(amount(digits))


def ordinal(n: int) -> str:
    """`third` for 3."""
    return " ".join(readings(f"{n}th")[-1 if n >= LARGEST else 0])


def _money(match: re.Match[str]) -> str:
    one, many, small = CURRENCIES[match["sign"]]
    digits, scale = match["n"], match["scale"] or ""
    whole, _, decimals = digits.partition(".")
    if scale or not small or len(decimals) != 2:
        return f"{number(digits)}{scale} {one if digits == '1' and not scale else many}"
    cents = int(decimals)
    coin = (small + "y" if cents == 1 else "pence") if small == "penn" else small + "s" * (cents != 1)
    parts = [f"{number(whole)} {one if whole == '1' else many}"] if whole.strip("0,") else []
    parts += [f"{number(str(cents))} {coin}"] if cents else []
    return " and ".join(parts) or f"zero {many}"


def _unit(match: re.Match[str]) -> str:
    digits, unit = match["n"], UNITS[match["unit"]]
    if digits == "1":
        first, _, rest = unit.partition(" ")
        first = "foot" if first == "feet" else first.removesuffix("s")
        unit = f"{first} {rest}".strip()
    return f"{number(digits)} {unit}"


def _per(match: re.Match[str]) -> str:
    """5 g/day; what is under the slash and has no reading is left as it is."""
    under = PER.get(match["under"])
    return f"{_unit(match)} per {under}" if under else f"{_unit(match)} {UNREAD} {match['under']}"


def _span(match: re.Match[str]) -> str:
    """A range is written closely, or with a dash from less to more, or of years; else it is a subtraction."""
    first, dash, second = match["first"], match["dash"], match["second"]
    low, high = (float(digits.replace(",", "")) for digits in (first, second))
    years = all(digits.isdigit() and int(digits) in YEARS for digits in (first, second))
    is_range = len(dash) == 1 or (low < high and ("–" in dash or years))
    return f"{number(first, may_be_year=True)} {'to' if is_range else 'minus'} {number(second, may_be_year=True)}"


def _clock(match: re.Match[str]) -> str:
    hours, minutes = int(match[1]), int(match[2])
    rest = "" if not minutes else f" oh {ONES[minutes]}" if minutes < 10 else f" {number(str(minutes))}"
    return number(str(hours)) + rest


def _ratio(match: re.Match[str]) -> str:
    return f"{number(match[1])} to {number(match[2])}"


def _fraction(match: re.Match[str]) -> str:
    over, under = int(match[1]), int(match[2])
    names = {2: ("half", "halves"), 4: ("quarter", "quarters")}
    if 0 < over < under and under in (2, 3, 4, 5, 6, 8, 10):
        one, many = names.get(under, (ordinal(under), ordinal(under) + "s"))
        return f"{number(match[1])} {one if over == 1 else many}"
    return f"{number(match[1])} over {number(match[2])}"


def _suffixed(match: re.Match[str]) -> str:
    """1960s, 3rd."""
    year = len(match[1]) == 4 and match[2].lower() == "s"
    found = readings(match[0])
    return " ".join(found[0] if year or len(match[1]) != 4 else next((r for r in found if "thousand" in r), found[0]))


def _either(names: dict[str, str] | dict[str, tuple[str, str, str]]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


def _rule(pattern: str, reading: str | Callable[[re.Match[str]], str]) -> Rule:
    return re.compile(pattern), reading


# In this order: what is longer, and says more of what stands beside it, comes first.
RULES: tuple[Rule, ...] = (
    (STATEMENT, r"\1:"),
    _rule(r"(?<=[a-z])\((s|es)\)", r"\1"),  # reason(s)
    _rule(r"(?<![\w.,])(\d{1,3})((?: 000)+)(?![\w.,]\d)", lambda m: m[0].replace(" ", "")),  # 10 000
    _rule(rf"(?<![\w.])({_either(ABBREVIATIONS)})(?!\w)", lambda m: ABBREVIATIONS[m[1]]),
    _rule(r"\bNos?\. ?(?=\d)|#(?=\d)", "number "),
    _rule(rf"\b({MONARCHS}) (I{{2,3}}|IV|VI{{0,3}}|IX|X[IV]{{1,3}})\b", lambda m: f"{m[1]} the {_of_roman(m[2])}"),
    _rule(rf"\b({MONARCHS}) I\b(?= of\b|[,.;:?])", r"\1 the first"),
    _rule(r"\b(World War|Class|Grade|Phase|Photosystem|Schedule|Stage|Title|Type) I\b(?!')", r"\1 one"),
    _rule(rf"\b({'|'.join(sorted(ROMAN, key=len, reverse=True))})\b(?!-)", lambda m: number(str(ROMAN[m[1]]))),
    _rule(r"\bI\b(?= only\b|,? (?:and|or) (?:two|three|four)\b|, (?:two|three)\b)", "one"),  # I and III
    _rule(r"(?<![\w.,)-])[-−–](?=[$£€¥]\d)", "minus "),
    _rule(rf"(?:US|U\.S\. ?)?(?P<sign>[$£€¥]) ?(?P<n>{NUMBER})(?P<scale>{SCALE})(?![\w$])", _money),
    _rule(r"\band/or\b", "and or"),
    _rule(r"(?<=\d)/(min|hour|day|week|month|year|kg|L)\b", lambda m: f" per {PER[m[1]]}"),
    _rule(r"(?<=\d)-(?=[a-z]{2})", " "),  # 42-year-old
    _rule(r"\b(\d{1,2}):([0-5]\d)(?=\s*(?:A M|P M|[ap]m|AM|PM|o'clock)\b)", _clock),
    _rule(r"\b(\d+) ?: ?(\d+)\b", _ratio),
    _rule(r"(?<![\w./])(\d+)/(\d+)(?![\w/])", _fraction),
    _rule(
        rf"(?<![\w.,/-])(?P<first>{NUMBER})(?P<dash> ?[-–] ?)(?P<second>{NUMBER})(?= ?(?:{_either(UNITS)})?(?![\w/-]))",
        _span,
    ),
    _rule(r"(?<=\d) ?[x×] ?(?=\d+ (?:matri|table|grid|factorial))", " by "),
    _rule(r"(?<=\d) ?x ?(?=\d)", " × "),
    _rule(rf"(?<![\w.,)-])[-−–](?={NUMBER})", "minus "),
    _rule(rf"(?<![\w.])(?P<n>{NUMBER})[ -]?(?P<unit>{_either(UNITS)})(?![\w/°])", _unit),
    _rule(rf"(?<![\w.])(?P<n>{NUMBER})[ -]?(?P<unit>{_either(UNITS)})/(?P<under>[{LETTERS}][\w²³]*)", _per),
    _rule(r"(?<=[a-z]) ?(%|°C|°F|°|mm ?Hg|mg|kg|km|cm)(?!\w)", lambda m: f" {UNITS[m[1]]}"),  # after a range
    _rule(rf"(?<=[{LETTERS}])/(?=[{LETTERS}])", " or "),  # he/she
    _rule(rf"({'|'.join(FRACTIONS)})", lambda m: f" {FRACTIONS[m[1]]} "),
    _rule(r"(?<![\w.])(\d+)(st|nd|rd|th|s)\b", _suffixed),
    _rule(r"(?<=\w)²", " squared"),
    _rule(r"(?<=\w)³", " cubed"),
    _rule(rf"(?<=[\s\d])([{''.join(SIGNS)}])(?=[\s\d])", lambda m: f" {SIGNS[m[1]]} "),
    _rule(r"(?<=\w)&(?=\w)", " and "),
    _rule(r"(?<=[\w\s])=(?=[\w\s])", " equals "),
    _rule(r"(?<=\d) - (?=\d)", " minus "),
    _rule(rf"(?<![\w.])({NUMBER})(?![\w])", lambda m: number(m[1], may_be_year=True)),
    _rule(rf"(\d+(?:\.\d+)?)(?=([{LETTERS}])?)", lambda m: f" {number(m[1])}{' ' if m[2] else ''}"),  # H2O, p53
    _rule(rf"([{''.join(GREEK)}])-?", lambda m: f" {GREEK[m[1]]} "),
    _rule(r"[(\[]|[)\]](?=\s*\w)", ", "),
    _rule(r"[)\]]", ""),
    _rule(r"[—–]| - |--+", ", "),
    _rule(r"[•·]", ", "),
)


def _of_roman(numeral: str) -> str:
    values = {"I": 1, "V": 5, "X": 10}
    total = 0
    for this, following in zip(numeral, [*numeral[1:], "I"], strict=True):
        total += values[this] if values[this] >= values[following] or following == this else -values[this]
    return ordinal(total)
