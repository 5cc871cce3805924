import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssr_connector.units import FrameClock, seconds_to_samples

CLOCK = FrameClock(16000, 320, 200.0)


def test_a_clock_of_50_hz_by_hand():
    assert (CLOCK.rate_hz, CLOCK.frame_s) == (50.0, 0.02)
    # Centres at 200, 520, 840 samples: the edge between frames 0 and 1 lies at 360.
    assert CLOCK.edge_s(1) == pytest.approx(360 / 16000)
    assert CLOCK.edge_s(2) - CLOCK.edge_s(1) == pytest.approx(0.02)


def test_no_edge_lies_before_the_recording():
    assert FrameClock(16000, 320, 0.0).edge_s(0) == 0.0
    assert CLOCK.boundary_at(0.0) == 0
    assert CLOCK.boundary_at(-3.0) == 0


@given(
    boundary=st.integers(1, 10**6),
    hop=st.integers(1, 2000),
    rate=st.sampled_from([8000, 16000, 22050, 44100, 48000]),
    share=st.floats(0, 3),
)
def test_boundary_at_is_the_inverse_of_edge(boundary, hop, rate, share):
    clock = FrameClock(rate, hop, share * hop)
    assert clock.boundary_at(clock.edge_s(boundary)) == boundary


@pytest.mark.parametrize("values", [(0, 320, 0.0), (16000, 0, 0.0), (16000, 320, -1.0)])
def test_impossible_clocks_are_refused(values):
    with pytest.raises(ValueError, match="frame clock"):
        FrameClock(*values)


def test_seconds_to_samples_rounds_to_the_nearest():
    assert seconds_to_samples(0.1, 22050) == 2205
    assert seconds_to_samples(0.29999999, 16000) == 4800
