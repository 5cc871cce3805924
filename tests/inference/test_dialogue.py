import numpy as np
import pytest
import soundfile
import torch

from ssr_connector.errors import UserError
from ssr_connector.inference.dialogue import ask, score, transcribe
from ssr_connector.model import SSRForConditionalGeneration, SSRProcessor
from ssr_connector.types import Waveform


@pytest.fixture(scope="module")
def speaker(tiny_model):
    return SSRForConditionalGeneration.from_pretrained(tiny_model), SSRProcessor.from_pretrained(tiny_model)


@pytest.fixture(scope="module")
def audio(tiny_corpus):
    return tiny_corpus.parent / "u01.wav"


def test_transcribing_gives_what_the_aligner_spells_and_what_the_llm_writes(speaker, audio):
    model, processor = speaker
    heard, written = transcribe(*speaker, audio)
    assert heard == model.listen(processor(text="<|speech|>", audio=audio)["recordings"])[0].alignment.text
    assert isinstance(written, str)


def test_asking_continues_speech_and_text(speaker, audio):
    model, processor = speaker
    answer = ask(*speaker, audio, " The answer is:", 5)
    inputs = processor(text="<|speech|> The answer is:", audio=audio)
    expected = model.generate(**inputs, max_new_tokens=5, do_sample=False)
    assert answer == processor.batch_decode(expected)[0].strip()


def test_endings_are_ranked_by_their_likelihood_per_token(speaker, audio):
    endings = ["Nobody knows.", "tea", "The cats sing every morning."]
    ranked = score(*speaker, audio, endings)
    assert sorted(e for e, _ in ranked) == sorted(endings)
    assert [s.mean for _, s in ranked] == sorted((s.mean for _, s in ranked), reverse=True)
    assert [s.n_tokens for e, s in ranked if e == "tea"] == [len(speaker[0].tokenize(" tea")[0])]


def test_a_recording_too_short_for_a_frame_is_named(speaker, tmp_path):
    soundfile.write(tmp_path / "blip.wav", np.zeros(20), 16000)
    for act in (
        lambda a: transcribe(*speaker, a),
        lambda a: ask(*speaker, a, "", 3),
        lambda a: score(*speaker, a, ["a", "b"]),
    ):
        with pytest.raises(UserError, match=r"blip\.wav: 0\.001 s are too short"):
            act(tmp_path / "blip.wav")
    with pytest.raises(UserError, match=r"the recording: .*too short"):
        ask(*speaker, Waveform(np.zeros(20, np.float32), 16000), "", 3)


def test_a_recording_in_which_nothing_is_heard_is_answered_all_the_same(tiny_model, audio):
    model, processor = SSRForConditionalGeneration.from_pretrained(tiny_model), SSRProcessor.from_pretrained(tiny_model)
    with torch.no_grad():
        model.aligner.output.bias[0] += 1e4  # blanks alone
    heard, _ = transcribe(model, processor, audio)
    assert heard == ""
    assert len(score(model, processor, audio, ["a", "b"])) == 2
