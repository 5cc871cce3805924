"""The baseline that hears nothing."""

import numpy as np
import pytest

from ssr_connector.aligners.base import Unalignable
from ssr_connector.aligners.uniform import UniformAligner
from ssr_connector.types import Waveform

RECORDING = Waveform(np.zeros(12_000, np.float32), 16_000)


def test_words_share_the_utterance_by_their_letters():
    words = UniformAligner().align_words("a", RECORDING, "One, — three")
    assert [(w.text, w.start_s, w.end_s) for w in words] == [("One,", 0.0, 0.28125), ("three", 0.28125, 0.75)]


@pytest.mark.parametrize("text", ["I'm 21!", "  two   spaces ", "你好 吗", "naïve re\u0301sume\u0301", "(a) [b] …"])
def test_words_follow_each_other_from_start_to_end(text):
    words = UniformAligner().align_words("a", RECORDING, text)
    assert words[0].start_s == 0
    assert words[-1].end_s == pytest.approx(0.75)
    assert [w.end_s for w in words[:-1]] == [w.start_s for w in words[1:]]
    assert all(w.start_s < w.end_s and w.score is None for w in words)


@pytest.mark.parametrize("text", ["", "—", " … 🙂 "])
def test_a_transcript_without_a_word_has_no_times(text):
    assert UniformAligner().align_words("a", RECORDING, text) == Unalignable("the transcript has no word")
