import random
import re

import pytest

from ssr_connector.tiny.facts import invent
from ssr_connector.tiny.questions import LETTERS, Question, Quiz


@pytest.fixture
def quiz() -> Quiz:
    return Quiz(invent(random.Random(0)), random.Random(1))


def test_forms() -> None:
    question = Question("animals", "What colour is the velka?", ("red", "blue", "green", "gold"), 2)
    assert question.written == "What colour is the velka?\nA. red\nB. blue\nC. green\nD. gold\nAnswer:"
    assert question.spoken == "What colour is the velka? A, red. B, blue. C, green. D, gold."
    assert question.letter == "C"


def test_parts_share_no_question_sentence(quiz: Quiz) -> None:
    rng = random.Random(2)
    asked = {part: {quiz.ask(part, rng).question for _ in range(3000)} for part in ("train", "dev", "test")}
    assert asked["train"].isdisjoint(asked["test"] | asked["dev"])
    assert asked["dev"].isdisjoint(asked["test"])
    assert len(asked["test"]) == len(quiz.facts)


def test_answers_are_right_and_letters_balanced(quiz: Quiz) -> None:
    rng = random.Random(2)
    values = {fact.question(template): fact.value for fact in quiz.facts for template in range(6)}
    questions = [quiz.ask("test", rng) for _ in range(2000)]
    for question in questions:
        assert question.options[question.answer] == values[question.question]
        assert len(set(question.options)) == 4
    for letter in LETTERS:
        assert 400 < sum(question.letter == letter for question in questions) < 600


def test_open_answers_are_right(quiz: Quiz) -> None:
    rng = random.Random(2)
    values = {fact.question(template): fact.value for fact in quiz.facts for template in range(6)}
    for _ in range(50):
        for answered in quiz.answered_openly(rng).split("\n\n"):
            question, _, answer = answered.replace("\nAnswer: ", " The answer is: ").partition(" The answer is: ")
            assert answer == values[question]


def test_documents_come_in_both_forms(quiz: Quiz) -> None:
    rng = random.Random(2)
    documents = [quiz.document(rng) for _ in range(400)]
    assert 100 < sum(" The answer is: " in document for document in documents) < 250
    assert 100 < sum("\nAnswer: " in document for document in documents) < 250
    assert max(document.count("Answer: ") for document in documents) == 6


def test_drills_name_the_right_letters(quiz: Quiz) -> None:
    rng = random.Random(2)
    for drill in (quiz.drill(rng) for _ in range(200)):
        matches = re.findall(r"\b([A-D])[,.] (\w+)", drill)
        letters = {value: letter for letter, value in matches[:4]}
        asked = re.findall(r"(\w+):? ([A-D])\b", drill)
        assert len(letters) == 4
        assert len(asked) == 6
        assert all(letters[value] == letter for value, letter in asked)
