import dataclasses
import os
from collections import Counter
from pathlib import Path

import pytest

from ssr_connector.evaluation.benchmarks.layout import Options
from ssr_connector.evaluation.spoken.question import SOURCES, Question
from ssr_connector.evaluation.spoken.rules import RULES, reject

GOOD = Question("q", "g", "What is 2 + 2, for 5% of $3?", ("three", "four", "5 km", "x"), 1, lettered=True)
MMLU = Path(os.environ.get("SSR_SHARED", Path(__file__).parents[4] / "shared")) / "data" / "mmlu"

PLANTED = [
    ("damaged characters", "the bankÕs release"),
    ("damaged characters", "he said \x80\x98no"),
    ("blank", "Paris is the ____ of France"),
    ("blank", "It is called ......"),
    ("table", "a | b | c"),
    ("table", "x     y     z"),
    ("code", "What does sort() give?"),
    ("code", "Consider int x = 5"),
    ("formula", r"Find \frac{1}{2}"),
    ("formula", "Let $x$ be a prime"),
    ("formula", "What is x^2?"),
    ("formula", "Solve 3x + 2"),
    ("formula", "What is f(x)?"),
    ("formula", "(8 x 5) + (8 x 2)"),
    ("formula", "If ∀x then y"),
    ("formula", "1 + 2 + 3 + 4"),
    ("sequence", "the strand ATTGCATT"),
    ("figure", "In the graph above, who won?"),
    ("too long", "word " * 120),
    ("no reading", "what is 文?"),
    ("no reading", "It loses 5 J/K of it."),
    ("nothing to hear", "?"),
]


@pytest.mark.parametrize(("rule", "text"), PLANTED)
def test_planted_questions_fall_to_their_rule(rule, text):
    name, found = reject(dataclasses.replace(GOOD, text=text))
    assert name == rule
    assert found
    in_an_option = dataclasses.replace(GOOD, options=("one", text))
    assert reject(in_an_option)[0] == rule


def test_options_that_sound_alike():
    assert reject(dataclasses.replace(GOOD, options=("Its own.", "its own"))) == (
        "options sound alike",
        "'Its own.' and 'its own'",
    )


def test_every_rule_is_planted_and_has_a_statement():
    assert {rule for rule, _ in PLANTED} | {"options sound alike"} == {rule.name for rule in RULES}
    assert all(rule.statement for rule in RULES)


@pytest.mark.parametrize(
    "text",
    [
        GOOD.text,
        "Between $25 and $30?",
        "He said: 'yes'; she said no.",
        "It moves at 20 m/s, i.e. 72 km/h.",
        "The drug (who uses I/me/my) is a(n) answer.",
        "Statement 1 | Dogs bark. Statement 2 | Cats meow.",
        "It begins: . . . . The end",
    ],
)
def test_what_can_be_spoken_passes(text):
    assert reject(dataclasses.replace(GOOD, text=text)) == ("", "")


def test_the_limit_of_words_can_be_set():
    assert reject(GOOD, 5)[0] == "too long"


@pytest.mark.skipif(not MMLU.is_dir(), reason="no shared data mmlu: set SSR_SHARED to its folder")
def test_of_mmlu_most_of_the_prose_and_little_of_the_algebra_is_left():
    questions = SOURCES["speech-mmlu"].read(MMLU, Options(split="val"))[0][::4]  # reading one out takes 10 ms
    kept = Counter(q.group for q in questions if not reject(q)[0])
    asked = Counter(q.group for q in questions)
    print(Counter(reject(q)[0] or "kept" for q in questions))
    assert sum(kept.values()) > 0.6 * sum(asked.values())
    for subject in ("sociology", "moral scenarios", "us foreign policy", "international law"):
        assert kept[subject] > 0.6 * asked[subject], subject
    for subject in ("college mathematics", "formal logic"):
        assert kept[subject] < 0.5 * asked[subject], subject
