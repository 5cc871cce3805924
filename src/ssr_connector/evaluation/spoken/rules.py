"""What cannot be asked aloud: rules in a fixed order, each with its statement; the first that applies counts."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ssr_connector.evaluation.spoken.question import Question
from ssr_connector.evaluation.spoken.reading import STATEMENT, said, unread

MAX_WORDS = 120  # of question and options, as spoken: some 40 s
BLANK = re.compile(r"_{2,}|_ _|\.{5,}|-{4,}")
TABLE = re.compile(r"\|[^|\n]*\||(?:\S+(?:\t| {3,})){2,}\S")
CODE = re.compile(
    r"`|==|!=|&&|\|\||\+\+|->|::|\);\s*$|[;{]\s*\Z|\b\w+\(\)|\w\[\d+\]|\b(?:def|print|printf|elif|return)\b"
    r"[ (]\w+[(:=;]|#include|\bint \w+ ?[=;(]|\bfor ?\(",
    re.MULTILINE,
)
SIGNS = "=+*/<>≤≥±×÷−~∘⋅·"
FORMULA = (
    re.compile(r"\\[a-zA-Z%$]|\^|[{}]|\$[^$\d][^$]*\$|\$\d[^$ ]*\$"),  # LaTeX, exponents
    re.compile(r"\w_\w|\b(?!a\(n\))[a-zA-Z]'*\([^)\s]{1,8}\)"),  # x_1, f(x)
    re.compile(r"[∀∃∑∏∫√∂∞∈∉⊂⊃⊆⊇∪∩∨∧¬≡⇒⇔→←↔∇≈≠∝∘⋅•≅∼]|(?<!\w)~\w"),  # calculus, logic, sets
    re.compile(rf"[)\]]\s*[{SIGNS}]|[=+*<>≤≥±×÷−]\s*[(\[]"),  # brackets that are not heard would be needed
    re.compile(r"(?<![\w'])[A-Za-z]\s*[+*<>≤≥]\s*[\w.]|\d+[a-z]\s*[=+*<>-]|\d\s*[-+*]\s*\d*[a-z]\b(?!-)"),  # 3x + 2
)
MANY_SIGNS = 3
SEQUENCE = re.compile(r"\b(?:[ACGTU]{6,}|0[01]{4,}|0x[0-9a-fA-F]+)\b|\b[35]'(?![a-z])")
FIGURE = re.compile(
    r"\b(?:(?:figure|diagram|graph|chart|table|map|image|picture|cartoon|spectrum|illustration)s? "
    r"(?:above|below|shown)|(?:above|following|accompanying) "
    r"(?:figure|diagram|graph|chart|table|map|image|picture|cartoon))",
    re.IGNORECASE,
)
DAMAGED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]|\wÕ\w|[ÃÂÄ](?![a-z])")


@dataclass(frozen=True)
class Rule:
    """A kind of question that is left out; ``finds`` gives what in it is meant, or nothing."""

    name: str  # what rejected.tsv counts it under
    statement: str
    finds: Callable[[Question, int], str]


def reject(question: Question, max_words: int = MAX_WORDS) -> tuple[str, str]:
    """The name of the first rule against it, and what in it is meant; two empty texts where it can be spoken."""
    for rule in RULES:
        found = rule.finds(question, max_words)
        if found:
            return rule.name, found
    return "", ""


def parts(question: Question) -> tuple[str, ...]:
    """Everything in it that is spoken."""
    return (*((question.text,) if question.text else ()), *question.options)


def _matching(*patterns: re.Pattern[str]) -> Callable[[Question, int], str]:
    def finds(question: Question, max_words: int) -> str:  # noqa: ARG001 - one signature for all rules
        for text in (STATEMENT.sub("", text) for text in parts(question)):
            for pattern in patterns:
                match = pattern.search(text)
                if match:
                    around = text[max(0, match.start() - 10) : match.end() + 10]
                    return " ".join(around.split()) or repr(around)
        return ""

    return finds


def _formula(question: Question, max_words: int) -> str:
    found = _matching(*FORMULA)(question, max_words)
    if found:
        return found
    return next((t for t in parts(question) if sum(t.count(s) for s in "=+*<>×÷−") >= MANY_SIGNS), "")


def _too_long(question: Question, max_words: int) -> str:
    n = sum(len(said(text).split()) for text in parts(question))
    return f"{n} words, {max_words} are allowed" if n > max_words else ""


def _empty(question: Question, max_words: int) -> str:  # noqa: ARG001 - one signature for all rules
    silent = [text for text in parts(question) if not any(c.isalpha() for c in said(text))]
    return f"nothing is heard of {silent[0]!r}" if silent and not unread(said(silent[0])) else ""


def _unread(question: Question, max_words: int) -> str:  # noqa: ARG001 - one signature for all rules
    return " ".join(dict.fromkeys("".join(unread(said(text)) for text in parts(question))))


def _alike(question: Question, max_words: int) -> str:  # noqa: ARG001 - one signature for all rules
    heard: dict[str, str] = {}
    for option in question.options:
        key = "".join(c for c in said(option).casefold() if c.isalnum())
        if key in heard:
            return f"{heard[key]!r} and {option!r}"
        heard[key] = option
    return ""


RULES = (
    Rule("damaged characters", "control characters, or letters of a broken encoding (bankÕs)", _matching(DAMAGED)),
    Rule("blank", "a gap to fill: two underscores, five dots or four dashes in a row", _matching(BLANK)),
    Rule("table", "two bars in a row of text, or columns set apart by tabs or three blanks", _matching(TABLE)),
    Rule("code", "program text: calls, subscripts, ==, ->, statements that end in ;", _matching(CODE)),
    Rule(
        "formula", "LaTeX, exponents, indices, functions, signs of sets and logic, sums of variables, 3 signs", _formula
    ),
    Rule("sequence", "bases, bits or hexadecimal digits in a row (ATTGCA), ends of a strand (5')", _matching(SEQUENCE)),
    Rule("figure", "it speaks of a figure, graph, table or map that is shown", _matching(FIGURE)),
    Rule("too long", "more words than --max-words, question and options together, as spoken", _too_long),
    Rule("no reading", "a character that is neither a Latin letter nor one that reading.py has words for", _unread),
    Rule("nothing to hear", "a question or option without a letter or numeral", _empty),
    Rule("options sound alike", "two options that differ in case, spaces or punctuation alone", _alike),
)
