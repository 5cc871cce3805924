import numpy as np
import pytest
import torch
from transformers import SeamlessM4TFeatureExtractor

from ssr_connector.encoders.log_mel import LogMel


def test_equals_the_feature_extractor_of_transformers():
    rng = np.random.default_rng(0)
    extractor = SeamlessM4TFeatureExtractor()
    recordings = [(rng.standard_normal(n) * 0.1).astype(np.float32) for n in (560, 8000, 8161, 16000)]
    ours = LogMel(extractor)(recordings)
    theirs = extractor(recordings, sampling_rate=16000, padding=True, return_tensors="pt")
    torch.testing.assert_close(ours["input_features"], theirs["input_features"], atol=2e-3, rtol=1e-3)
    assert torch.equal(ours["attention_mask"], theirs["attention_mask"])


def test_padding_changes_nothing():
    rng = np.random.default_rng(0)
    log_mel = LogMel(SeamlessM4TFeatureExtractor())
    short, long = (rng.standard_normal(n).astype(np.float32) for n in (4000, 9000))
    alone, together = log_mel([short]), log_mel([short, long])
    n = int(alone["attention_mask"].sum())
    assert torch.equal(alone["input_features"][0, :n], together["input_features"][0, :n])
    assert together["attention_mask"][0].sum() == n


def test_too_short_a_recording_is_refused():
    with pytest.raises(ValueError, match="too short"):
        LogMel(SeamlessM4TFeatureExtractor())([np.zeros(500, np.float32)])
