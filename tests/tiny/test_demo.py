"""What the demo's stages follow from."""

from pathlib import Path

import pytest
from rich.console import Console

from ssr_connector.errors import UserError
from ssr_connector.tiny.demo import Demo

SMOKE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"


def inputs(stage, folder, *words):
    return Demo(SMOKE, folder, list(words), Console(quiet=True)).training(stage, []).inputs


@pytest.mark.parametrize(
    ("word", "anew"),
    [
        ("--llm.dtype=bfloat16", {"distill", "vanilla"}),
        ("--training.lr=1", {"aligner", "distill", "vanilla"}),
        ("--llm.attention=eager", set()),
        ("--llm.dtype=float32", set()),
    ],
)
def test_what_a_stage_follows_from_makes_it_anew(word, anew, tmp_path):
    stages = ("aligner", "distill", "vanilla")
    assert {stage for stage in stages if inputs(stage, tmp_path, word) != inputs(stage, tmp_path)} == anew


def test_what_frames_that_are_encoded_once_cannot_have_is_refused(tmp_path):
    with pytest.raises(UserError, match="augment: this trains on frames that are encoded once"):
        Demo(SMOKE, tmp_path, ["--augment.noise=generated"], Console(quiet=True))
