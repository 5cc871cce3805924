"""Alignments made worse by known amounts."""

import pytest

from ssr_connector.studies.damage import Damage
from ssr_connector.types import Alignment

N = 400
ENDS = tuple(range(5, 5 * N + 1, 5))
GOOD = Alignment("a" * N, tuple(range(N)), (0, *ENDS[:-1]), ENDS, tuple((k, k + 1) for k in range(N)), 5 * N + 20)


def test_no_damage_changes_nothing():
    assert Damage()("u", GOOD) == GOOD


@pytest.mark.parametrize("shift", [3, -3, 1000, -10_000])
def test_a_shift_moves_every_end_as_far_as_the_utterance_goes(shift):
    damaged = Damage(shift_frames=shift)("u", GOOD)
    assert damaged.ends == tuple(min(max(end + shift, 1), GOOD.n_frames) for end in ENDS)


def test_jitter_has_the_spread_that_was_asked_for_and_is_the_utterance_s_own():
    damage = Damage(jitter_frames=1.0)  # seldom enough for ends to pass each other
    moved = [after - before for after, before in zip(damage("u", GOOD).ends, ENDS, strict=True)]
    assert abs(sum(moved) / N) < 0.2
    assert 0.9 < (sum(m * m for m in moved) / N) ** 0.5 < 1.2  # rounding adds 1/12
    assert damage("u", GOOD) == damage("u", GOOD) != damage("v", GOOD)
    assert Damage(jitter_frames=50.0)("u", GOOD).n_frames == GOOD.n_frames  # still an alignment


def test_a_dropped_boundary_is_that_of_the_next_token():
    damaged = Damage(drop=0.25)("u", GOOD)
    lost = [k for k in range(N) if damaged.ends[k] != ENDS[k]]
    assert 0.2 * N < len(lost) < 0.3 * N
    assert all(damaged.ends[k] == damaged.ends[k + 1] for k in lost)
    assert set(Damage(drop=1.0)("u", GOOD).ends) == {ENDS[-1]}


def test_merging_leaves_out_tokens_and_no_frames():
    damaged = Damage(merge=0.25)("u", GOOD)
    assert 0.7 * N < len(damaged) < 0.8 * N
    assert set(damaged.ends) < set(ENDS)
    assert damaged.ends[-1] == ENDS[-1]
    assert [damaged.char_spans[k][0] for k in range(len(damaged))] == list(damaged.token_ids)
    assert all(end == start for end, start in zip(damaged.ends, damaged.starts[1:], strict=False))
    assert len(Damage(merge=1.0)("u", GOOD)) == 1


def test_nothing_heard_stays_nothing():
    nothing = Alignment("", (), (), (), (), 10)
    assert Damage(2, 1.0, 0.5, 0.5)("u", nothing) == nothing
