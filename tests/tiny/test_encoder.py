from dataclasses import dataclass, replace

import numpy as np
import pytest
import soundfile
import torch
from transformers import AutoFeatureExtractor, AutoModel

from ssr_connector.errors import UserError
from ssr_connector.tiny.encoder import (
    EncoderTrainingConfig,
    augment,
    learning_rate_factor,
    save_untrained,
    train_encoder,
)
from ssr_connector.tiny.speak import render
from ssr_connector.tiny.voices import TRAIN_VOICES

TINY = EncoderTrainingConfig(
    hidden_size=64, layers=2, heads=2, intermediate_size=128, kernel_frames=7, steps=40, batch_s=12.0, lr=4e-3
)


@dataclass(frozen=True)
class Line:
    id: str
    text: str


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    lines = [Line(f"u{i}", text) for i, text in enumerate(["The cat sat here.", "A dog ran, and a bird sang."] * 6)]
    render(lines, TRAIN_VOICES[:2], folder, seed=0, jobs=1)
    return folder


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("encoder") / "tiny"
    heard = []
    facts = train_encoder(
        [corpus], out, TINY, lambda step, steps, values: heard.append((step, steps, values)), [corpus]
    )
    return out, facts, heard


def test_it_learns_the_phones(trained):
    _, facts, heard = trained
    assert [step for step, _, _ in heard] == list(range(1, TINY.steps + 1))
    assert heard[-1][2]["loss"] < 0.6 * heard[0][2]["loss"]
    assert facts["dev_frame_accuracy"] > 0.5


def test_it_loads_like_a_checkpoint_of_the_hub(trained, corpus):
    out, _, _ = trained
    extractor, model = AutoFeatureExtractor.from_pretrained(out), AutoModel.from_pretrained(out).eval()
    assert type(model).__name__ == "ParakeetEncoder"
    files = sorted((corpus / "audio").iterdir())[:3]
    recordings = [soundfile.read(file, dtype="float32")[0] for file in files]

    @torch.no_grad()
    def hidden(batch):
        inputs = extractor(batch, sampling_rate=16_000, padding=True, return_tensors="pt")
        values = model(**inputs).last_hidden_state
        n_frames = (inputs["attention_mask"].sum(dim=1) + 1) // 2
        return [v[: int(n)] for v, n in zip(values, n_frames, strict=True)]

    together = hidden(recordings)
    for samples, frames in zip(recordings, together, strict=True):
        assert len(frames) == (len(samples) // 160 + 1) // 2
        torch.testing.assert_close(frames, hidden([samples])[0], atol=2e-4, rtol=1e-3)


def test_it_is_repeatable_and_reused(trained, corpus, tmp_path):
    out, facts, _ = trained
    calls = []
    assert train_encoder([corpus], out, TINY, lambda *values: calls.append(values), [corpus]) == facts
    assert not calls
    again = train_encoder([corpus], tmp_path / "again", TINY, lambda *values: None, [corpus])
    assert again == facts
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (out / "model.safetensors").read_bytes()
    other = train_encoder([corpus], tmp_path / "again", replace(TINY, steps=2), lambda *values: calls.append(values))
    assert len(calls) == 2
    assert other["steps"] == 2


class KilledError(Exception):
    """Ends a training from its progress function, as a signal would."""


def test_a_killed_training_goes_on_bit_for_bit(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("ssr_connector.tiny.resumable.CHECKPOINT_EVERY", 10)
    config = replace(TINY, dropout=0.1, time_masks_per_s=2.0, vocal_tract_warp=0.1)  # all that is drawn at random
    unbroken = train_encoder([corpus], tmp_path / "unbroken", config, lambda *_: None)
    out, steps = tmp_path / "broken", []

    def killed(step, *_):
        steps.append(step)
        if step == 23 and len(steps) == 23:
            raise KilledError

    with pytest.raises(KilledError):
        train_encoder([corpus], out, config, killed)
    assert not out.exists()
    assert train_encoder([corpus], out, config, killed) == unbroken
    assert steps == [*range(1, 24), *range(21, 41)]
    weights = [(folder / "model.safetensors").read_bytes() for folder in (out, tmp_path / "unbroken")]
    assert weights[0] == weights[1]


def test_a_missing_corpus_is_named(tmp_path):
    with pytest.raises(UserError, match=r"corpus\.json"):
        train_encoder([tmp_path], tmp_path / "out", TINY, lambda *values: None)


def test_warm_up_and_decay():
    factors = [learning_rate_factor(step, TINY) for step in range(TINY.steps)]
    assert factors[0] == 0.25
    assert max(factors) == factors[3] == 1.0
    assert factors[-1] < 0.01


def test_augmentation_without_strength_changes_nothing():
    features, mask = torch.randn(16, 60, 80), torch.ones(16, 60, dtype=torch.long)
    torch.testing.assert_close(augment(features, mask, TINY, np.random.default_rng(0)), features)
    for field, strength in (("vocal_tract_warp", 0.1), ("time_masks_per_s", 9.0), ("mel_mask_bins", 60)):
        strong = replace(TINY, **{field: strength})
        assert not torch.equal(augment(features, mask, strong, np.random.default_rng(0)), features)


def test_an_untrained_encoder_is_one_that_can_be_heard_and_the_same_for_a_seed(tmp_path):
    from ssr_connector.encoders import PretrainedEncoder

    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        save_untrained(tmp_path / name, replace(TINY, seed=seed))
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b != c
    encoder = PretrainedEncoder.from_pretrained(str(tmp_path / "a"), 1)
    assert (encoder.width, encoder.clock.rate_hz) == (64, 50)
