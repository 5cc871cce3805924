import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
import torch

from ssr_connector.evaluation.hearing import Hearing
from ssr_connector.types import Waveform


def hearing(model, snr_db=None, batch_s=1.0):
    return Hearing(model.ears, batch_s, snr_db)


def test_batched_hearing_equals_one_by_one(model, recordings):
    together, alone = hearing(model, batch_s=100), hearing(model, batch_s=0.1)
    told = []
    together.add(together.files(recordings), lambda done, total: told.append((done, total)))
    alone.add(alone.files(recordings))
    assert told[-1] == (4, 4)
    for path in recordings:
        assert torch.allclose(together.heard[path].frames.float(), alone.heard[path].frames.float(), atol=1e-2)
        assert together.heard[path].alignment.text == alone.heard[path].alignment.text


def test_noise_belongs_to_the_recording_not_to_the_order(model, recordings):
    one, other = hearing(model, 5.0), hearing(model, 5.0)
    one.add(one.files(recordings))
    other.add(other.files(recordings[::-1][:2]))
    for path in recordings[::-1][:2]:
        assert torch.equal(one.heard[path].frames, other.heard[path].frames)
    clean = hearing(model)
    clean.add(clean.files(recordings[:1]))
    assert not torch.equal(clean.heard[recordings[0]].frames, one.heard[recordings[0]].frames)


def test_speech_follows_the_alignment_that_is_given(model, recordings):
    heard = hearing(model)
    heard.add(heard.files(recordings))
    forced = heard.align(recordings, ["Tom", "the dog", "Anna found the lamp. " * 20, "lamp"])
    assert recordings[2] not in forced  # 420 characters do not fit into less than a second
    speech = heard.speech(model, recordings, forced)
    assert set(speech) == set(forced)
    for path, spoken in speech.items():
        assert len(spoken.vectors) == len(spoken.alignment) == len(forced[path])
        alone = model.connect(heard.frames([path]), [forced[path]])[0]
        assert torch.allclose(alone.vectors, spoken.vectors, atol=1e-5)


def test_a_continuation_has_the_tokens_that_it_would_have_in_writing(model, recordings):
    plain, going_on = hearing(model), hearing(model)
    plain.add(plain.files(recordings))
    going_on.add(going_on.files(recordings), continuing=set(recordings))
    for path in recordings:
        text = plain.heard[path].alignment.text
        assert going_on.heard[path].alignment.text == text
        assert list(plain.heard[path].alignment.token_ids) == model.tokenize(text)[0]
        expected = model.tokenize(f" {text}")[0] if text else []
        assert list(going_on.heard[path].alignment.token_ids) == expected


def test_what_cannot_be_heard_is_kept_with_its_reason(model, recordings, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    soundfile.write(tmp_path / "short.wav", np.zeros(100), 16000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(16000), 16000)
    bad = {str(tmp_path / f"{name}.wav") for name in ("broken", "short", "missing")}
    clean = hearing(model)
    clean.add(clean.files({*recordings, *bad, str(tmp_path / "silent.wav")}))
    assert set(clean.rejected) == bad
    assert len(clean.heard) == 5
    noisy = hearing(model, 5.0)
    noisy.add(noisy.files({recordings[0], str(tmp_path / "silent.wav")}))
    assert list(noisy.rejected) == [str(tmp_path / "silent.wav")]


def test_no_alignment_is_not_replaced_by_the_best_path(model, recordings):
    heard = hearing(model)
    heard.add(heard.files(recordings))
    assert heard.speech(model, recordings, {}) == {}


def test_a_change_is_heard_under_the_name_of_the_recording(model, recordings):
    changed, plain = hearing(model), hearing(model)
    names = []

    def louder(name, waveform):
        names.append(name)
        return Waveform(waveform.samples + 0.1 * np.sin(np.arange(len(waveform.samples)), dtype=np.float32), 16000)

    changed.change = louder
    for ears in (changed, plain):
        ears.add(ears.files(recordings))
    assert sorted(names) == sorted(Path(path).name for path in recordings)
    for path in recordings:
        assert not torch.equal(changed.heard[path].frames, plain.heard[path].frames)
        assert len(changed.heard[path].frames) == len(plain.heard[path].frames)


def test_systems_with_the_same_connector_share_what_it_made_of_the_best_path(model, recordings):
    heard = hearing(model)
    heard.add(heard.files(recordings))
    finetuned, other = copy.deepcopy(model), copy.deepcopy(model)
    with torch.no_grad():
        next(finetuned.llm.parameters()).mul_(2)
        next(other.connector.parameters()).mul_(2)
    first = heard.speech(model, recordings)
    again = heard.speech(finetuned, recordings)
    assert all(again[path].vectors is first[path].vectors for path in recordings)
    longest = max(recordings, key=lambda path: len(first[path].vectors))
    assert not torch.allclose(heard.speech(other, recordings)[longest].vectors, first[longest].vectors)
    heard.heard[longest] = replace(heard.heard[longest], alignment=heard.align([longest], ["Tom"])[longest])
    assert len(heard.speech(model, recordings)[longest].vectors) == len(model.tokenize("Tom")[0])
    heard.room_bytes = 0
    apart = heard.speech(model, recordings[:1]), heard.speech(model, recordings[:1])
    assert apart[0] is not apart[1]
    assert torch.equal(apart[0][recordings[0]].vectors, apart[1][recordings[0]].vectors)
