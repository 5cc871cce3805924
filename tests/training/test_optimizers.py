"""Which optimiser moves what, and by how much."""

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from ssr_connector.config import TrainingSection
from ssr_connector.training.optimizers import build_optimizers, muon_matrices, state_bytes

MUON, ADAMW = (TrainingSection(optimizer=name, lr=1e-3, weight_decay=0.0) for name in ("muon", "adamw"))


def test_muon_has_the_matrices_between_words_and_words(tiny_llm):
    llm = AutoModelForCausalLM.from_pretrained(tiny_llm)
    names = {id(p): name for name, p in llm.named_parameters()}
    found = {names[id(p)] for p in muon_matrices(nn.ModuleList([llm]), MUON)}
    assert found == {
        name for name in names.values() if name.startswith("model.layers.") and name.endswith("proj.weight")
    }
    muon, adamw = build_optimizers(llm, MUON)
    moved = [id(p) for o in (muon, adamw) for group in o.param_groups for p in group["params"]]
    assert sorted(moved) == sorted(names)
    assert "lm_head.weight" not in found


def test_what_does_not_learn_is_moved_by_none():
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    module[0].requires_grad_(False)
    (muon, adamw) = build_optimizers(module, MUON)
    assert [p.shape for p in muon.param_groups[0]["params"]] == [(4, 4)]
    assert [p.shape for p in adamw.param_groups[0]["params"]] == [(4,)]
    assert muon.param_groups[0]["params"][0] is module[1].weight
    (only,) = build_optimizers(nn.LayerNorm(3), MUON)
    assert isinstance(only, torch.optim.AdamW)


@pytest.mark.parametrize("config", [MUON, ADAMW])
def test_steps_are_as_large_and_what_is_kept_is_counted(config):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(64, 192), nn.Tanh(), nn.Linear(192, 64))
    before = [p.detach().clone() for p in module.parameters()]
    optimizers = build_optimizers(module, config)
    module(torch.randn(256, 64)).square().mean().backward()
    for optimizer in optimizers:
        optimizer.step()
    for old, new in zip(before, module.parameters(), strict=True):
        rms = float((new.detach() - old).square().mean().sqrt())
        if new.dim() == 2 and config is MUON:  # a fifth of AdamW's first step, which is the learning rate everywhere
            assert rms == pytest.approx(0.2 * config.lr, rel=0.3)
        else:
            assert rms == pytest.approx(config.lr, rel=0.01)
    kept = [t for o in optimizers for state in o.state.values() for t in state.values() if t.dim()]
    assert state_bytes(module, config) == sum(t.numel() * t.element_size() for t in kept)
