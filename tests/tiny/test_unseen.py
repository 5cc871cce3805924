"""Unseen words are unseen, and nothing else about an item changes."""

from pathlib import Path

import pytest

from ssr_connector.config import load_recipe
from ssr_connector.tiny.lexicon import PEOPLE, VOWELS
from ssr_connector.tiny.stories import SCHEMAS
from ssr_connector.tiny.tasks import ChoiceItem
from ssr_connector.tiny.unseen import THINGS, UNSEEN, renamed, renamed_item
from ssr_connector.tiny.world import WorldSizes, build_world, words_of

TINY = Path(__file__).parents[2] / "recipes" / "tiny.yaml"


@pytest.mark.slow  # the whole world of the demo
def test_the_demo_s_world_knows_none_of_them():
    world = build_world(0, WorldSizes(**load_recipe(TINY, None, []).tiny["world"]))
    spoken = [u.text for part in (world.speech_train, world.speech_stories, world.speech_dev) for u in part]
    known = {word.lower() for word in words_of([*world.text_train, *world.drills, *spoken])}
    assert {new.lower() for new in UNSEEN.values()}.isdisjoint(known)


def test_different_words_stay_different_and_a_stays_a():
    assert len(set(UNSEEN.values())) == len(UNSEEN)
    assert not set(UNSEEN) & set(UNSEEN.values())
    assert {person.name for person in PEOPLE} <= set(UNSEEN)
    assert all(old[0] not in VOWELS and new[0] not in VOWELS for old, new in THINGS.items())


def test_no_template_of_a_story_names_them():
    templates = [way for schema in SCHEMAS for ways in (*schema.sentences, schema.ending) for way in ways]
    words = {word.strip(".,").lower() for template in templates for word in template.split()}
    assert words.isdisjoint(THINGS)


def test_only_whole_words_are_renamed_everywhere_alike():
    item = ChoiceItem(
        "s1", "storycloze", "Anna hid a ball.", ("Bella saw the ball.", "Anna ate."), 0, "true", "Anna hid a ball."
    )
    found = renamed_item(item)
    assert (found.context, found.choices) == ("Amelia hid a bracelet.", ("Beatrice saw the bracelet.", "Amelia ate."))
    assert (found.id, found.answer, found.group, found.spoken) == ("s1", 0, "true", found.context)
    assert renamed("The ballad of Annabel, balls and footballs.") == "The ballad of Annabel, balls and footballs."
