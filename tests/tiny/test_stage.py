"""Stages that are done once, one after another or side by side."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from ssr_connector.errors import UserError
from ssr_connector.tiny.side_by_side import do_side_by_side
from ssr_connector.tiny.stage import Stages

JOBS = pytest.mark.parametrize("jobs", [1, 2])


@pytest.fixture
def pipelines(monkeypatch):
    """The module beside this one, for this process and those that it starts."""
    here = str(Path(__file__).parent)
    monkeypatch.syspath_prepend(here)
    import pipelines

    yield pipelines
    sys.modules.pop("pipelines")


@pytest.fixture
def run(pipelines, tmp_path):
    """Both stages; what is known of them then, and what was shown."""
    return partial(run_in, pipelines, tmp_path)


@pytest.fixture
def noted(pipelines, tmp_path):
    """What the stages have written down."""
    return partial(pipelines.noted, tmp_path)


def run_in(pipelines, folder, jobs=1, first="a", second="b", fails=None):
    shown = io.StringIO()
    console = Console(file=shown, width=200)
    stages, remake = Stages(folder, console), partial(pipelines.pipeline, folder, first, second, fails)
    planned = remake(console)
    stages.plan(planned)
    if jobs > 1:
        do_side_by_side(stages, planned, jobs, remake)
    else:
        for stage in planned:
            stages.do(stage)
    return stages, shown.getvalue()


@JOBS
def test_a_second_run_reuses_what_is_there(jobs, run, noted, tmp_path):
    first, _ = run(jobs)
    again, shown = run(jobs)
    assert noted() == ["one", "two"]
    assert again.spans == first.spans
    assert shown.splitlines() == [" 1. one: one is done (done before)", " 2. two: two is done (done before)"]


@JOBS
def test_what_a_stage_says_comes_between_what_it_does_and_what_came_of_it(jobs, run, noted, tmp_path):
    _, shown = run(jobs)
    lines = [line.split("  [")[0] for line in shown.splitlines()]
    both = [
        [f" {k}. {n}: the work of {n}", f"{n} speaks", f"    {n}: {n} is done"] for k, n in ((1, "one"), (2, "two"))
    ]
    assert lines == [*both[0], *both[1]]


@JOBS
def test_a_change_redoes_the_stage_and_what_follows_but_nothing_before(jobs, run, noted, tmp_path):
    run(jobs)
    (tmp_path / "two" / "old").write_text("of the old recipe")
    run(jobs, second="c")
    assert noted() == ["one", "two", "two"]
    assert not (tmp_path / "two" / "old").exists()
    run(jobs, first="x", second="c")
    assert noted() == ["one", "two", "two", "one", "two"]


@JOBS
def test_a_stage_that_failed_goes_on_with_its_own_files(jobs, run, noted, tmp_path):
    with pytest.raises(UserError, match="two fails"):
        run(jobs, fails="two")
    (tmp_path / "two" / "partial").write_text("kept")
    stages, _ = run(jobs)
    assert noted() == ["one", "two", "two"]
    assert (tmp_path / "two" / "partial").exists()
    assert len(stages.spans["two"]) == 2
    assert json.loads((tmp_path / "stages" / "two.json").read_text())["result"] == "two is done"


def test_a_lost_output_is_made_again(run, noted, tmp_path):
    run()
    (tmp_path / "one" / "made").unlink()
    (tmp_path / "one").rmdir()
    run()
    assert noted() == ["one", "two", "one"]


def test_planned_stages_are_not_done_and_have_the_keys_that_they_will_have(run, pipelines, tmp_path):
    def left(first="a", second="b"):
        stages = Stages(tmp_path, Console(quiet=True))
        return stages.plan(pipelines.pipeline(tmp_path, first, second, None, stages.console)), stages.keys

    names, keys = left()
    assert names == ["one", "two"]
    assert list(tmp_path.iterdir()) == []
    assert run()[0].keys == keys
    assert left()[0] == []
    assert left(second="c")[0] == ["two"]
    assert left(first="x")[0] == ["one", "two"]


def test_time_that_stages_share_counts_once(tmp_path):
    spans = {"a": [(0.0, 10.0), (20.0, 30.0)], "b": [(5.0, 15.0)], "c": [(6.0, 7.0), (29.0, 31.0)]}
    stages = Stages(tmp_path, Console(quiet=True), spans=spans)
    assert stages.elapsed == 15 + 11
    assert stages.seconds == {"a": 20.0, "b": 10.0, "c": 3.0}


# --- side by side ---


def test_stages_that_do_not_wait_for_one_another_go_on_at_the_same_time(pipelines, noted, tmp_path):
    stages = Stages(tmp_path, Console(quiet=True))
    planned = pipelines.diamond(tmp_path, stages.console)
    stages.plan(planned)
    do_side_by_side(stages, planned, 2, partial(pipelines.diamond, tmp_path))
    begun = noted()
    assert (begun[0], set(begun[1:3]), begun[3]) == ("top", {"left", "right"}, "end")
    assert stages.elapsed < sum(stages.seconds.values())


@pytest.mark.parametrize("given", [None, "3"])
def test_a_stage_has_all_processors_while_it_is_the_only_one(given, pipelines, monkeypatch, tmp_path):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if given:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    stages = Stages(tmp_path, Console(quiet=True))
    planned = pipelines.diamond(tmp_path, stages.console)
    stages.plan(planned)
    do_side_by_side(stages, planned, 2, partial(pipelines.diamond, tmp_path))
    threads = {name: (tmp_path / f"{name}.threads").read_text() for name in ("top", "left", "right", "end")}
    assert threads == (
        {"top": "8", "left": "4", "right": "4", "end": "8"} if not given else dict.fromkeys(threads, "3")
    )


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def driver(pipelines, tmp_path):
    """A run in a session of its own, as a terminal has one."""
    command = [sys.executable, pipelines.__file__, str(tmp_path)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_a_run_that_is_stopped(how, driver, tmp_path):
    pids = [tmp_path / f"{name}.pid" for name in ("left", "right")]
    wait_for(lambda: all(p.is_file() and p.read_text() for p in pids))
    if how == signal.SIGINT:
        os.killpg(driver.pid, how)
    else:
        driver.kill()
    _, said = driver.communicate(timeout=60)
    wait_for(lambda: not any(alive(int(p.read_text())) for p in pids))
    spans = [json.loads((tmp_path / "stages" / f"{n}.json").read_text())["spans"] for n in ("left", "right")]
    if how == signal.SIGINT:
        assert said.count(b"Traceback") == 1  # the driver's alone
        assert [len(s) for s in spans] == [1, 1]
    else:
        assert spans == [[], []]


@pytest.mark.slow
def test_ctrl_c_while_processes_begin_is_the_driver_s_alone(driver, tmp_path):
    children = Path(f"/proc/{driver.pid}/task/{driver.pid}/children")
    wait_for(lambda: (tmp_path / "stages" / "right.json").is_file() and len(children.read_text().split()) >= 2)
    os.killpg(driver.pid, signal.SIGINT)
    _, said = driver.communicate(timeout=60)
    assert said.count(b"Traceback") == 1
    assert b"KeyboardInterrupt" in said


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
