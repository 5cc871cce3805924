import random
from collections import Counter

import pytest

from ssr_connector.tiny import tasks
from ssr_connector.tiny.facts import invent
from ssr_connector.tiny.grammar import PHENOMENA
from ssr_connector.tiny.questions import Quiz
from ssr_connector.tiny.speak import MANNERS


def test_storycloze_is_half_true_and_half_random() -> None:
    items = tasks.storycloze("test", 100, set(), random.Random(0))
    assert Counter(item.group for item in items) == {"true": 50, "random": 50}
    assert len({item.context for item in items}) == len({item.id for item in items}) == 100
    assert 30 < sum(item.answer for item in items) < 70
    assert all(item.spoken == item.context and len(set(item.choices)) == 2 for item in items)


def test_taken_contexts_are_not_drawn_again() -> None:
    taken: set[str] = set()
    first = tasks.storycloze("test", 50, taken, random.Random(0))
    second = tasks.storycloze("dev", 50, taken, random.Random(0))
    assert {item.context for item in first}.isdisjoint(item.context for item in second)


def test_sblimp_takes_turns() -> None:
    items = tasks.sblimp("test", 80, random.Random(0))
    assert set(Counter(item.group for item in items).values()) == {80 // len(PHENOMENA)}
    assert all(item.answer == 0 and item.context == item.spoken == "" for item in items)


def test_mmlu_prompts() -> None:
    quiz = Quiz(invent(random.Random(0)), random.Random(1))
    for item in tasks.mmlu("test", quiz, 20, random.Random(2)):
        assert item.choices == ("A", "B", "C", "D")
        assert item.context.endswith("\nAnswer:")
        assert item.spoken.startswith(item.context.partition("\n")[0])
        assert item.sentences() == {item.context.partition("\n")[0]}


def test_every_question_is_asked_once_as_cloze() -> None:
    quiz = Quiz(invent(random.Random(0)), random.Random(1))
    items = tasks.mmlu_cloze("test", quiz, 10_000, random.Random(2))
    assert len(items) == len({item.context for item in items}) == len(quiz.facts)
    values = {fact.value for fact in quiz.facts}
    for item in items:
        assert item.context == item.spoken
        assert item.choices[item.answer] in values
        assert len(set(item.choices)) == 4
    assert [item.context for item in tasks.mmlu_cloze("test", quiz, 3, random.Random(2))] == [
        item.context for item in items[:3]
    ]
    assert {item.context for item in items}.isdisjoint(quiz.ask("train", random.Random(i)).question for i in range(300))


def test_asking_for_more_than_there_is_says_so() -> None:
    quiz = Quiz(invent(random.Random(0))[:1], random.Random(1))
    with pytest.raises(ValueError, match="no more than"):
        tasks.mmlu("test", quiz, 200_000, random.Random(2))


def test_sentences_of_an_item() -> None:
    item = tasks.ChoiceItem("1", "storycloze", "Anna sat. Tom ran?", ("He fell.", "She slept."), 0, "true", "")
    assert item.sentences() == {"Anna sat.", "Tom ran?", "He fell.", "She slept."}
    assert tasks.ChoiceItem("1", "swuggy", "", ("cat", "cag"), 0, "", "").sentences() == set()


def test_every_sentence_is_said_in_every_style() -> None:
    sentences = tasks.sblimp("test", 16, random.Random(0))
    items = tasks.style(sentences, 60, random.Random(1))
    said: dict[str, Counter[tuple[str, str]]] = {}
    for item in items:
        said.setdefault(item.spoken, Counter())[item.group, item.choices[item.answer]] += 1
    styles = {(kind, name): 1 for kind, names in tasks.STYLES.items() for name in names}
    assert len(said) == 10
    assert all(ways == styles for ways in said.values())  # so the words say nothing about the style
    assert set(MANNERS) == {name for _, name in styles}
    assert [i.id for i in items] != sorted(i.id for i in items)
