"""What the demo's stages follow from."""

from pathlib import Path

import pytest
from rich.console import Console

from ssr_connector.tiny.demo import Demo

SMOKE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"


def inputs(folder, *words):
    demo = Demo(SMOKE, folder, list(words), Console(quiet=True))
    return demo.training("distill", []).inputs


@pytest.mark.parametrize("word", ["--llm.dtype=bfloat16", "--augment.noise=generated", "--training.lr=1"])
def test_a_changed_recipe_makes_a_stage_anew(word, tmp_path):
    assert inputs(tmp_path, word) != inputs(tmp_path)
    assert inputs(tmp_path) == inputs(tmp_path, "--llm.dtype=float32")
