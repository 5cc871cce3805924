"""Additions to the LLM: what they change, and what they leave."""

import copy

import pytest
import torch

from ssr_connector.model import SSRForConditionalGeneration
from ssr_connector.model.adapter import ADAPTERS, add_adapter, merge_adapter


def train_three_steps(llm, ids):
    optimiser = torch.optim.SGD([p for p in llm.parameters() if p.requires_grad], lr=1.0)
    for _ in range(3):
        optimiser.zero_grad()
        llm(ids, labels=ids).loss.backward()
        optimiser.step()
    return llm.eval()(ids).logits


@pytest.mark.parametrize("kind", ADAPTERS)
def test_additions_begin_as_nothing_learn_alone_and_leave_the_llm_as_it_was(kind, tiny_model):
    llm = SSRForConditionalGeneration.from_pretrained(str(tiny_model)).llm
    before = {k: v.clone() for k, v in llm.state_dict().items()}
    ids = torch.arange(3, 23)[None]
    plain = llm(ids).logits
    wrapped = add_adapter(copy.deepcopy(llm), kind, 4, 8.0)
    assert torch.allclose(wrapped(ids).logits, plain, atol=1e-5)
    learns = [name for name, p in wrapped.named_parameters() if p.requires_grad]
    assert learns
    assert all(ADAPTERS[kind].key in name for name in learns)
    changed = train_three_steps(wrapped, ids)
    assert not torch.allclose(changed, plain, atol=1e-3)
    kept = [v for k, v in wrapped.state_dict().items() if ADAPTERS[kind].key not in k]
    assert len(kept) == len(before)
    assert all(torch.equal(a, b) for a, b in zip(kept, before.values(), strict=True))
    if ADAPTERS[kind].merges:
        merged = merge_adapter(wrapped)
        assert torch.allclose(merged(ids).logits, changed, atol=1e-4)
        assert set(merged.state_dict()) == set(before)
        assert torch.equal(merged.get_input_embeddings().weight, before["model.embed_tokens.weight"])


def test_a_copy_with_bottlenecks_has_its_own(tiny_model):
    llm = add_adapter(SSRForConditionalGeneration.from_pretrained(str(tiny_model)).llm, "bottleneck", 4, 8.0)
    ids = torch.arange(3, 23)[None]
    plain = llm(ids).logits
    other = copy.deepcopy(llm)  # as the teacher of `text_kl` is
    assert not torch.allclose(train_three_steps(llm, ids), plain, atol=1e-3)
    assert torch.equal(other(ids).logits, plain)
