import time
from itertools import pairwise

import numpy as np
import pytest

from ssr_connector.tiny.accents import MADE
from ssr_connector.tiny.voices import DEV_VOICES, TEST_VOICES, TRAIN_VOICES, Voice, speak

US = Voice("en-us", "m1")
# Accents that are made here go through the first of their variants alone.
EVERY_WAY = [v for v in TRAIN_VOICES if v.accent not in MADE or v.variant == TRAIN_VOICES[0].variant]


def test_splits_share_neither_accents_nor_variants():
    splits = (TRAIN_VOICES, DEV_VOICES, TEST_VOICES)
    for attribute in ("accent", "variant"):
        sets = [{getattr(voice, attribute) for voice in split} for split in splits]
        assert sum(map(len, sets)) == len(set.union(*sets))
    assert len(set(TRAIN_VOICES)) >= 12
    assert len(set(TEST_VOICES)) >= 4


@pytest.mark.parametrize("voice", [*EVERY_WAY, *DEV_VOICES, *TEST_VOICES], ids=lambda voice: voice.name)
def test_every_voice_speaks_every_word_in_order(voice):
    text = "Hugo told the men of the house: I am \"glad\" (again); Tom's dog didn't bark."
    speech = speak(text, voice)
    assert [word.text for word in speech.words] == text.split()
    times = [t for word in speech.words for t in (word.start_s, word.end_s)]
    assert all(word.end_s - word.start_s > 0.01 for word in speech.words)
    assert times == sorted(times)
    assert times[-1] <= speech.waveform.duration_s
    assert speech.waveform.samples.dtype == np.float32
    assert speech.waveform.sampling_rate_hz == 16_000


@pytest.mark.parametrize("voice", TEST_VOICES, ids=lambda voice: voice.name)
def test_choice_letters_are_named_and_the_article_is_not(voice):
    speech = speak("A dog is near. A, red. B, blue. C, green. D, gold.", voice)
    sounds = [
        "".join(phone.ipa for phone in speech.phones if word.start_s <= phone.start_s < word.end_s)
        for word in speech.words
    ]
    assert sounds[0] in ("ɐ", "ə", "a")
    assert sounds[4] in ("eɪ", "eː")
    assert [sounds[i] for i in (6, 8, 10)] == ["biː", "siː", "diː"]


def test_punctuation_makes_pauses():
    words = speak("He came, she left. They met", US).words
    gaps = [b.start_s - a.end_s for a, b in pairwise(words)]
    assert gaps[0] == gaps[2] == gaps[4] == 0
    assert gaps[1] > 0.1
    assert gaps[3] > gaps[1]


@pytest.mark.parametrize("voice", [US, Voice("en-029", "victor")], ids=["plain", "breathy"])
def test_the_same_call_gives_the_same_samples(voice):
    first = speak("The cat sat.", voice)
    second_of_first = int(time.time())
    while int(time.time()) <= second_of_first + 1:  # eSpeak seeds its breath by the second
        speak("Something else is said in between.", TEST_VOICES[0])
    second = speak("The cat sat.", voice)
    assert np.array_equal(first.waveform.samples, second.waveform.samples)
    assert first.words == second.words


def test_rate_and_pitch_are_heard():
    plain, fast, high = (speak("The cat sat on it.", US, **kw) for kw in ({}, {"rate_wpm": 300}, {"pitch": 90}))
    assert fast.waveform.duration_s < 0.8 * plain.waveform.duration_s
    assert not np.array_equal(plain.waveform.samples[:4000], high.waveform.samples[:4000])


def test_a_word_whose_event_an_accent_loses_begins_with_its_first_phone():
    speech = speak("They told Hugo that.", Voice("en-us-nyc", "m4"))  # this accent drops the h, and the event with it
    hugo = speech.words[2]
    assert hugo.start_s == speech.words[1].end_s
    assert [p.ipa for p in speech.phones if p.start_s >= hugo.start_s][:3] == ["j", "uː", "ɡ"]


def test_sound_lies_within_the_words():
    speech = speak("The cat, the dog. The mouse", US)
    time_s = np.arange(len(speech.waveform.samples)) / 16_000
    inside = np.zeros(len(time_s), bool)
    for word in speech.words:
        inside |= (time_s >= word.start_s) & (time_s < word.end_s)
    power = speech.waveform.samples**2
    assert power[~inside].sum() < 0.02 * power.sum()
    assert (~inside).mean() > 0.1


@pytest.mark.parametrize(
    ("text", "voice", "message"),
    [
        ("  ", US, "empty"),
        ("one - two", US, "in letters"),
        ("room 25", US, "in letters"),
        ("yes", Voice("en-us", "nobody"), "variant"),
        ("yes", Voice("en-xx", "m1"), "no voice"),
    ],
)
def test_what_cannot_be_spoken_is_refused(text, voice, message):
    with pytest.raises(ValueError, match=message):
        speak(text, voice)
