import random
from string import Formatter

import pytest

from ssr_connector.tiny.stories import POOLS, SCHEMAS, Schema, tell, tell_any


def slots_of(templates: tuple[str, ...]) -> set[str]:
    fields = (field for template in templates for _, field, _, _ in Formatter().parse(template) if field)
    return {field.partition(".")[0] for field in fields}


def test_there_are_enough_schemas() -> None:
    assert len({schema.name for schema in SCHEMAS}) == len(SCHEMAS) >= 12


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_every_way_of_telling_gives_the_facts_that_the_ending_needs(schema: Schema) -> None:
    decisive = {slot for swap in schema.swaps for slot in swap}
    assert slots_of(schema.ending) <= set(schema.slots)
    for ways in schema.sentences:
        for way in ways:
            assert slots_of((way,)) <= set(schema.slots)
    known = set().union(*(set.intersection(*({*slots_of((way,))} for way in ways)) for ways in schema.sentences))
    assert decisive <= known, "a slot that decides the ending may be missing from the context"


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_sentences_are_many_enough_to_keep_some_for_tests(schema: Schema) -> None:
    for templates in (*schema.sentences, schema.ending):
        for template in templates:
            ways = 1
            for slot in slots_of((template,)):
                ways *= len(POOLS[schema.slots[slot]])
            assert ways >= 1500, template


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_wrong_endings_differ_and_lengths_are_those_of_stories(schema: Schema) -> None:
    rng = random.Random(0)
    for _ in range(50):
        story = tell(schema, rng)
        assert 3 <= len(story.sentences) + 1 <= 5
        assert story.wrong_endings
        assert story.ending not in story.wrong_endings
        assert "{" not in story.text
        assert story.text == f"{story.context} {story.ending}"


def test_some_endings_hang_on_the_last_word_of_the_context() -> None:
    rng = random.Random(0)
    stories = [tell_any(rng) for _ in range(400)]
    last_words = [story.context.rstrip(".").split()[-1] for story in stories]
    assert sum(word in story.ending for word, story in zip(last_words, stories, strict=True)) > 80
