"""The LLM's input embeddings without the LLM."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from ssr_connector.errors import UserError
from ssr_connector.model.embeddings import load_embeddings, shortened


def test_they_are_those_of_the_whole_llm_and_nothing_else_is_there(tiny_llm):
    whole = AutoModelForCausalLM.from_pretrained(tiny_llm)
    found = load_embeddings(tiny_llm)
    ids = torch.tensor([[0, 3, 17]])
    assert torch.equal(found.get_input_embeddings()(ids), whole.get_input_embeddings()(ids))
    assert sum(p.numel() for p in found.parameters()) == whole.get_input_embeddings().weight.numel()
    assert found.config.num_hidden_layers == 2  # of the LLM itself: connectors take their shape from it
    assert load_embeddings(tiny_llm, torch.bfloat16).get_input_embeddings().weight.dtype == torch.bfloat16
    with pytest.raises(ValueError, match="only the LLM's input embeddings"):
        found(ids)


@pytest.mark.parametrize("tied", [False, True])
def test_no_layer_is_read_from_shards(tied, tiny_llm, tmp_path):
    config = LlamaConfig.from_pretrained(tiny_llm, tie_word_embeddings=tied)
    whole = LlamaForCausalLM(config)
    whole.save_pretrained(tmp_path, max_shard_size="20KB")
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())["weight_map"]
    table = index["model.embed_tokens.weight"]
    for file in {f for key, f in index.items() if ".layers." in key and f != table}:
        tensors = load_file(tmp_path / file)  # of other shapes, whole layers could not be loaded
        save_file({k: torch.zeros(1) if ".layers." in k else v for k, v in tensors.items()}, tmp_path / file)
    found = load_embeddings(str(tmp_path))
    assert torch.equal(found.get_input_embeddings().weight, whole.get_input_embeddings().weight)


def test_an_llm_without_them_is_refused(tiny_llm, tmp_path):
    whole = AutoModelForCausalLM.from_pretrained(tiny_llm)
    whole.config.save_pretrained(tmp_path)
    state = {k: v for k, v in whole.state_dict().items() if "embed_tokens" not in k}
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="holds no input embeddings"):
        load_embeddings(str(tmp_path))
    with pytest.raises(UserError, match=r"check llm\.name"):
        load_embeddings(str(Path(tmp_path) / "nowhere"))


def test_a_shortened_configuration_leaves_the_other_as_it_was(tiny_llm):
    config = LlamaConfig.from_pretrained(tiny_llm)
    assert shortened(config, 0).num_hidden_layers == 0
    assert shortened(config, 5).num_hidden_layers == config.num_hidden_layers == 2
