import re
from dataclasses import replace

import pytest

from ssr_connector.tiny.tasks import split_sentences
from ssr_connector.tiny.world import ECHO_CUES, LONGEST_UTTERANCE_WORDS, World, WorldSizes, build_world, words_of

SIZES = WorldSizes(
    text_documents=8000, speech_train=3000, speech_stories=1000, speech_dev=200,
    storycloze=2000, swuggy=2000, sblimp=2000, mmlu=2000, style=60, dev_items=200,
)  # fmt: skip


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(7, SIZES)


def test_sizes(world: World) -> None:
    assert len(world.text_train) == 8000
    assert [len(world.speech_train), len(world.speech_stories), len(world.speech_dev)] == [3000, 1000, 200]
    sizes = {task: len(items) for task, items in world.tests.items()}
    assert 100 <= sizes.pop("mmlu_cloze") <= 2000  # as many as there are questions
    assert sizes.pop("style") == 60
    assert sizes == dict.fromkeys(("storycloze", "swuggy", "sblimp", "mmlu"), 2000)
    assert {task: len(items) for task, items in world.dev.items()} == {"storycloze": 200, "mmlu": 200}


def test_the_language_is_rich(world: World) -> None:
    words = {word.lower() for word in words_of(world.text_train)}
    assert len(words) >= 900


def test_some_documents_repeat_what_they_said(world: World) -> None:
    echoes = [text.split(cue) for text in world.text_train for cue in ECHO_CUES if cue in text]
    assert 0.04 < len(echoes) / len(world.text_train) < 0.08
    assert all(again == f" {said}" for said, again in echoes)


def test_tests_share_no_sentence_with_training(world: World) -> None:
    spoken = [
        utterance.text for part in (world.speech_train, world.speech_stories, world.speech_dev) for utterance in part
    ]
    trained = {
        sentence for text in (*world.text_train, *world.text_dev, *spoken)
        for line in text.split("\n") for sentence in split_sentences(line)
    }  # fmt: skip
    for part in (world.tests, world.dev):
        for items in part.values():
            for item in items:
                assert trained.isdisjoint(item.sentences())


def test_tests_share_no_item_with_development(world: World) -> None:
    for task, items in world.dev.items():
        assert {item.context for item in items}.isdisjoint(item.context for item in world.tests[task])


def test_no_nonword_is_a_word(world: World) -> None:
    vocabulary = {word.lower() for word in words_of([*world.text_train, *(u.text for u in world.speech_train)])}
    assert all(item.choices[1] not in vocabulary for item in world.tests["swuggy"])
    assert all(len(item.choices[0]) == len(item.choices[1]) for item in world.tests["swuggy"])


def test_utterances_can_be_spoken(world: World) -> None:
    for utterance in (*world.speech_train, *world.speech_stories):
        assert re.fullmatch(r"[A-Za-z ,.?]*[A-Za-z][A-Za-z ,.?]*", utterance.text), utterance.text
        assert len(utterance.text.split()) <= LONGEST_UTTERANCE_WORDS
    assert {utterance.domain for utterance in world.speech_stories} == {"story"}
    ids = [u.id for part in (world.speech_train, world.speech_stories, world.speech_dev) for u in part]
    assert len(set(ids)) == len(ids)


def test_training_speech_starts_and_stops_everywhere(world: World) -> None:
    texts = [utterance.text for utterance in world.speech_train]
    assert sum(text[-1] not in ".?" for text in texts) > 200
    assert sum(text[0].islower() for text in texts) > 100
    counts = [len(split_sentences(text)) for text in texts]
    assert all(counts.count(n) > 150 for n in (1, 2, 3))
    assert {u.domain for u in world.speech_train} == {
        "story",
        "grammar",
        "fact",
        "question",
        "joined",
        "fragment",
        "word",
    }


def test_the_same_seed_gives_the_same_world() -> None:
    sizes = WorldSizes(200, 50, 50, 10, 20, 20, 20, 20, 20, 10)
    assert build_world(3, sizes) == build_world(3, sizes) != build_world(4, sizes)


def test_sizes_are_positive() -> None:
    with pytest.raises(ValueError, match="speech_dev"):
        replace(SIZES, speech_dev=0)


def test_words_are_of_any_script():
    assert words_of(["Анна ждёт. Die Tür, die Tür.", "анна 5"]) == ["Tür", "die", "анна", "ждёт"]
