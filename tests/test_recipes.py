"""Every recipe, dry: its models by their own classes in small, one step of each stage.

pytest -m slow tests/test_recipes.py
"""

import re
import sys
from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from shapes import shapes, write_shape  # noqa: E402 - it lies beside the benchmarks
from ssr_connector.cli import main  # noqa: E402
from ssr_connector.config import load_recipe, paths_of, read_tree  # noqa: E402

RECIPES = sorted(
    p for p in (ROOT / "recipes").glob("*.yaml") if "tiny" not in p.stem and p.stem not in ("smoke", "own")
)
NARROW = {
    "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "num_conv_pos_embedding_groups": 2, "d_model": 32, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "decoder_layers": 1,
}  # fmt: skip


def test_there_is_a_recipe_for_every_scale():
    assert [p.stem for p in RECIPES] == [
        "commonvoice-multilingual-qwen3-1.7b",
        "librispeech100-smollm135m-hubert",
        "librispeech960-qwen3-0.6b-whisper",
        "mls-llama3-8b-dinosr",
    ]


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_a_recipe_is_read_and_its_commands_name_it(path):
    variants = read_tree(path)["variants"]
    assert set(variants) == {"aligner", "distill", "finetune"}
    known = shapes()
    for variant in variants:
        recipe = load_recipe(path, variant, [])
        assert recipe.encoder.name in known
        assert recipe.llm.name in known
    comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert f"R=recipes/{path.name}" in " ".join(comments)
    for verb in ("prepare", "train aligner", "align", "train distill", "train finetune", "evaluate"):
        assert any(f"{verb} " in line for line in comments), verb


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_the_commands_make_all_that_the_recipe_reads(path):
    comments = "\n".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    made = [
        re.sub(r"\\\$\w+", "[^/]+", re.escape(folder)) + "(/|$)"
        for folder in re.findall(r"(?:--out|--local-dir) ([^\s;]+)", comments)
    ]
    for variant in read_tree(path)["variants"]:
        recipe = load_recipe(path, variant, [])
        data, training = recipe.data, recipe.training
        paths = [p for value in (data.train, data.dev, data.frames, data.alignments) for p in paths_of(value)]
        paths += [p for p in (data.text, data.dev_text, training.aligner, training.start_from) if p]
        for wanted in map(str, paths):
            assert any(re.match(folder, wanted) for folder in made), f"{variant} reads {wanted}"
    for command in re.findall(r"torchrun .*", comments):  # several machines find each other only so
        assert "--rdzv_backend c10d --rdzv_endpoint" in command
    assert "--random-source" not in comments  # shuf reads a byte or more a line of it, and then fails


def narrowed(name, folder, tokenizer_of=None):
    """The model that a recipe names, of the same class and depth, 32 wide, with random weights."""
    config = shapes()[name]
    for key, value in NARROW.items():
        if hasattr(config, key):
            setattr(config, key, value)
    if hasattr(config, "conv_dim"):
        config.conv_dim = (32,) * len(config.conv_dim)
    write_shape(name, folder)
    torch.manual_seed(0)
    if tokenizer_of is None:
        AutoModel.from_config(config).save_pretrained(folder)
    else:
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_of)
        config.vocab_size = len(tokenizer)
        config.bos_token_id, config.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.slow
@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_one_step_of_every_stage(path, tmp_path, tiny_corpus, tiny_llm, sentences, capsys):
    recipe = yaml.safe_load(path.read_text())
    encoder = narrowed(recipe["encoder"]["name"], tmp_path / "encoder")
    llm = narrowed(recipe["llm"]["name"], tmp_path / "llm", tokenizer_of=tiny_llm)
    (tmp_path / "text.txt").write_text("\n".join(sentences * 20))
    cuts = [str(tiny_corpus / f"{part}.jsonl.gz") for part in ("train", "dev")]
    common = [
        *("--config", str(path), "--encoder.name", encoder, "--llm.name", llm, "--data.train", cuts[0]),
        *("--data.dev", cuts[1], "--data.frames", "null", "--data.alignments", str(tmp_path / "align")),
        *("--aligner.width", "24", "--training.batch_s", "10", "--training.steps", "1"),
    ]
    texts = (f"--data.{key}={tmp_path / 'text.txt'}" for key in ("text", "dev_text"))
    text = ["--training.text_block=16", *texts] if "data: {text" in path.read_text() else []
    assert main(["train", "aligner", *common, "--out", str(tmp_path / "aligner")]) == 0
    aligner = str(tmp_path / "aligner" / "aligner")
    assert main(["align", *cuts, "--aligner", aligner, "--out", str(tmp_path / "align")]) == 0
    words = ["--training.aligner", aligner, "--out", str(tmp_path / "distill")]
    assert main(["train", "distill", *common, *words]) == 0
    start = str(tmp_path / "distill" / "model")
    words = ["--training.start_from", start, "--out", str(tmp_path / "finetune"), *text]
    assert main(["train", "finetune", *common, *words]) == 0
    model = str(tmp_path / "finetune" / "model")
    assert main(["evaluate", f"m={model}", "--cuts", cuts[1], "--out", str(tmp_path / "results")]) == 0
    assert (tmp_path / "results" / "report.html").is_file()
