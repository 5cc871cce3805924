import random

import pytest

from ssr_connector.tiny import lexicon
from ssr_connector.tiny.nonwords import CharacterModel, matched_nonwords, sound_key

WORDS = sorted({noun.word for noun in lexicon.THINGS + lexicon.PLACES + lexicon.ANIMALS})


def test_nonwords_match_and_are_new() -> None:
    pairs = matched_nonwords(WORDS, set(WORDS), 25, random.Random(0))
    assert [len(word) for word, _ in pairs] == [len(other) for _, other in pairs]
    others = [other for _, other in pairs]
    assert len(set(others)) == 25
    assert not {sound_key(other) for other in others} & {sound_key(word) for word in WORDS}
    assert matched_nonwords(WORDS, set(WORDS), 25, random.Random(0)) == pairs


def test_every_three_letters_of_a_nonword_stand_in_a_word() -> None:
    def trigrams(word: str) -> set[str]:
        padded = f"##{word}#"
        return {padded[i : i + 3] for i in range(len(word) + 1)}

    known = set().union(*(trigrams(word) for word in WORDS))
    model, rng = CharacterModel(WORDS), random.Random(0)
    assert all(trigrams(word) <= known for word in (model.sample(rng, 12) for _ in range(100)) if word)


@pytest.mark.parametrize(
    ("spelled", "sounds"), [("chery", "cherry"), ("kat", "cat"), ("fone", "phone"), ("lik", "lick")]
)
def test_homophones_share_a_key(spelled: str, sounds: str) -> None:
    assert sound_key(spelled) == sound_key(sounds)


def test_too_few_words_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot write"):
        matched_nonwords(["aaaa"], {"aaaa"}, 3, random.Random(0))
