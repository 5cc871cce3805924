"""Tests have one right answer, pair between languages, and share no first sentence with training."""

import pytest

from ssr_connector.aligners.placement import place_tokens
from ssr_connector.base_models import offset_tokenize
from ssr_connector.tiny.languages import LANGUAGES
from ssr_connector.tiny.languages.world import OPTIONS, TaleSizes, build_tales
from ssr_connector.tiny.tokenizer import train_tokenizer

SIZES = TaleSizes(documents=400, train=500, dev=20, test=80, items=200)


@pytest.fixture(scope="module")
def world():
    return build_tales(5, SIZES)


def test_sizes(world):
    assert len(world.text_train) == 400
    assert list(world.said) == list(LANGUAGES)
    for said in world.said.values():
        assert [len(part) for part in (said.train, said.dev, said.test, said.items)] == [500, 20, 80, 200]


def test_it_is_as_large_as_a_tiny_world_of_the_same_recipe():
    sizes = TaleSizes.like({"text_documents": 30000, "speech_train": 2000, "speech_dev": 160, "storycloze": 200})
    assert sizes == TaleSizes(documents=7500, train=500, dev=20, test=80, items=200)


def test_items_pair_between_languages(world):
    per_language = [said.items for said in world.said.values()]
    for same in zip(*per_language, strict=True):
        assert len({(item.id, item.answer, item.group) for item in same}) == 1
        assert len({item.context for item in same}) == len(LANGUAGES)
    tests = [[u.id for u in said.test] for said in world.said.values()]
    assert all(ids == tests[0] for ids in tests)


def test_training_ids_are_of_one_language_each(world):
    ids = [u.id for said in world.said.values() for u in (*said.train, *said.dev)]
    assert len(set(ids)) == len(ids)


def test_only_the_right_ending_belongs_to_the_cause(world):
    for code, said in world.said.items():
        language = LANGUAGES[code]
        for item in said.items:
            assert len(set(item.choices)) == OPTIONS
            (hero,) = [name for name in language.people if item.choices[0].startswith(f"{name} ")]
            fitting = [
                k
                for k, choice in enumerate(item.choices)
                for cause, ending in language.plots[item.group]
                if item.context.endswith(cause.format(hero=hero)) and choice == ending.format(hero=hero)
            ]
            assert fitting == [item.answer]
    answers = [item.answer for item in world.said["en"].items]
    assert {answers.count(k) > 30 for k in range(OPTIONS)} == {True}


def first_sentence(text):
    return text.split(".")[0]


def test_no_training_text_has_the_first_sentence_of_a_test(world):
    trained = [*world.text_train, *world.text_dev, *(u.text for s in world.said.values() for u in (*s.train, *s.dev))]
    read = {sentence.strip() for text in trained for sentence in text.split(".")}
    for said in world.said.values():
        assert read.isdisjoint(first_sentence(item.context) for item in said.items)
        spoken = {u.text for u in (*said.train, *said.dev)}
        assert spoken.isdisjoint(u.text for u in said.test)
        assert len({u.text for u in said.train}) == len(said.train)


def test_the_same_seed_gives_the_same_world(world):
    assert build_tales(5, SIZES) == world != build_tales(6, SIZES)


def test_documents_are_each_in_one_language(world):
    cyrillic = [any("а" <= c <= "я" for c in text.lower()) for text in world.text_train]
    latin = [any("a" <= c <= "z" for c in text.lower()) for text in world.text_train]
    assert all(a != b for a, b in zip(cyrillic, latin, strict=True))
    assert sum(cyrillic) == 100


@pytest.mark.parametrize("vocabulary", [259, 900], ids=["bytes", "words"])
def test_cyrillic_is_mapped_to_tokens(world, vocabulary):
    """Every character has five frames: tokens end where their last characters do, halves of one a frame apart."""
    tokenizer = train_tokenizer(world.text_train, vocabulary)
    text = world.said["ru"].items[0].context
    ids, spans = offset_tokenize(tokenizer)(text)
    assert tokenizer.decode(ids) == text
    frames = [(5 * i, 5 * i + 5) if char.isalpha() else None for i, char in enumerate(text)]
    alignment = place_tokens(text, frames, ids, spans, 5 * len(text))
    assert alignment.token_ids == tuple(ids)
    assert list(alignment.ends) == sorted(alignment.ends)
    for (_, last), end in zip(spans, alignment.ends, strict=True):
        if vocabulary == 900 and text[last - 1].isalpha():
            assert end - 5 * last in (0, 1)
    tokens_a_character = len(ids) / len(text)
    assert tokens_a_character > 1.5 if vocabulary == 259 else tokens_a_character < 0.6
