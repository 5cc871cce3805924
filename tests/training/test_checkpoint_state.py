import itertools
import json

import pytest
import torch
from safetensors.torch import load, load_file, save_file
from torch import nn

from ssr_connector.errors import UserError
from ssr_connector.training.checkpoint import Position, checkpoints, load_state, save_state, trainable


def made(seed=0, width=3):
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(width, 3), nn.Linear(3, 2))
    module[1].requires_grad_(False)
    return module, torch.optim.AdamW(trainable(module).values(), lr=0.1)


def stepped(module, optimizer, n=2):
    for _ in range(n):
        module(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()


def test_weights_optimiser_and_position_come_back(tmp_path):
    module, optimizer = made()
    stepped(module, optimizer)
    save_state(tmp_path, module, [optimizer], Position(2, 1, 4), 1)
    other, its = made(seed=9)
    other[1].load_state_dict(module[1].state_dict())  # frozen: not in the checkpoint
    assert load_state(tmp_path, other, [its]) == Position(2, 1, 4)
    stepped(module, optimizer)
    stepped(other, its)
    assert torch.equal(module[0].weight, other[0].weight)


class Follower(nn.Module):
    """A part with what it follows (saved) and what it computes anew (not)."""

    def __init__(self, value, learns=True):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2), requires_grad=learns)
        self.register_buffer("mean", torch.full((3,), value))
        self.register_buffer("table", torch.full((3,), value), persistent=False)


def test_buffers_of_what_learns_come_back_and_no_others(tmp_path):
    module = nn.Sequential(Follower(1.0), Follower(2.0, learns=False))
    save_state(tmp_path, module, [], Position(1), 1)
    other = nn.Sequential(Follower(7.0), Follower(8.0, learns=False))
    load_state(tmp_path, other, [])
    assert [float(part.mean[0]) for part in other] == [1.0, 8.0]
    assert [float(part.table[0]) for part in other] == [7.0, 8.0]
    other[0].mean = torch.zeros(4)
    with pytest.raises(UserError, match=r"differs in 0\.mean"):
        load_state(tmp_path, other, [])
    other[0].mean = torch.zeros(3)
    file = tmp_path / "step-00000001" / "state.safetensors"
    save_file({k: v for k, v in load_file(file).items() if not k.startswith("buffer/")}, file)
    assert load_state(tmp_path, other, []).step == 1  # of an older version
    assert not other[0].mean.any()


def test_nothing_saved_is_the_start(tmp_path):
    module, optimizer = made()
    assert load_state(tmp_path, module, [optimizer]) == Position()


def test_the_newest_is_taken_and_old_and_half_written_ones_go(tmp_path):
    module, optimizer = made()
    (tmp_path / "step-00000001.tmp-7").mkdir()
    for step in (1, 2, 3):
        save_state(tmp_path, module, [optimizer], Position(step), 2)
    assert [p.name for p in checkpoints(tmp_path)] == ["step-00000002", "step-00000003"]
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "step-00000009").mkdir()  # without a position it is none
    assert load_state(tmp_path, module, [optimizer]).step == 3


@pytest.mark.parametrize("damage", ["cut", "lines", "position"])
def test_a_damaged_checkpoint_is_named(tmp_path, damage):
    module, optimizer = made()
    save_state(tmp_path, module, [optimizer], Position(1), 1)
    file = tmp_path / "step-00000001" / ("position.json" if damage == "position" else "state.safetensors")
    content = file.read_bytes()
    file.write_bytes({"cut": content[:-10], "lines": b"\n" * 20, "position": b'{"step": 1, "no": 2}'}[damage])
    with pytest.raises(UserError, match=r"step-00000001 is damaged.*remove it"):
        load_state(tmp_path, module, [optimizer])


def in_shards(folder, cuts):
    """A run of one process, its checkpoint cut up as processes write it: rows up to each of `cuts`."""
    module, optimizer = made()
    stepped(module, optimizer)
    save_state(folder, module, [optimizer], Position(2, 1, 4, 8), 1)
    place = folder / "step-00000002"
    whole = load_file(place / "state.safetensors")
    (place / "state.safetensors").unlink()
    for k, (start, stop) in enumerate(itertools.pairwise([0, *cuts, 99])):
        part = {key: v[start:stop].contiguous() if v.dim() else v for key, v in whole.items()}
        save_file(part, place / f"state-{k + 1:05d}-of-{len(cuts) + 1:05d}.safetensors")
    position = json.loads((place / "position.json").read_text())
    (place / "position.json").write_text(json.dumps(position | {"files": len(cuts) + 1}))
    return module, optimizer, place


@pytest.mark.parametrize("cuts", [[2], [1, 2], [2, 3, 3]])
def test_shards_of_any_number_are_put_together(tmp_path, cuts):
    module, optimizer, _ = in_shards(tmp_path, cuts)
    other, its = made(seed=9)
    other[1].load_state_dict(module[1].state_dict())
    assert load_state(tmp_path, other, [its]) == Position(2, 1, 4, 8)
    stepped(module, optimizer)
    stepped(other, its)
    assert torch.equal(module[0].weight, other[0].weight)
    assert torch.equal(module[0].bias, other[0].bias)


@pytest.mark.parametrize("damage", ["gone", "cut", "short"])
def test_a_damaged_shard_is_named(tmp_path, damage):
    module, optimizer, place = in_shards(tmp_path, [1, 2])
    file = place / "state-00002-of-00003.safetensors"
    content = file.read_bytes()
    file.unlink()
    if damage == "cut":
        file.write_bytes(content[:-10])
    elif damage == "short":  # whole in itself, with rows too few
        save_file({k: v[:0].contiguous() if v.dim() else v for k, v in load(content).items()}, file)
    with pytest.raises(UserError, match=r"step-00000002 (is damaged|has another shape)"):
        load_state(tmp_path, module, [optimizer])


def test_another_model_is_refused(tmp_path):
    module, optimizer = made()
    save_state(tmp_path, module, [optimizer], Position(1), 1)
    other, its = made(width=4)
    with pytest.raises(UserError, match=r"another shape for 0\.weight"):
        load_state(tmp_path, other, [its])
    module[1].requires_grad_(True)
    with pytest.raises(UserError, match=r"differs in 1\."):
        load_state(tmp_path, module, [optimizer])
