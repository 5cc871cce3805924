import io

import pytest
from rich.console import Console

from ssr_connector import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_come_now_and_then_with_the_time_left(clock):
    out = io.StringIO()
    report = progress.lines(Console(file=out), "training")
    for done in range(1, 101):
        clock[0] += 1
        report(done, 1000, {"loss": 0.5, "lr": 3.0})
    shown = out.getvalue().splitlines()
    assert len(shown) == 5
    assert shown[0].strip() == "training: 20/1000, about 980 s left  loss 0.500"


def test_a_resumed_run_is_not_taken_for_a_fast_one(clock):
    out = io.StringIO()
    report = progress.lines(Console(file=out), "training")
    for done in range(900, 931):
        clock[0] += 1
        report(done, 1000, {})
    assert "about 81 s left" in out.getvalue()


def test_a_second_run_of_the_same_stage_starts_its_own_clock(clock):
    out = io.StringIO()
    report = progress.lines(Console(file=out), "training")
    for done in [*range(1, 100), *range(1, 31)]:
        clock[0] += 1
        report(done, 100, {})
    assert "22/100, about 78 s left" in out.getvalue()


def test_a_terminal_gets_a_bar():
    out = io.StringIO()
    with progress.bar(Console(file=out, force_terminal=True, width=100), "training") as report:
        report(5, 10, {"cosine": 0.25})
        report(10, 10, {"cosine": 0.75})
    assert "training" in out.getvalue()
    assert "cosine 0.750" in out.getvalue()


def test_only_figures_worth_a_glance_are_shown():
    assert progress.summary({"lr": 1.0, "cosine": 0.5, "loss": 2.0}) == "loss 2.000  cosine 0.500"


def test_of_several_bars_one_can_go_while_another_stays():
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    with progress.Bars(console) as bars:
        first, second = bars.add("hearing"), bars.add("reading")
        first(1, 2, {})
        second(1, 4, {"loss": 0.25})
        bars.drop("hearing")
        before = len(out.getvalue())
        second(2, 4, {"loss": 0.125})
    shown = out.getvalue()[before:]
    assert "loss 0.125" in shown
    assert "hearing" not in shown
