"""The Transformer over frames: nothing crosses an utterance's end, and long recordings go through it in windows."""

import pytest
import torch

from ssr_connector.aligners import head
from ssr_connector.aligners.head import FrameHead, HeadConfig
from ssr_connector.errors import UserError
from ssr_connector.types import Frames
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)
WIDTH = 6


@pytest.fixture
def small():
    torch.manual_seed(0)
    return FrameHead(HeadConfig(width=8, layers=2, heads=2, dropout=0.0, kernel=5), WIDTH).eval()


def frames(values, *lengths):
    return Frames(values, torch.tensor(lengths), CLOCK)


@torch.no_grad()
def test_what_lies_beyond_an_utterance_does_not_reach_it(small):
    values = torch.randn(2, 20, WIDTH)
    alone = small(frames(values[:1, :13], 13))
    values[0, 13:] = float("nan")
    together = small(frames(values, 13, 20))
    torch.testing.assert_close(together[:1, :13], alone)
    assert together[1].isfinite().all()


@torch.no_grad()
def test_a_long_recording_goes_through_in_windows(small, monkeypatch):
    monkeypatch.setattr(head, "WINDOW_FRAMES", 40)
    monkeypatch.setattr(head, "MARGIN_FRAMES", 8)
    values = torch.randn(2, 150, WIDTH)
    states = small(frames(values, 150, 30))  # the second is over before the later windows begin
    assert states.shape == (2, 150, 8)
    assert states[0].isfinite().all()
    last = small(frames(values[:1, 120:], 30))[0]  # the last window, of which the first 8 frames are the margin
    torch.testing.assert_close(states[0, 128:], last[8:])
    far = values.clone()
    far[0, :10] = torch.randn(10, WIDTH)
    changed = (small(frames(far, 150, 30))[0] - states[0]).abs().amax(1) > 1e-6
    assert changed[:10].all()
    assert not changed[40:].any()
    small.train()  # which hears the whole
    assert (small(frames(far, 150, 30)) - small(frames(values, 150, 30)))[0, 40:].abs().max() > 1e-6


@torch.no_grad()
def test_windows_are_those_of_the_recording_and_not_of_its_batch(small, monkeypatch):
    monkeypatch.setattr(head, "WINDOW_FRAMES", 40)
    monkeypatch.setattr(head, "MARGIN_FRAMES", 8)
    values, lengths = torch.randn(4, 150, WIDTH), (144, 120, 36, 1)
    together = small(frames(values, *lengths))
    assert together.shape == (4, 150, 8)
    for i, n in enumerate(lengths):
        torch.testing.assert_close(together[i, :n], small(frames(values[i : i + 1, :n], n))[0])


def test_an_empty_recording_beside_a_long_one_spoils_nothing(small, monkeypatch):
    monkeypatch.setattr(head, "WINDOW_FRAMES", 40)
    monkeypatch.setattr(head, "MARGIN_FRAMES", 8)
    values = torch.randn(2, 60, WIDTH)
    together = small(frames(values, 60, 0))
    assert bool(together.isfinite().all())
    torch.testing.assert_close(together[0], small(frames(values[:1], 60))[0])


def test_a_width_that_heads_cannot_share_is_refused():
    with pytest.raises(UserError, match=r"aligner\.width is 10, not a multiple of aligner\.heads, 4"):
        FrameHead(HeadConfig(width=10, heads=4), WIDTH)
