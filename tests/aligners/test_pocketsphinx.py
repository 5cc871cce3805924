"""Against eSpeak's true word times: both come with extras."""

import sys
from itertools import pairwise

import numpy as np
import pytest

from ssr_connector.aligners.base import Unalignable
from ssr_connector.aligners.pocketsphinx import LOW_SCORE, PocketSphinxAligner
from ssr_connector.data.audio import resample
from ssr_connector.errors import UserError
from ssr_connector.types import Waveform

SPOKEN = "Velka found forty one old blicketing lamps, and nobody knows the sleepy dog."
WRITTEN = "Velka found 41 old blicketing -- lamps, & nobody knows the sleepy dog."


@pytest.fixture(scope="module")
def aligner():
    pytest.importorskip("pocketsphinx")
    return PocketSphinxAligner()


@pytest.fixture(scope="module")
def speech():
    pytest.importorskip("espeakng_loader")
    from ssr_connector.tiny.voices import TRAIN_VOICES, speak

    return speak(SPOKEN, TRAIN_VOICES[0], 160)


def ends(speech):
    """True ends of the words of WRITTEN: 41 ends with "one", and & is none."""
    times = [w.end_s for w in speech.words]
    return times[:2] + times[3:7] + times[8:]


def test_words_lie_where_they_were_spoken(aligner, speech):
    words = aligner.align_words("u", speech.waveform, WRITTEN)
    assert [w.text for w in words] == [w for w in WRITTEN.split() if w not in ("--", "&")]
    differences = np.abs(np.array([w.end_s for w in words]) - ends(speech))
    assert differences.mean() < 0.03
    assert differences.max() < 0.15
    assert all(0 <= w.start_s < w.end_s <= speech.waveform.duration_s for w in words)
    assert all(a.end_s <= b.start_s for a, b in pairwise(words))


def test_results_depend_neither_on_what_came_before_nor_much_on_the_sampling_rate(aligner, speech):
    first = PocketSphinxAligner().align_words("u", speech.waveform, WRITTEN)
    aligner.align_words("v", Waveform(speech.waveform.samples[::-1].copy(), 16000), "dogs bark 1920 times")
    assert aligner.align_words("u", speech.waveform, WRITTEN) == first
    other = Waveform(resample(speech.waveform.samples, 16000, 22050), 22050)
    again = aligner.align_words("u", other, WRITTEN)
    assert np.abs(np.array([w.end_s for w in again]) - [w.end_s for w in first]).max() < 0.1


def test_another_transcript_is_doubtful_or_refused(aligner, speech):
    found = aligner.align_words("u", speech.waveform, "What they ate was a warm bowl of thick soup on Tuesday.")
    if not isinstance(found, Unalignable):
        right = aligner.align_words("u", speech.waveform, WRITTEN)
        assert np.mean([w.score for w in found]) < min(LOW_SCORE, np.mean([w.score for w in right]))


@pytest.mark.parametrize("n", [0, 1, 100, 16000])
def test_silence_and_scraps_are_no_crash(aligner, n):
    found = aligner.align_words("u", Waveform(np.zeros(n, np.float32), 16000), "hello there")
    assert isinstance(found, Unalignable) or len(found) == 2


@pytest.mark.parametrize("text", ["", "...", "\U0001f600"])
def test_nothing_to_say(aligner, text, speech):
    assert isinstance(aligner.align_words("u", speech.waveform, text), Unalignable)


@pytest.mark.parametrize(
    "text", ["日本 éé", "12345678901234567890", "(2)", "<sil>", "a|b_c", "x" * 300, "¼ ² 1,2,3 '''a", "١٢ ೩"]
)
def test_hostile_words_keep_their_place(aligner, text, speech):
    found = aligner.align_words("u", speech.waveform, text)
    assert isinstance(found, Unalignable) or [w.text for w in found] == text.split()


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(UserError, match=r"-e .\.\[align\]"):
        PocketSphinxAligner()
