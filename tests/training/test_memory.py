"""What saves memory changes nothing that it should not."""

import json

import pytest
import torch

from ssr_connector.base_models import load_llm
from ssr_connector.config import LLMSection, load_recipe
from ssr_connector.errors import UserError
from ssr_connector.model import SSRForConditionalGeneration
from ssr_connector.training.batches import Batch
from ssr_connector.training.objectives import SpeechLM, TextLM, Transcribe
from ssr_connector.training.stages import finetune, train_connector, weights


def losses(out):
    return [json.loads(line)["loss"] for line in (out / "metrics.jsonl").open()]


@pytest.mark.parametrize("variant", ["distill", "stack"])
def test_gradient_checkpointing_gives_the_same_losses(base, recipe_of, tmp_path, variant):
    few = ["--training.steps=3", "--connector.layers=1"]
    train_connector(recipe_of(variant, *few, out=tmp_path / "kept"), lambda *_: None)
    train_connector(
        recipe_of(variant, *few, "--training.gradient_checkpointing=true", out=tmp_path / "twice"), lambda *_: None
    )
    assert losses(tmp_path / "twice") == pytest.approx(losses(tmp_path / "kept"), rel=1e-5)


def test_gradient_checkpointing_in_stage_2(base, distilled, tmp_path):
    for name, flag in (("kept", "false"), ("twice", "true")):
        words = [f"--training.start_from={distilled / 'model'}", f"--out={tmp_path / name}", "--training.steps=3"]
        recipe = load_recipe(base / "recipe.yaml", "finetune", [*words, f"--training.gradient_checkpointing={flag}"])
        finetune(recipe, lambda *_: None)
    assert losses(tmp_path / "twice") == pytest.approx(losses(tmp_path / "kept"), rel=1e-5)


def test_a_frozen_llm_may_be_kept_in_bfloat16(recipe_of, tmp_path):
    train_connector(recipe_of("distill", "--training.steps=3", out=tmp_path / "full"), lambda *_: None)
    train_connector(
        recipe_of("distill", "--training.steps=3", "--llm.dtype=bfloat16", out=tmp_path / "half"), lambda *_: None
    )
    assert losses(tmp_path / "half") == pytest.approx(losses(tmp_path / "full"), rel=0.02)
    model = SSRForConditionalGeneration.from_pretrained(str(tmp_path / "half" / "model"))  # as it was trained
    assert {p.dtype for p in model.llm.parameters()} == {torch.bfloat16}
    other = SSRForConditionalGeneration.from_pretrained(str(tmp_path / "half" / "model"), dtype=torch.float32)
    assert {p.dtype for p in other.llm.parameters()} == {torch.float32}
    assert {p.dtype for p in model.connector.parameters()} == {torch.float32}


def test_an_llm_that_learns_as_a_whole_is_kept_in_float32(base, distilled, tmp_path):
    words = [f"--training.start_from={distilled / 'model'}", f"--out={tmp_path / 'run'}", "--llm.dtype=bfloat16"]
    with pytest.raises(UserError, match="kept in float32"):
        finetune(load_recipe(base / "recipe.yaml", "finetune", words), lambda *_: None)


def test_quantised_weights_need_cuda(recipe_of):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UserError, match=r"llm\.quantize 4bit needs a CUDA device"):
        train_connector(recipe_of("distill", "--llm.quantize=4bit"), lambda *_: None)


def test_vanilla_stage_2_is_watched_by_text_that_it_does_not_train_on(base, distilled, tmp_path):
    words = [
        f"--training.start_from={distilled / 'model'}",
        f"--out={tmp_path / 'run'}",
        f"--data.dev_text={base / 'text.txt'}",
        "--training.objectives={speech_lm: 1}",
        "--training.lr=1",
        "--training.warmup_steps=0",
        "--training.max_text_drop=0.05",
        "--training.evaluate_every=1",
        "--llm.attention=eager",
    ]
    figures = finetune(load_recipe(base / "recipe.yaml", "finetune", words), lambda *_: None)
    assert "went_back_to" in figures
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    start = json.loads((tmp_path / "run" / "allowed" / "start.json").read_text())["text_loss"]
    assert rows[0]["step"] == 0
    assert rows[0]["dev_text"] == start
    assert rows[-1]["dev_text"] > start + 0.05
    assert all(row["dev_text"] <= start + 0.05 for row in rows[:-1])
    assert figures["went_back_to"] == rows[-2]["step"] == len(rows) - 2
    drawn = (tmp_path / "run" / "curves.svg").read_text()
    assert f"text: {rows[-1]['dev_text'] - start:+.3f} nats a token since step 0" in drawn
    assert finetune(load_recipe(base / "recipe.yaml", "finetune", words), lambda *_: None) == {}  # it is done


def test_a_limit_that_nothing_watches_is_an_error(base, distilled, tmp_path):
    words = [f"--training.start_from={distilled / 'model'}", f"--out={tmp_path / 'run'}", "--training.max_text_drop=1"]
    with pytest.raises(UserError, match=r"max_text_drop needs .*--data\.dev_text"):
        finetune(load_recipe(base / "recipe.yaml", "finetune", words), lambda *_: None)


def test_losses_and_gradients_are_the_same_however_attention_is_computed(tiny_model, batch):
    found = {}
    for kind in ("eager", "sdpa"):
        model = SSRForConditionalGeneration.from_pretrained(
            str(tiny_model), **weights(LLMSection(attention=kind), "no")
        )
        assert model.llm.config._attn_implementation == kind
        text = torch.arange(4, 52).view(2, 24)
        text[:, 9] = model.tokenizer.bos_token_id  # two documents in a row
        heard = batch.to(torch.device("cpu"))  # by this model
        loss = SpeechLM(model)(heard)[0] + Transcribe(model, "?")(heard)[0] + TextLM(model)(Batch(None, text))[0]
        found[kind] = [loss, *torch.autograd.grad(loss, list(model.connector.parameters()))]
    for one, other in zip(*found.values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_attention_that_is_not_there_is_named(tiny_llm):
    with pytest.raises(UserError, match=r"has no llm\.attention flash_attention_2 here; give sdpa, eager or auto"):
        load_llm(tiny_llm, attn_implementation="flash_attention_2")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    for kind in ("flash_attention_2", "flex_attention"):
        with pytest.raises(UserError, match=rf"llm\.attention {kind} needs a CUDA device"):
            weights(LLMSection(attention=kind), "no")
