"""What every alignment is checked for, and how batches are made of them."""

import dataclasses

import pytest
import torch

from ssr_connector.types import Alignment, Frames, Segments, SpeechEmbeds
from ssr_connector.units import FrameClock

GOOD = Alignment("a b c", (7, 8, 9), (0, 2, 4), (2, 5, 5), ((0, 1), (1, 3), (3, 5)), 6, (-1.0, float("nan"), -2.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ends": (2, 5)}, "one entry per token"),
        ({"starts": (0, 2)}, "one entry per token"),
        ({"char_spans": ((0, 1),)}, "one entry per token"),
        ({"scores": (1.0,)}, "scores"),
        ({"ends": (2, 5, 7)}, "utterance of 6"),
        ({"starts": (-1, 2, 4)}, "utterance of 6"),
        ({"starts": (0, 5, 5)}, r"\[5, 5\)"),  # empty
        ({"starts": (0, 0, 4), "ends": (5, 2, 5)}, "before its predecessor"),
        ({"starts": (1, 0, 4)}, "before its predecessor"),
    ],
)
def test_an_alignment_that_is_none_cannot_be_made(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(GOOD, **change)


def test_shared_counts_tokens_that_select_the_frame_of_the_one_before():
    assert (len(GOOD), GOOD.shared) == (3, 1)
    assert Alignment("", (), (), (), (), 0).shared == 0


def test_collate_pads_on_the_right():
    one = Alignment("x", (3,), (1,), (4,), ((0, 1),), 9)
    empty = Alignment("", (), (), (), (), 9)
    batch = Segments.collate([one, GOOD, empty])
    assert batch.lengths.tolist() == [1, 3, 0]
    assert batch.token_ids.tolist() == [[3, 0, 0], [7, 8, 9], [0, 0, 0]]
    assert batch.starts.tolist() == [[1, 0, 0], [0, 2, 4], [0, 0, 0]]
    assert batch.ends.tolist() == [[4, 0, 0], [2, 5, 5], [0, 0, 0]]
    assert batch.mask.tolist() == [[True, False, False], [True] * 3, [False] * 3]


def test_masks_follow_the_lengths():
    embeds = SpeechEmbeds(torch.zeros(2, 3, 4), torch.tensor([3, 1]))
    assert embeds.mask.tolist() == [[True] * 3, [True, False, False]]


@pytest.mark.parametrize(("shape", "n"), [((2, 3), 2), ((2, 3, 4), 3)])
def test_frames_of_another_shape_are_refused(shape, n):
    with pytest.raises(ValueError, match=r"\[B, T, F\]"):
        Frames(torch.zeros(shape), torch.zeros(n, dtype=torch.long), FrameClock(16000, 320, 0.0))


def test_an_alignment_at_the_same_speed_is_the_same():
    assert GOOD.at_speed(1.0, FrameClock(16000, 320, 200.0), 6) == GOOD


@pytest.mark.parametrize("first_centre", [0.0, 200.0, 400.0])
@pytest.mark.parametrize("speed", [0.5, 0.9, 1.1, 2.0])
def test_boundaries_lie_where_their_times_do_at_another_speed(speed, first_centre):
    clock = FrameClock(16000, 320, first_centre)
    ends = tuple(range(1, 200, 3))
    starts = (0, *ends[:-1])
    n = len(ends)
    alignment = Alignment("x" * n, tuple(range(n)), starts, ends, tuple((i, i + 1) for i in range(n)), 200)
    heard = alignment.at_speed(speed, clock, round(200 / speed))
    assert heard.n_frames == round(200 / speed)
    for old, new in zip(ends, heard.ends, strict=True):
        if 1 < new < heard.n_frames:
            assert abs(clock.edge_s(new) - clock.edge_s(old) / speed) <= clock.frame_s / 2 + 1e-9
    assert (heard.token_ids, heard.char_spans, heard.text) == (
        alignment.token_ids,
        alignment.char_spans,
        alignment.text,
    )


def test_tokens_that_lose_their_frames_share_one():
    crowded = Alignment("abcd", (1, 2, 3, 4), (0, 1, 2, 3), (1, 2, 3, 4), ((0, 1), (1, 2), (2, 3), (3, 4)), 4)
    heard = crowded.at_speed(2.0, FrameClock(16000, 320, 160.0), 2)
    assert len(heard) == 4
    assert heard.ends[-1] == 2
    assert heard.shared == 2


def test_padding_is_the_share_of_frames_beyond_the_lengths():
    assert Frames(torch.zeros(2, 5, 3), torch.tensor([5, 2]), FrameClock(16000, 320, 0.0)).padding == pytest.approx(0.3)
    assert Frames(torch.zeros(1, 5, 3), torch.tensor([5]), FrameClock(16000, 320, 0.0)).padding == 0
