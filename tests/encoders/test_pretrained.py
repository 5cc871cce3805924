"""Every family of encoders, tiny and random, saved to disk and loaded by path."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from ssr_connector.encoders import PretrainedEncoder
from ssr_connector.encoders.drift import padding_drift
from ssr_connector.encoders.windows import windows
from ssr_connector.errors import UserError
from ssr_connector.types import Waveform

SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
CONVOLUTIONS = {
    "conv_dim": (16, 16, 16),
    "conv_kernel": (10, 3, 2),
    "conv_stride": (5, 4, 2),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
    "num_codevectors_per_group": 4,
}
LAYER_NORM = {"feat_extract_norm": "layer"}
WHISPER = {
    "d_model": 32,
    "encoder_layers": 3,
    "decoder_layers": 1,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_source_positions": 50,  # windows of one second
    "vocab_size": 100,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}
PARAKEET = SMALL | {"subsampling_conv_channels": 8, "conv_kernel_size": 5}
FAMILIES = {
    "wav2vec2": ("Wav2Vec2", SMALL | CONVOLUTIONS),
    "wav2vec2-layer": ("Wav2Vec2", SMALL | CONVOLUTIONS | LAYER_NORM),
    "wav2vec2-stable": ("Wav2Vec2", SMALL | CONVOLUTIONS | LAYER_NORM | {"do_stable_layer_norm": True}),
    "hubert": ("Hubert", SMALL | CONVOLUTIONS),
    "hubert-layer": ("Hubert", SMALL | CONVOLUTIONS | LAYER_NORM),
    "wavlm": ("WavLM", SMALL | CONVOLUTIONS),
    "wavlm-layer": ("WavLM", SMALL | CONVOLUTIONS | LAYER_NORM | {"do_stable_layer_norm": True}),
    "data2vec-audio": ("Data2VecAudio", SMALL | CONVOLUTIONS | {"conv_pos_kernel_size": 5}),
    "wav2vec2-bert": (
        "Wav2Vec2Bert",
        SMALL | {"feature_projection_input_dim": 160, "conv_depthwise_kernel_size": 5},
    ),
    "whisper": ("Whisper", WHISPER),
    "parakeet": ("ParakeetEncoder", PARAKEET),
    "parakeet-ctc": ("ParakeetCTC", {"encoder_config": PARAKEET, "vocab_size": 10, "pad_token_id": 9}),
    "parakeet-tdt": (
        "ParakeetTDT",
        {"encoder_config": PARAKEET, "vocab_size": 10, "blank_token_id": 9, "decoder_hidden_size": 8},
    ),
}
MODELS = {  # where it is not the name of the configuration and `Model`
    "ParakeetEncoder": "ParakeetEncoder",
    "ParakeetCTC": "ParakeetForCTC",
    "ParakeetTDT": "ParakeetForTDT",
}
CLOCKS = {"wav2vec2-bert": (320, 280.0), "whisper": (320, 0.0)} | {
    family: (1280, 0.0) for family in FAMILIES if "parakeet" in family
}
LENGTHS = (4001, 9000, 16000, 23456)
N_LAYERS = 3


def make(folder, family, half=False, **more):
    name, values = FAMILIES[family]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = getattr(transformers, f"{name}Config")(**(values | more))
        model = getattr(transformers, MODELS.get(name, f"{name}Model"))(config)
    (model.half() if half else model).save_pretrained(folder)
    if family == "whisper":
        extractor = transformers.WhisperFeatureExtractor(chunk_length=1)
    elif family == "wav2vec2-bert":
        extractor = transformers.SeamlessM4TFeatureExtractor()
    elif "parakeet" in family:
        extractor = transformers.ParakeetFeatureExtractor()
    else:  # as published: only models with layer norm were trained with a mask
        extractor = transformers.Wav2Vec2FeatureExtractor(return_attention_mask="layer" in family)
    extractor.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {family: make(tmp_path_factory.mktemp(family), family) for family in FAMILIES}


@pytest.fixture(scope="module")
def recordings():
    rng = np.random.default_rng(0)
    return [Waveform((rng.standard_normal(n) * 0.1).astype(np.float32), 16000) for n in LENGTHS]


def loud_from(start, n):
    """Silence, then noise from one sample on."""
    noise = np.random.default_rng(1).standard_normal(n).astype(np.float32) * 0.1
    noise[:start] = 0
    return Waveform(noise, 16000)


@pytest.mark.parametrize("family", FAMILIES)
def test_clock_and_lengths_are_those_of_the_output(family, folders, recordings):
    encoder = PretrainedEncoder.from_pretrained(folders[family])
    clock = encoder.clock
    assert (clock.hop_samples, clock.first_centre_samples) == CLOCKS.get(family, (40, 20.0))
    frames = encoder(recordings)
    assert frames.values.shape == (4, int(frames.lengths.max()), 32)
    for n_samples, n in zip(LENGTHS, frames.lengths.tolist(), strict=True):
        # The recording ends within one hop of its last frame's end, but for the rest of the receptive field.
        assert abs(n_samples - n * clock.hop_samples) <= clock.hop_samples + clock.first_centre_samples
    assert frames.values.dtype == torch.float32
    assert not frames.values.requires_grad
    assert bool(frames.values.isfinite().all())


@pytest.mark.parametrize("family", ["wav2vec2-layer", "hubert-layer", "wavlm-layer"])
def test_a_frame_hears_exactly_the_samples_around_its_centre(family, folders):
    # The convolutions alone: a change in sample k reaches the frames whose receptive field holds it, and no others.
    encoder = PretrainedEncoder.from_pretrained(folders[family])
    features = encoder.backbone.feature_extractor
    samples = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0))
    changed = samples.clone()
    k = 1999
    changed[0, k] += 1
    moved = (features(samples) != features(changed)).any(1)[0].nonzero().flatten()
    clock, half = encoder.clock, encoder.clock.first_centre_samples
    centres = torch.arange(features(samples).shape[2]) * clock.hop_samples + clock.first_centre_samples
    assert moved.tolist() == ((centres - half <= k) & (k < centres + half)).nonzero().flatten().tolist()


def test_a_frame_of_parakeet_hears_the_mel_frames_around_its_centre(folders):
    encoder = PretrainedEncoder.from_pretrained(folders["parakeet"])
    features = torch.randn(1, 200, 80, generator=torch.Generator().manual_seed(0))
    for k in (77, 80, 83):
        changed = features.clone()
        changed[0, k] += 1
        subsampling = encoder.backbone.subsampling
        moved = (subsampling(features) != subsampling(changed)).any(2)[0].nonzero().flatten()
        mels_a_hop = encoder.clock.hop_samples / 160
        centres = torch.arange(200 // 8) * mels_a_hop + encoder.clock.first_centre_samples / 160
        assert moved.tolist() == ((centres - k).abs() <= 1 + 2 + 4).nonzero().flatten().tolist()
    start = 8000  # and a mel frame hears what lies around its hop
    mel = encoder.front_end.inputs([loud_from(start, 16000).samples])["input_features"][0]
    assert abs(int((mel.mean(1) > mel.mean()).nonzero()[0]) - start / 160) <= 400 / 2 / 160


def test_the_clock_of_log_mel_frames_lies_where_the_sound_starts(folders):
    encoder = PretrainedEncoder.from_pretrained(folders["wav2vec2-bert"])
    start = 8000
    features = encoder.front_end.log_mel([loud_from(start, 16000).samples])["input_features"][0]
    first_loud = int((features.mean(1) > features.mean()).nonzero()[0])
    assert abs(encoder.clock.edge_s(first_loud) - start / 16000) <= encoder.clock.frame_s


@pytest.mark.parametrize("family", FAMILIES)
def test_features_do_not_depend_on_the_batch(family, folders, recordings):
    encoder = PretrainedEncoder.from_pretrained(folders[family])
    together = encoder(recordings)
    for i, recording in enumerate(recordings):
        alone = encoder([recording])
        n = int(alone.lengths[0])
        assert int(together.lengths[i]) == n
        torch.testing.assert_close(together.values[i, :n], alone.values[0], atol=1e-5, rtol=1e-4)
        assert not together.values[i, n:].any()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_layer_is_the_hidden_state_of_the_whole_model(family, folders, recordings):
    full = PretrainedEncoder.from_pretrained(folders[family])
    recording = recordings[1]
    with torch.no_grad():
        inputs = full.front_end.inputs([recording.samples])
        states = full.backbone(**inputs, output_hidden_states=True).hidden_states
    assert len(states) == N_LAYERS + 1
    sizes = set()
    for layer in range(N_LAYERS + 1):
        encoder = PretrainedEncoder.from_pretrained(folders[family], layer)
        frames = encoder([recording])
        assert torch.equal(frames.values[0], states[layer][0, : frames.values.shape[1]])
        sizes.add(sum(p.numel() for p in encoder.parameters()))
    assert len(sizes) == N_LAYERS  # what lies above is not kept: layers 2 and 3 alone need all three
    assert torch.equal(full([recording]).values, PretrainedEncoder.from_pretrained(folders[family])([recording]).values)


@pytest.mark.parametrize("family", FAMILIES)
def test_several_layers_lie_side_by_side(family, folders, recordings):
    first, last = (PretrainedEncoder.from_pretrained(folders[family], k)(recordings[1:2]).values for k in (1, 3))
    encoder = PretrainedEncoder.from_pretrained(folders[family], [1, 3])
    assert encoder.width == 64
    assert torch.equal(encoder(recordings[1:2]).values, torch.cat([first, last], -1))


@pytest.mark.parametrize("layers", [[1, 4], [-1, 2]])
def test_a_mixture_of_layers_that_do_not_exist(layers, folders):
    with pytest.raises(UserError, match="hidden states 0 to 3"):
        PretrainedEncoder.from_pretrained(folders["hubert"], layers)


@pytest.mark.parametrize("layers", [[], [2], [2, 2]])
def test_a_mixture_of_one_layer_is_none(layers, folders):
    with pytest.raises(UserError, match="two layers or more"):
        PretrainedEncoder.from_pretrained(folders["hubert"], layers)


def test_unpadded_whisper_is_its_own_forward_on_the_first_positions(folders, recordings):
    encoder = PretrainedEncoder.from_pretrained(folders["whisper"], padded=False)
    model = transformers.WhisperModel.from_pretrained(folders["whisper"]).encoder.eval()
    extractor = transformers.WhisperFeatureExtractor.from_pretrained(folders["whisper"])
    frames = encoder(recordings)
    assert frames.lengths.tolist() == [-(-n // 320) for n in LENGTHS]
    for i, n in enumerate(LENGTHS[:3]):
        samples = np.pad(recordings[i].samples, (0, -n % 320))
        mel = extractor(samples, sampling_rate=16000, padding=False, return_tensors="pt")["input_features"]
        with torch.no_grad():  # as WhisperEncoder has it, with as many positions as frames
            x = torch.nn.functional.gelu(model.conv1(mel))
            x = torch.nn.functional.gelu(model.conv2(x)).transpose(1, 2)
            x = x + model.embed_positions.weight[: x.shape[1]]
            for layer in model.layers:
                x = layer(x, None)
        length = int(frames.lengths[i])
        torch.testing.assert_close(frames.values[i, :length], model.layer_norm(x)[0], atol=1e-5, rtol=1e-4)


def test_unpadded_and_padded_whisper_agree_on_whole_windows_and_drift_on_short_ones(folders):
    padded, unpadded = (PretrainedEncoder.from_pretrained(folders["whisper"], [1, 2], p) for p in (True, False))
    whole, short = loud_from(0, 16000), loud_from(0, 4000)
    assert torch.equal(padded([whole]).values, unpadded([whole]).values)
    assert not torch.allclose(padded([short]).values, unpadded([short]).values, atol=1e-3)
    drift = padding_drift([whole], folders["whisper"], 1)
    assert (drift.relative_rms, drift.cosine) == (0, pytest.approx(1))
    drift = padding_drift([whole, short], folders["whisper"], 1)
    assert (drift.recordings, drift.seconds) == (2, 1.25)
    assert 0 < drift.relative_rms < 1
    assert 0 < drift.cosine < 1
    assert "2 recordings" in str(drift)


def test_unpadded_whisper_goes_through_long_recordings_too(folders):
    encoder = PretrainedEncoder.from_pretrained(folders["whisper"], padded=False)
    samples = loud_from(0, 40001).samples  # 2.5 windows and one sample: nothing is cut off
    whole = encoder([Waveform(samples, 16000)])
    assert whole.lengths.tolist() == [126]
    rows = []
    for w in windows(126, 50, 12):
        part = encoder([Waveform(samples[w.start * 320 : min(w.start * 320 + 16000, 40001)], 16000)])
        rows.append(part.values[0, w.kept])
    torch.testing.assert_close(whole.values[0], torch.cat(rows), atol=1e-5, rtol=1e-4)


def test_only_whisper_is_padded(folders):
    with pytest.raises(UserError, match="padded false is for Whisper"):
        PretrainedEncoder.from_pretrained(folders["hubert"], padded=False)


def test_whisper_goes_through_long_recordings_window_after_window(folders):
    encoder = PretrainedEncoder.from_pretrained(folders["whisper"])
    rng = np.random.default_rng(2)
    samples = (rng.standard_normal(40001) * 0.1).astype(np.float32)  # 2.5 windows and one sample
    whole = encoder([Waveform(samples, 16000)])
    assert whole.lengths.tolist() == [126]
    rows = []
    for w in windows(126, 50, 12):  # windows of one second, a quarter of it context on either side
        part = encoder([Waveform(samples[w.start * 320 : min(w.start * 320 + 16000, 40001)], 16000)])
        rows.append(part.values[0, w.kept])
    torch.testing.assert_close(whole.values[0], torch.cat(rows), atol=1e-5, rtol=1e-4)
    changed = samples.copy()
    changed[-400:] = 0  # the end is heard
    assert not torch.allclose(encoder([Waveform(changed, 16000)]).values[0, -1], whole.values[0, -1], atol=1e-3)


@pytest.mark.parametrize(
    "family", ["wav2vec2-layer", "wav2vec2", "wavlm", "data2vec-audio", "wav2vec2-bert", "parakeet"]
)
def test_the_seams_of_windows_do_not_show(family, folders, monkeypatch):
    encoder = PretrainedEncoder.from_pretrained(folders[family], 0)  # what is local: attention differs from window on
    recording = loud_from(0, 5 * 16000)
    whole = encoder([recording])
    monkeypatch.setattr("ssr_connector.encoders.pretrained.WINDOW_S", 2.0)
    monkeypatch.setattr("ssr_connector.encoders.pretrained.MARGIN_S", 0.25)
    monkeypatch.setattr(encoder, "together_s", 4.0)
    parted = encoder([recording, loud_from(0, 16000)])
    assert parted.lengths.tolist() == [int(whole.lengths), encoder.front_end.n_frames(16000)]
    found = parted.values[0]
    # Loudness is levelled within each window, and that of noise differs by little from window to window.
    assert (found - whole.values[0]).square().mean().sqrt() < 0.1 * whole.values[0].std()
    shifted = torch.cat([whole.values[0, 1:], whole.values[0, :1]])
    assert (found - shifted).square().mean().sqrt() > 0.5 * whole.values[0].std()


@pytest.mark.parametrize(("family", "largest"), [("whisper", 3), ("wav2vec2-layer", 12)])
def test_clips_go_together_as_long_as_they_are_heard(family, largest, folders, monkeypatch):
    encoder = PretrainedEncoder.from_pretrained(folders[family])
    monkeypatch.setattr(encoder, "together_s", 3.0)
    sizes = []
    whole = encoder._encode_batch
    monkeypatch.setattr(encoder, "_encode_batch", lambda batch: sizes.append(len(batch)) or whole(batch))
    encoder([loud_from(0, 4000)] * 15)  # of a quarter of a second, which Whisper's windows fill up to a whole one
    assert sizes == [largest] * (15 // largest) + [15 % largest] * (15 % largest > 0)


@pytest.mark.parametrize(
    ("family", "shortest"),
    [("wav2vec2-layer", 40), ("wav2vec2", 40), ("wav2vec2-bert", 560), ("whisper", 1), ("parakeet", 320)],
)
def test_a_recording_too_short_for_a_frame_is_an_error(family, shortest, folders):
    encoder = PretrainedEncoder.from_pretrained(folders[family])
    noise = loud_from(0, shortest).samples
    assert encoder.hears(shortest)
    assert encoder([Waveform(noise, 16000)]).lengths.tolist() == [1]
    assert not encoder.hears(shortest - 1)
    with pytest.raises(ValueError, match=r"recording 1, .* too short"):
        encoder([Waveform(noise, 16000), Waveform(noise[1:], 16000)])


def test_another_sampling_rate_is_an_error(tiny_encoder):
    with pytest.raises(ValueError, match="16000 Hz, not 8000"):
        PretrainedEncoder.from_pretrained(tiny_encoder)([Waveform(np.zeros(8000, np.float32), 8000)])


@pytest.mark.parametrize("layer", [-1, 4])
def test_layers_that_do_not_exist(layer, folders):
    with pytest.raises(UserError, match="hidden states 0 to 3"):
        PretrainedEncoder.from_pretrained(folders["hubert"], layer)


def test_it_stays_frozen_and_without_dropout(folders, recordings):
    encoder = PretrainedEncoder.from_pretrained(folders["wav2vec2-layer"]).train()
    assert torch.equal(encoder(recordings[:1]).values, encoder(recordings[:1]).values)
    assert not any(p.requires_grad for p in encoder.parameters())
    assert not any(m.training for m in encoder.backbone.modules())


def test_half_precision_on_disk_is_single_precision_here(tmp_path, recordings):
    encoder = PretrainedEncoder.from_pretrained(make(tmp_path, "hubert-layer", half=True))
    assert encoder(recordings).values.dtype == torch.float32


def test_an_adapter_after_the_last_layer_asks_for_a_layer(tmp_path, recordings):
    folder = make(tmp_path, "wav2vec2-layer", add_adapter=True)
    with pytest.raises(UserError, match=r"adapter.*encoder\.layer"):
        PretrainedEncoder.from_pretrained(folder)
    assert PretrainedEncoder.from_pretrained(folder, 3)(recordings[:1]).lengths.tolist() == [100]


def test_output_that_does_not_follow_the_configuration_is_an_error(folders, recordings, monkeypatch):
    encoder = PretrainedEncoder.from_pretrained(folders["wav2vec2-layer"])
    front_end = type(encoder.front_end)
    for factor in (2, 0.5):  # promised too many, and too few
        n_frames = front_end.n_frames
        with monkeypatch.context() as patch:
            patch.setattr(front_end, "n_frames", lambda self, n, f=factor, real=n_frames: int(real(self, n) * f))
            with pytest.raises(ValueError, match="promises"):
                encoder(recordings)


def test_bad_checkpoints_are_named(tmp_path, folders, tiny_llm):
    with pytest.raises(UserError, match=r"check encoder\.name"):
        PretrainedEncoder.from_pretrained(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="'llama', not one of the encoders"):
        PretrainedEncoder.from_pretrained(tiny_llm)
    folder = Path(make(tmp_path / "cut", "wav2vec2"))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(UserError, match="cut"):
        PretrainedEncoder.from_pretrained(str(folder))
    (folder / "config.json").write_text("{")
    with pytest.raises(UserError, match="cut"):
        PretrainedEncoder.from_pretrained(str(folder))
    config = json.loads((Path(folders["wav2vec2"]) / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "speech-from-mars"}))
    with pytest.raises(UserError, match="cut"):
        PretrainedEncoder.from_pretrained(str(folder))
