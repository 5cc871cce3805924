"""The Triton kernels as they are: against the reference on the same scores, and on a device where there is one."""

import pytest
import torch

from ssr_connector.kernels import ctc_forced_align, inputs, monotonic_alignment_search, reference
from ssr_connector.kernels.inputs import has_room

gpu = pytest.importorskip("ssr_connector.kernels.gpu", exc_type=ImportError)


@pytest.mark.parametrize("block", [4, 1024])
def test_states_in_several_blocks_are_one_chain(block, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(gpu, "BLOCK", block)
    scores = torch.randn(1, 14, 11).round()  # ties
    found = gpu.monotonic_alignment_search(scores, torch.tensor([14]), torch.tensor([11]))
    assert found[0].tolist() == reference.monotonic_alignment_search(scores[0].double().numpy())
    targets = torch.tensor([[1, 1, 2, 3, 3]])
    starts, ends, *_ = gpu.ctc_forced_align(scores, targets, torch.tensor([14]), torch.tensor([5]), 0)
    expected = reference.ctc_forced_align(scores[0].double().numpy(), targets[0].tolist(), 0)
    assert (starts[0].tolist(), ends[0].tolist()) == expected


def test_sums_over_many_frames_lose_no_difference(monkeypatch):
    """Without taking the best score off, sums of 2 400 000 hold no sixty-fourths any more."""
    monkeypatch.setattr(gpu, "REBASE_FRAMES", 2)
    torch.manual_seed(0)
    frames = 40
    scores = torch.randint(-8, 9, (1, frames, 5)) / 64 - 60_000.0
    found = gpu.monotonic_alignment_search(scores, torch.tensor([frames]), torch.tensor([5]))
    assert found[0].tolist() == reference.monotonic_alignment_search(scores[0].double().numpy())
    targets = torch.tensor([[1, 1, 2, 3]])
    starts, ends, *_ = gpu.ctc_forced_align(scores, targets, torch.tensor([frames]), torch.tensor([4]), 0)
    expected = reference.ctc_forced_align(scores[0].double().numpy(), targets[0].tolist(), 0)
    assert (starts[0].tolist(), ends[0].tolist()) == expected


def test_what_has_no_room_on_a_device_is_said(caplog):
    assert has_room(16, 3000, 1001)
    assert not caplog.records
    assert not has_room(16, 3000, 1001, most=2**20)
    assert not has_room(1, 180_000, 86_001)
    assert "on the processor: on the GPU it would take 14.4 GiB" in caplog.text


def test_where_triton_does_not_run_the_processor_is_taken(monkeypatch, caplog):
    inputs.runs_on.cache_clear()
    with monkeypatch.context() as broken:
        broken.setattr(gpu, "monotonic_alignment_search", lambda *_: ()[0])
        assert not inputs.runs_on(torch.device("cpu"))
    assert "aligning on the processor" in caplog.text
    inputs.runs_on.cache_clear()
    assert inputs.runs_on(torch.device("cpu"))
    inputs.runs_on.cache_clear()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_what_has_no_room_comes_back_to_the_device(monkeypatch):
    log_probs, n, m = torch.randn(2, 60, 9).log_softmax(-1).cuda(), torch.tensor([60, 40]), torch.tensor([9, 4])
    durations = monotonic_alignment_search(log_probs, n, m)
    path = ctc_forced_align(log_probs, torch.tensor([[1, 2, 3], [4, 4, 0]]), n, torch.tensor([3, 2]))
    monkeypatch.setattr(inputs, "MOST_STEPS", 100)
    again = monotonic_alignment_search(log_probs, n, m)
    assert again.is_cuda
    assert torch.equal(again, durations)
    other = ctc_forced_align(log_probs, torch.tensor([[1, 2, 3], [4, 4, 0]]), n, torch.tensor([3, 2]))
    assert all(torch.equal(getattr(path, k), getattr(other, k)) for k in ("starts", "ends", "feasible"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_on_a_device_as_on_the_processor():
    torch.manual_seed(0)
    log_probs = torch.randn(8, 900, 300).log_softmax(-1)
    frames, labels = torch.randint(300, 901, (8,)), torch.randint(1, 301, (8,))
    here = monotonic_alignment_search(log_probs, frames, labels)
    there = monotonic_alignment_search(log_probs.cuda(), frames, labels)
    assert there.is_cuda
    assert torch.equal(here, there.cpu())
    targets = torch.randint(1, 300, (8, 120))
    lengths = torch.randint(0, 121, (8,))
    a = ctc_forced_align(log_probs, targets, frames, lengths)
    b = ctc_forced_align(log_probs.cuda(), targets, frames, lengths)
    for name in ("starts", "ends", "feasible"):
        assert torch.equal(getattr(a, name), getattr(b, name).cpu())
    assert torch.allclose(a.scores, b.scores.cpu(), atol=1e-5)
