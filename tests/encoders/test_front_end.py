"""Clocks of published checkpoints, from their configurations alone."""

import pytest
import torch
import transformers

from ssr_connector.encoders.front_end import (
    FRONT_ENDS,
    ConvolutionStack,
    FastConformer,
    Filterbank,
    WhisperWindow,
    pad_frames,
)
from ssr_connector.errors import UserError


@pytest.mark.parametrize(
    ("kernels", "strides", "hop", "rate_hz", "receptive"),
    [
        ((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2), 320, 50.0, 400),  # wav2vec 2.0, HuBERT, WavLM
        ((10, 3, 3, 3, 3, 2, 2, 2), (5, 2, 2, 2, 2, 2, 2, 2), 640, 25.0, 720),  # the prototype's DinoSR
    ],
)
def test_convolutions_give_rate_and_centre(kernels, strides, hop, rate_hz, receptive):
    config = transformers.HubertConfig(
        conv_kernel=kernels, conv_stride=strides, conv_dim=(8,) * len(kernels), num_feat_extract_layers=len(kernels)
    )
    front_end = ConvolutionStack.build(config, transformers.Wav2Vec2FeatureExtractor())
    clock = front_end.clock
    assert (clock.hop_samples, clock.rate_hz, clock.first_centre_samples) == (hop, rate_hz, receptive / 2)
    assert [front_end.n_frames(n) for n in (0, receptive - 1, receptive, receptive + hop - 1, receptive + hop)] == [
        0,
        0,
        1,
        1,
        2,
    ]
    model_lengths = transformers.HubertModel(
        transformers.HubertConfig(
            conv_kernel=kernels,
            conv_stride=strides,
            conv_dim=(8,) * len(kernels),
            num_feat_extract_layers=len(kernels),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
        )
    )._get_feat_extract_output_lengths(torch.arange(receptive, 20000, 777))
    assert [front_end.n_frames(n) for n in range(receptive, 20000, 777)] == model_lengths.tolist()


def test_only_encoders_whose_padding_does_not_leak_see_batches():
    extractor = transformers.Wav2Vec2FeatureExtractor()
    layer, group = (transformers.Wav2Vec2Config(feat_extract_norm=norm) for norm in ("layer", "group"))
    assert ConvolutionStack.build(layer, extractor).batched
    assert not ConvolutionStack.build(group, extractor).batched
    assert not ConvolutionStack.build(transformers.Data2VecAudioConfig(), extractor).batched
    levelled = transformers.HubertConfig(feat_extract_norm="layer", conv_pos_batch_norm=True)
    assert not ConvolutionStack.build(levelled, extractor).batched


def test_whisper_has_fifty_frames_a_second_in_windows_of_thirty():
    front_end = WhisperWindow.build(transformers.WhisperConfig(), transformers.WhisperFeatureExtractor())
    assert (front_end.clock.rate_hz, front_end.clock.first_centre_samples) == (50.0, 0.0)
    assert front_end.max_samples == 30 * 16000
    assert [front_end.n_frames(n) for n in (0, 1, 320, 321, 480000)] == [0, 1, 1, 2, 1500]


def test_filterbanks_count_whole_stacks():
    front_end = Filterbank.build(transformers.Wav2Vec2BertConfig(), transformers.SeamlessM4TFeatureExtractor())
    assert front_end.clock.rate_hz == 50.0
    # Windows of 400 samples at 0, 160, 320, 480: the first stack spans [0, 560), the second [320, 880).
    assert [front_end.n_frames(n) for n in (0, 559, 560, 879, 880)] == [0, 0, 1, 1, 2]
    assert front_end.clock.first_centre_samples == 280.0


def test_parakeet_counts_eighty_milliseconds():
    front_end = FastConformer.build(transformers.ParakeetEncoderConfig(), transformers.ParakeetFeatureExtractor())
    assert (front_end.clock.frame_s, front_end.clock.first_centre_samples) == (0.08, 0.0)
    assert [front_end.n_frames(n) for n in (0, 319, 320, 1439, 1440, 16000)] == [0, 0, 1, 1, 2, 13]
    model = transformers.ParakeetEncoder(
        transformers.ParakeetEncoderConfig(hidden_size=16, num_hidden_layers=1, intermediate_size=16)
    )
    for factor in (2, 4, 8):
        model.config.subsampling_factor = factor
        found = FastConformer.build(model.config, transformers.ParakeetFeatureExtractor())
        assert found.clock.hop_samples == 160 * factor
        n_samples = range(320, 20000, 777)
        mels = torch.tensor([n // 160 for n in n_samples])
        assert [found.n_frames(n) for n in n_samples] == model._get_subsampling_output_length(mels).tolist()
    model.config.subsampling_conv_kernel_size = 4
    with pytest.raises(UserError, match="only odd ones"):
        FastConformer.build(model.config, transformers.ParakeetFeatureExtractor())


def test_every_family_has_a_front_end_of_its_own_model_type():
    for model_type in FRONT_ENDS:
        assert model_type in transformers.models.auto.configuration_auto.CONFIG_MAPPING


def test_pad_frames():
    values, lengths = pad_frames([torch.ones(2, 3), torch.full((1, 3), 2.0)])
    assert lengths.tolist() == [2, 1]
    assert values[1].tolist() == [[2.0] * 3, [0.0] * 3]
