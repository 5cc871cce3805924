"""Encoders by name, and what the paragraph says of layers."""

import pytest

from ssr_connector.errors import UserError
from ssr_connector.studies.encoders import ENCODERS, TASK, extended, paragraph
from ssr_connector.studies.study import Own


def test_encoders_are_added_by_name_and_layer():
    study = extended(ENCODERS, Own(encoders=("facebook/hubert-base-ls960:9", "openai/whisper-small", "C:/models/mine")))
    added = study.arms[len(ENCODERS.arms) :]
    assert [arm.encoder for arm in added] == [
        {"encoder.name": "facebook/hubert-base-ls960", "encoder.layer": 9},
        {"encoder.name": "openai/whisper-small", "encoder.layer": None},
        {"encoder.name": "C:/models/mine", "encoder.layer": None},
    ]
    assert set(study.quick) > {arm.name for arm in added}
    assert added[0].title == "facebook/hubert-base-ls960, layer 9"


def test_what_cannot_be_added_is_said():
    with pytest.raises(UserError, match="--encoders has an empty name"):
        extended(ENCODERS, Own(encoders=("a", "")))


def test_the_best_layer_is_held_against_the_floor(planted):
    results = planted({"last": 0.7, "layer_2": 0.9, "untrained": 0.5}, [TASK, "embedding_wer"])
    said = paragraph(results)
    assert any(s.startswith("Layer_2 is better than untrained in StoryCloze S→T, by 40.0 points") for s in said)
    assert said[0].startswith("Layer_2 has the best mean in StoryCloze S→T, told apart from last, untrained")
