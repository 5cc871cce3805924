"""Every family of LLMs, tiny and random, saved to disk and loaded by path: both stages, saved, loaded, and used."""

import numpy as np
import pytest
import torch
import transformers

from ssr_connector.config import load_recipe
from ssr_connector.model import SSRForConditionalGeneration, SSRProcessor
from ssr_connector.model.adapter import ADAPTERS, add_adapter, merge_adapter
from ssr_connector.training.stages import finetune, train_connector
from ssr_connector.types import Waveform

SHAPE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
GROUPED = SHAPE | {"num_key_value_heads": 2, "max_position_embeddings": 512}
ROPE3 = {
    "rope_theta": 10000.0, "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 128,
}  # fmt: skip
FAMILIES = {
    "llama3": ("Llama", GROUPED | {"rope_parameters": ROPE3}),  # rotary settings for long contexts
    "smollm2": ("Llama", GROUPED | {"tie_word_embeddings": True}),
    "mistral": ("Mistral", GROUPED | {"sliding_window": 16}),
    "qwen2": ("Qwen2", GROUPED | {"use_sliding_window": False}),
    "qwen3": ("Qwen3", GROUPED | {"head_dim": 16, "tie_word_embeddings": True}),
    "gemma2": ("Gemma2", GROUPED | {"head_dim": 16, "sliding_window": 16}),
    "gemma3": ("Gemma3", GROUPED | {"head_dim": 16, "sliding_window": 16}),  # scales its embeddings
    "phi3": ("Phi3", GROUPED),
    "smollm3": ("SmolLM3", GROUPED),
    "olmo2": ("Olmo2", GROUPED),  # norms behind the layers
    "gpt2": ("GPT2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}),  # no rotary, no gates
    "bloom": ("Bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),  # positions by distance: no limit is named
    "neox": ("GPTNeoX", SHAPE | {"max_position_embeddings": 512}),
}
HEADS = {"gpt2": "GPT2LMHeadModel"}
WITHOUT_BOS = ("qwen2", "qwen3")


def untrained(name, more):
    family, values = FAMILIES[name]
    config_class = getattr(transformers, f"{family}TextConfig", None) or getattr(transformers, f"{family}Config")
    torch.manual_seed(0)
    return getattr(transformers, HEADS.get(name, f"{family}ForCausalLM"))(config_class(**values, **more))


def make(name, folder, tokenizer):
    ids = {k: getattr(tokenizer, k) for k in ("bos_token_id", "eos_token_id", "pad_token_id")}
    untrained(name, {"vocab_size": len(tokenizer), **ids}).save_pretrained(folder)
    if name in WITHOUT_BOS:
        tokenizer.bos_token = None
    tokenizer.save_pretrained(folder)


# The quick suite takes those that differ most: in norms and biases, embedding scale, BOS, positions, fused projections.
QUICK = ("llama3", "qwen3", "gemma3", "gpt2")
MATRIX = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in FAMILIES]


@pytest.mark.parametrize("name", MATRIX)
def test_both_stages_train_save_load_and_speak(name, base, tiny_llm, tmp_path):
    make(name, tmp_path / "llm", transformers.AutoTokenizer.from_pretrained(tiny_llm))
    shared = [f"--llm.name={tmp_path / 'llm'}", "--training.steps=2", "--training.warmup_steps=1"]
    train_connector(
        load_recipe(base / "recipe.yaml", "distill", [*shared, f"--out={tmp_path / 'one'}"]), lambda *_: None
    )
    one = SSRForConditionalGeneration.from_pretrained(str(tmp_path / "one" / "model"))
    scale = one.embed_tokens(torch.arange(one.llm.config.vocab_size)).detach().square().mean().sqrt()
    assert float(one.connector.decoder.gain.detach().mean()) == pytest.approx(float(scale), rel=0.3)
    start = f"--training.start_from={tmp_path / 'one' / 'model'}"
    recipe = load_recipe(base / "recipe.yaml", "finetune", [*shared, start, f"--out={tmp_path / 'two'}"])
    finetune(recipe, lambda *_: None)
    lora = [*shared, start, f"--out={tmp_path / 'lora'}", "--training.adapter=lora", "--training.adapter_rank=2"]
    finetune(load_recipe(base / "recipe.yaml", "finetune", lora), lambda *_: None)
    added = SSRForConditionalGeneration.from_pretrained(str(tmp_path / "lora" / "model"))
    assert np.isfinite(added.loglikelihood([(["The king"], [" sleeps."])])[0].total)

    again = [SSRForConditionalGeneration.from_pretrained(str(tmp_path / "two" / "model")) for _ in range(2)]
    again[0].save_pretrained(str(tmp_path / "copy"))
    again.append(SSRForConditionalGeneration.from_pretrained(str(tmp_path / "copy")))
    rng = np.random.default_rng(0)
    waveform = Waveform((0.1 * rng.standard_normal(16000)).astype(np.float32), 16000)
    inputs = SSRProcessor.from_pretrained(str(tmp_path / "two" / "model"))("<|speech|> and then", [waveform])
    results = []
    for model in again:
        score = model.loglikelihood([([waveform], [" the dog"]), (["The king"], [" sleeps."])])
        results.append((score, model.generate(**inputs, max_new_tokens=4, do_sample=False).tolist()))
    assert results[0] == results[1] == results[2]
    assert all(np.isfinite(s.total) for s in results[0][0])
    story = " The king sleeps, and the dog barks at the moon. Who took the silver key? He sat down."
    contexts, endings = ([waveform, story], [story[1:-5]]), (" Nobody knows.", " A", " The cats near the river sing.")
    pairs = [(context, [ending]) for context in contexts for ending in endings]
    alone = [again[0].loglikelihood([pair])[0].total for pair in pairs]
    assert [s.total for s in again[0].loglikelihood(pairs)] == pytest.approx(alone, abs=1e-4)  # all at once
    assert not torch.equal(
        again[0].llm.get_input_embeddings().weight, one.llm.get_input_embeddings().weight
    )  # stage 2 trained it


@pytest.mark.parametrize("name", FAMILIES)
def test_additions_of_every_kind_learn_alone_and_merge(name):
    ids = torch.arange(3, 23)[None]
    for kind, adapter in ADAPTERS.items():
        llm = untrained(name, {"vocab_size": 40, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}).eval()
        plain = llm(ids).logits
        added = add_adapter(llm, kind, 2, 4.0)
        assert torch.allclose(added(ids).logits, plain, atol=1e-5)
        added(ids, labels=ids).loss.backward()
        learn = {key: p for key, p in added.named_parameters() if p.grad is not None}
        assert {key for key in learn if adapter.key not in key} == set()
        with torch.no_grad():
            for parameter in learn.values():
                parameter += 0.1 * torch.randn_like(parameter)
        changed = added(ids).logits
        assert not torch.allclose(changed, plain, atol=1e-3)
        if adapter.merges:
            assert torch.allclose(merge_adapter(added)(ids).logits, changed, atol=1e-4)
