import pytest

from ssr_connector.config import Recipe
from ssr_connector.errors import UserError
from ssr_connector.tiny.base import TinySection, question
from ssr_connector.tiny.base import test_utterances as spoken_parts
from ssr_connector.tiny.tasks import ChoiceItem

STORY = ChoiceItem("s1", "storycloze", "He ran.", ("He won.", "It ate."), 1, "true", "He ran.")
QUIZ = ChoiceItem("m1", "mmlu", "Where?\nA. up\nAnswer:", ("A", "B", "C", "D"), 2, "geography", "Where? A, up.")
PAIR = ChoiceItem("b1", "sblimp", "", ("good", "bad"), 0, "agreement", "")


def test_items_are_written_as_evaluate_reads_them():
    row = question("mmlu", QUIZ)
    assert row["context"] == {"text": "Where? A, up.", "audio": "audio/m1-context.flac"}
    assert row["written"] == QUIZ.context
    assert row["prompt"] == " The answer is:"
    assert row["choices"][2] == {"text": "C"}
    story = question("storycloze", STORY)
    assert story["choices"][1] == {"text": "It ate.", "audio": "audio/s1-choice1.flac"}
    assert "context" not in question("sblimp", PAIR)


def test_every_spoken_part_is_rendered_in_its_items_voice():
    tests = {"storycloze": [STORY], "mmlu": [QUIZ], "sblimp": [PAIR]}
    utterances, keys = spoken_parts(tests)
    assert {u.id: u.text for u in utterances} == {
        "s1-context": "He ran.",
        "s1-choice0": "He won.",
        "s1-choice1": "It ate.",
        "m1-context": "Where? A, up.",
        "b1-choice0": "good",
        "b1-choice1": "bad",
    }
    assert keys["s1-choice1"] == keys["s1-context"] == "s1"


def test_more_accents_than_there_are_is_an_error():
    sections = [{"world": {}, "llm": {}, "encoder": {}, "noise": {}, "accents": n, "baselines": {}} for n in (35, 36)]
    assert TinySection.read(Recipe(tiny=sections[0]), "recipe").accents == 35
    with pytest.raises(UserError, match=r"tiny\.accents is 36, of 35"):
        TinySection.read(Recipe(tiny=sections[1]), "recipe")


def test_a_misspelt_key_of_the_tiny_world_is_named():
    section = {"world": {"storyclose": 5}, "llm": {}, "encoder": {}, "noise": {}, "accents": 3, "baselines": {}}
    with pytest.raises(UserError, match=r"storyclose.*did you mean storycloze"):
        TinySection.read(Recipe(tiny=section), "recipe")
    with pytest.raises(UserError, match=r"did you mean tiny\.world"):
        TinySection.read(Recipe(tiny={"wrld": {}}), "recipe")
