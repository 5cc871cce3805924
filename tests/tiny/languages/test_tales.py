"""Tales mean the same in every language, and can be said in it."""

import random
import string
import unicodedata

import pytest

from ssr_connector.tiny.languages import LANGUAGES
from ssr_connector.tiny.languages.tales import Tale, imagine, tell
from ssr_connector.tiny.voices import TEST_VOICES, TRAIN_ACCENTS, Voice, speak
from ssr_connector.word_errors import normalised

each_language = pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
ENGLISH = LANGUAGES["en"]


def slots(template):
    return sorted(name for _, name, _, _ in string.Formatter().parse(template) if name)


def letters(text):
    return {c for c in text if c.isalpha()}


@each_language
def test_what_stands_in_the_same_place_has_the_same_slots(language):
    for field in ("people", "places", "times", "scenes"):
        words, english = getattr(language, field), getattr(ENGLISH, field)
        assert len(words) == len(english) == len(set(words))
    for scene, english in zip(language.scenes, ENGLISH.scenes, strict=True):
        assert slots(scene) == slots(english)
    assert list(language.plots) == list(ENGLISH.plots)
    for plot, events in language.plots.items():
        for event, english in zip(events, ENGLISH.plots[plot], strict=True):
            assert [slots(text) for text in event] == [slots(text) for text in english]
        for side in (0, 1):  # neither two causes nor two endings of a plot are the same
            assert len({event[side] for event in events}) == len(events)


@each_language
def test_sentences_are_written_as_they_are_spoken(language):
    rng = random.Random(0)
    for _ in range(300):
        for sentence in tell(imagine(rng), language).sentences:
            assert sentence[0].isupper()
            assert sentence.endswith(".")
            assert unicodedata.is_normalized("NFC", sentence)
            assert "{" not in sentence
            assert not [c for c in sentence if not (c.isalpha() or c in " ,.")]
    everything = "".join(tell(imagine(rng), language).context for _ in range(300))
    script = "CYRILLIC" if language.code == "ru" else "LATIN"
    assert {unicodedata.name(c).split()[0] for c in letters(everything)} == {script}


@each_language
def test_words_are_counted_as_they_are_though_the_normaliser_is_made_for_english(language):
    words = set()
    for place, (plot, events) in enumerate(language.plots.items()):
        for event in range(len(events)):
            tale = Tale(event % len(language.scenes), event, event + 8, event, place, plot, event)
            text = " ".join(tell(tale, language).sentences)
            assert len(normalised(text)) == len(text.split())
            words |= {word.strip(".,").lower() for word in text.split()}
    assert len({tuple(normalised(word)) for word in words}) == len(words)


def test_a_tale_is_told_alike_in_all_languages():
    tale = imagine(random.Random(3))
    told = {code: tell(tale, language) for code, language in LANGUAGES.items()}
    for code, one in told.items():
        language = LANGUAGES[code]
        hero = language.people[tale.hero]
        assert hero in one.scene
        assert one.sentences[2] == language.plots[tale.plot][tale.event][1].format(hero=hero)
        assert one.context == f"{one.scene} {one.cause}"


def test_different_tales_differ_in_every_language():
    rng = random.Random(1)
    tales = [imagine(rng) for _ in range(2000)]
    counts = {len({" ".join(tell(tale, language).sentences) for tale in tales}) for language in LANGUAGES.values()}
    assert len(counts) == 1
    assert counts.pop() > 1900


@each_language
def test_every_word_of_a_tale_sounds_in_order(language):
    rng = random.Random(2)
    kinds = (TRAIN_ACCENTS[0][0].variant, TEST_VOICES[0].variant)
    for variant in kinds:
        text = " ".join(tell(imagine(rng), language).sentences)
        speech = speak(text, Voice(language.voice, variant))
        assert [word.text for word in speech.words] == text.split()
        times = [t for word in speech.words for t in (word.start_s, word.end_s)]
        assert times == sorted(times)
        assert all(word.end_s - word.start_s > 0.01 for word in speech.words)
        inside = sum(any(w.start_s <= p.start_s < w.end_s for w in speech.words) for p in speech.phones)
        assert inside == len(speech.phones)
