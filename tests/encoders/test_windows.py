"""Windows over long sequences."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssr_connector.encoders.windows import windows


@given(st.integers(0, 500), st.integers(1, 60), st.integers(0, 29))
def test_everything_is_kept_once_with_context_on_both_sides(n_frames, size, margin):
    if 2 * margin >= size:
        with pytest.raises(ValueError, match="leave nothing"):
            windows(n_frames, size, margin)
        return
    found = windows(n_frames, size, margin)
    assert [i for w in found for i in range(w.kept_start, w.kept_stop)] == list(range(n_frames))
    for w in found:
        assert 0 <= w.start <= w.kept_start <= w.kept_stop <= w.stop <= n_frames
        assert w.stop - w.start <= size
        assert w.start == 0 or w.kept_start - w.start == margin
        assert w.stop == n_frames or w.stop - w.kept_stop == margin
        assert list(range(w.start, w.stop))[w.kept] == list(range(w.kept_start, w.kept_stop))
    assert all(a.start < b.start for a, b in itertools.pairwise(found))


def test_what_fits_is_one_window():
    (only,) = windows(60, 60, 5)
    assert (only.start, only.stop, only.kept) == (0, 60, slice(0, 60))
