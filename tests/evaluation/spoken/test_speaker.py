import shlex
import sys

import numpy as np
import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.spoken.speaker import Command, Espeak, UnspokenError, choose_speaker, voices_in_turn

FAKE = """\
import sys
import numpy as np
import soundfile
out, voice = sys.argv[1:]
text = sys.stdin.read().strip()
if "fail" in text:
    sys.exit("cannot say that")
wave = 0.3 * np.sin(np.arange(22050 * max(1, len(text)) // 20) * (0.05 + len(voice) / 100))
soundfile.write(out, wave * ("silence" not in text), 22050)
"""


@pytest.fixture
def fake(tmp_path):
    """A program that writes as much sound as there is text, at 22 kHz."""
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    return shlex.join([sys.executable, str(script)]) + " {out} {voice}"


def test_a_command_gets_the_text_and_its_recording_is_resampled(fake):
    speaker, voices = choose_speaker(fake, "a, bbb")
    assert voices == ("a", "bbb")
    waveform, words = speaker.speak("twenty letters here.", "a")
    assert waveform.sampling_rate_hz == 16000
    assert len(waveform.samples) == pytest.approx(16000, abs=2)
    assert words == ()


@pytest.mark.parametrize(("text", "why"), [("fail", "cannot say that"), ("silence", "wrote silence")])
def test_a_text_that_a_command_cannot_speak(fake, text, why):
    speaker, _ = choose_speaker(fake, "a")
    with pytest.raises(UnspokenError, match=why):
        speaker.speak(text, "a")


def test_a_command_that_is_not_there_is_an_error_for_all_texts():
    with pytest.raises(UserError, match="does not start"):
        Command(("/no/such/program", "{out}")).speak("x", "")


def test_a_command_that_writes_nothing():
    with pytest.raises(UnspokenError, match="no good recording"):
        Command((sys.executable, "-c", "pass", "{out}")).speak("x", "")


@pytest.mark.parametrize(
    ("command", "voices", "why"),
    [
        ("say", None, "{out}"),
        ("say {out} {voice}", None, "belong together"),
        ("say {out}", "a,b", "belong together"),
        ("say '{out}", None, "cannot be read"),
        (None, " , ", "names no voice"),
    ],
)
def test_commands_and_voices_that_do_not_go_together(command, voices, why):
    with pytest.raises(UserError, match=why):
        choose_speaker(command, voices)


def test_espeak_repeats_itself_and_times_its_words():
    pytest.importorskip("espeakng_loader")
    speaker, voices = choose_speaker(None, None)
    assert isinstance(speaker, Espeak)
    assert len(voices) == 6
    one, words = speaker.speak("What is it? A, a red dog.", voices[0])
    two, _ = speaker.speak("What is it? A, a red dog.", voices[0])
    assert np.array_equal(one.samples, two.samples)
    assert [w for w, _, _ in words] == ["What", "is", "it?", "A,", "a", "red", "dog."]
    assert all(start < end <= one.duration_s for _, start, end in words)
    with pytest.raises(UserError, match="no variant"):
        speaker.speak("hello", "en-us+nobody")


def test_voices_take_turns_in_an_order_of_the_seed():
    names = tuple("abcdefgh")
    assert voices_in_turn(names, 1) == voices_in_turn(names, 1)
    assert sorted(voices_in_turn(names, 1)) == list(names)
    assert voices_in_turn(names, 1) != voices_in_turn(names, 2)
