"""Compiled layers: the losses and the checkpoint of layers that are not."""

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open

from ssr_connector.config import load_recipe
from ssr_connector.model import SSRForConditionalGeneration
from ssr_connector.model.compilation import compile_layers
from ssr_connector.training.stages import finetune, train_connector


def losses(out):
    return [json.loads(line)["loss"] for line in (out / "metrics.jsonl").open()]


def names(out):
    (folder,) = (out / "checkpoints").glob("step-*")
    with safe_open(folder / "state.safetensors", "pt") as file:
        return set(file.keys())


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--connector.attention=blockwise", "--connector.dropout=0"],
        ["--training.gradient_checkpointing=true"],
    ],
    ids=["causal", "block-wise", "checkpointed"],
)
def test_stage_1_compiled_gives_the_same_losses(recipe_of, tmp_path, words):
    words = ["--connector.dropout=0", "--training.steps=3", *words]
    for name in ("eager", "compiled"):
        train_connector(
            recipe_of("distill", *words, f"--training.compile={name == 'compiled'}", out=tmp_path / name),
            lambda *_: None,
        )
    assert losses(tmp_path / "compiled") == pytest.approx(losses(tmp_path / "eager"), rel=1e-4)
    assert names(tmp_path / "compiled") == names(tmp_path / "eager")
    SSRForConditionalGeneration.from_pretrained(str(tmp_path / "compiled" / "model"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [[], ["--training.adapter=lora"], ["--training.gradient_checkpointing=true"], ["--training.adapter=bottleneck"]],
    ids=["whole", "lora", "checkpointed", "bottleneck"],
)
def test_stage_2_compiled_gives_the_same_losses_and_checkpoint(base, distilled, tmp_path, words):
    def run(out, compiled, steps):
        overrides = [f"--training.start_from={distilled / 'model'}", f"--out={tmp_path / out}", *words]
        overrides += [f"--training.compile={compiled}", f"--training.steps={steps}", "--training.schedule=constant"]
        finetune(load_recipe(base / "recipe.yaml", "finetune", overrides), lambda *_: None)

    run("eager", "false", 4)
    run("compiled", "true", 4)
    assert losses(tmp_path / "compiled") == pytest.approx(losses(tmp_path / "eager"), rel=1e-3)
    assert names(tmp_path / "compiled") == names(tmp_path / "eager")
    SSRForConditionalGeneration.from_pretrained(str(tmp_path / "compiled" / "model"))


@pytest.mark.slow
def test_every_transformer_layer_is_compiled_and_no_name_changes(model):
    before = list(model.state_dict())
    compile_layers([model.connector, model.llm], torch.device("cpu"))
    compiled = {name for name, part in model.named_modules() if part._compiled_call_impl is not None}
    assert compiled == {"connector.decoder.decoder.layers.0", "llm.model.layers.0", "llm.model.layers.1"}
    assert list(model.state_dict()) == before


@pytest.mark.slow
def test_no_compiler_is_said_in_one_sentence():
    code = (
        "import torch\n"
        "from ssr_connector.errors import UserError\n"
        "from ssr_connector.model.compilation import check_compiler\n"
        "try:\n    check_compiler(torch.device('cpu'))\n"
        "except UserError as error:\n    print(error)\n"
    )
    environment = {**os.environ, "CXX": "no-such-compiler", "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "training.compile needs a C++ compiler" in done.stdout
    assert "leave it at false" in done.stdout
