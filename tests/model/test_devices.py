"""Models where there is an accelerator: the same answers as on the CPU."""

import pytest
import torch

from ssr_connector.devices import best_device
from ssr_connector.model import SSRForConditionalGeneration


def test_without_an_accelerator_it_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: None)
    assert best_device() == torch.device("cpu")


@pytest.mark.gpu
def test_an_accelerator_hears_and_scores_as_the_cpu_does(tiny_model, recordings) -> None:
    pairs = [([recordings[0]], [" the end"]), (["The"], [" end"]), ([recordings[0]], [recordings[0]])]
    model = SSRForConditionalGeneration.from_pretrained(str(tiny_model))
    slow = model.loglikelihood(pairs)
    fast = model.to(best_device()).loglikelihood(pairs)
    assert [s.n_tokens for s in fast] == [s.n_tokens for s in slow]
    assert [s.total for s in fast] == pytest.approx([s.total for s in slow], abs=0.05)
