"""Low-rank additions: what they change, and what they leave."""

import copy

import torch

from ssr_connector.model import SSRForConditionalGeneration
from ssr_connector.model.lora import KEY, add_lora, merge_lora


def test_merged_it_says_what_it_said_and_the_llm_itself_was_not_touched(tiny_model):
    llm = SSRForConditionalGeneration.from_pretrained(str(tiny_model)).llm
    before = {k: v.clone() for k, v in llm.state_dict().items()}
    ids = torch.arange(3, 23)[None]
    plain = llm(ids).logits
    wrapped = add_lora(copy.deepcopy(llm), 4, 8.0)
    assert torch.allclose(wrapped(ids).logits, plain, atol=1e-5)  # additions begin at zero
    learns = [name for name, p in wrapped.named_parameters() if p.requires_grad]
    assert learns
    assert all(KEY in name for name in learns)
    optimiser = torch.optim.SGD([p for p in wrapped.parameters() if p.requires_grad], lr=1.0)
    for _ in range(3):
        optimiser.zero_grad()
        wrapped(ids, labels=ids).loss.backward()
        optimiser.step()
    changed = wrapped.eval()(ids).logits
    assert not torch.allclose(changed, plain, atol=1e-3)
    merged = merge_lora(wrapped)
    assert torch.allclose(merged(ids).logits, changed, atol=1e-4)
    assert set(merged.state_dict()) == set(before)
    assert torch.equal(merged.get_input_embeddings().weight, before["model.embed_tokens.weight"])
