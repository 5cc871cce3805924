"""Weights: every tensor fits, none is missing, none is left over; tied ones are one."""

from pathlib import Path

import pytest
import torch
from torch import nn

from ssr_connector.errors import UserError
from ssr_connector.weights import drop_shared, load_exactly


class Tied(nn.Module):
    """Two names for one weight, and another weight."""

    def __init__(self):
        super().__init__()
        self.first, self.other = nn.Linear(2, 3, bias=False), nn.Linear(3, 2, bias=False)
        self.second = nn.Linear(2, 3, bias=False)
        self.second.weight = self.first.weight


def test_tied_tensors_are_stored_once_and_tied_again():
    table = torch.ones(3, 2)
    kept = drop_shared({"a": table, "b": table, "c": table.clone(), "d": torch.empty(0), "e": torch.empty(0)})
    assert set(kept) == {"a", "c", "d", "e"}
    module = Tied()
    state = {key: torch.full_like(value, 7.0) for key, value in drop_shared(module.state_dict()).items()}
    assert set(state) == {"first.weight", "other.weight"}
    load_exactly(module, state, Path("file"))
    assert module.second.weight.unique().tolist() == [7.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"other.weight": None}, "file lacks other.weight"),
        ({"third": torch.ones(1)}, "file has unknown third"),
        ({"other.weight": torch.ones(2, 2)}, "file has another shape for other.weight"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    module = Tied()
    state = {**drop_shared(module.state_dict()), **change}
    with pytest.raises(UserError, match=message):
        load_exactly(module, {key: value for key, value in state.items() if value is not None}, Path("file"))


def test_what_is_not_needed_may_be_missing():
    module = Tied()
    load_exactly(module, {"first.weight": torch.zeros(3, 2)}, Path("file"), lambda key: not key.startswith("other"))
    assert not module.first.weight.any()
