import pytest

from ssr_connector.tiny import lexicon


@pytest.mark.parametrize(
    ("singular", "plural"),
    [("box", "boxes"), ("berry", "berries"), ("key", "keys"), ("wolf", "wolves"), ("sheep", "sheep"), ("bus", "buses")],
)
def test_plurals(singular: str, plural: str) -> None:
    nouns = {
        noun.word: noun.plural
        for pool in (lexicon.CONTAINERS, lexicon.FOODS, lexicon.THINGS, lexicon.ANIMALS, lexicon.VEHICLES)
        for noun in pool
    }
    assert nouns[singular] == plural


@pytest.mark.parametrize(
    ("base", "third", "past"),
    [
        ("carry", "carries", "carried"),
        ("touch", "touches", "touched"),
        ("use", "uses", "used"),
        ("buy", "buys", "bought"),
    ],
)
def test_verb_forms(base: str, third: str, past: str) -> None:
    verb = next(verb for verb in lexicon.TRANSITIVE if verb.base == base)
    assert (verb.third, verb.past) == (third, past)


def test_irregular_verbs_have_a_participle_of_their_own() -> None:
    assert all(verb.past != verb.participle for verb in lexicon.IRREGULAR)


def test_article_follows_the_sound() -> None:
    assert lexicon.with_article("old hat") == "an old hat"
    assert next(food for food in lexicon.FOODS if food.word == "plum").a == "a plum"


def test_pools_hold_no_word_twice() -> None:
    for pool in (lexicon.PEOPLE, lexicon.THINGS, lexicon.PLACES, lexicon.FOLK, lexicon.TRANSITIVE, lexicon.ANIMALS):
        assert len(set(pool)) == len(pool)


def test_pronouns_agree() -> None:
    anna = next(person for person in lexicon.PEOPLE if person.name == "Anna")
    assert f"{anna} {anna.he} {anna.He} {anna.him} {anna.his} {anna.himself}" == "Anna she She her her herself"
