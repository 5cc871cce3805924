"""Steps are done once, whoever wants them, and go on where they were stopped."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace

import pytest
from rich.console import Console

from ssr_connector.evaluation import comparison
from ssr_connector.studies.cache import Cache, Forecast, Step


class Kitchen:
    """Steps that count how often they were taken."""

    def __init__(self):
        self.taken = []

    def step(self, stage, inputs, *before, seconds=None, guess=None, stop=False):
        def work(folder, report):
            self.taken.append(stage)
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "log").open("a") as log:
                log.write("begun\n")
            if stop:
                raise KeyboardInterrupt
            return {"value": inputs}

        return Step(stage, f"making {stage}", inputs, before, work, seconds, guess or {})


@pytest.fixture
def kitchen():
    return Kitchen()


def cache_of(folder):
    return Cache(folder, Console(quiet=True))


def test_equal_steps_are_one_whoever_asks_and_in_whatever_study(kitchen, tmp_path):
    def plan():
        aligner = kitchen.step("aligner", {"type": "ctc"})
        return (
            kitchen.step("stage1", 1, aligner),
            kitchen.step("stage1", 2, aligner),
            kitchen.step("stage1", 1, aligner),
        )

    first, second, again = plan()
    assert first.key == again.key != second.key
    cache = cache_of(tmp_path)
    assert [cache.make(s)["value"] for s in (first, second, again)] == [1, 2, 1]
    assert kitchen.taken == ["aligner", "stage1", "stage1"]
    other_study = cache_of(tmp_path)
    assert [other_study.make(s)["value"] for s in plan()] == [1, 2, 1]
    assert kitchen.taken == ["aligner", "stage1", "stage1"]


def test_two_studies_do_not_take_one_step_at_once(kitchen, tmp_path):
    begun, done = threading.Event(), threading.Event()

    def slow(folder, report):
        begun.set()
        assert done.wait(30)
        return {"value": 1}

    step = replace(kitchen.step("aligner", 1), work=slow)
    first = threading.Thread(target=cache_of(tmp_path).make, args=[step])
    first.start()
    assert begun.wait(30)
    screen = Console(record=True, file=io.StringIO())
    other = Cache(tmp_path, screen)
    second = threading.Thread(target=other.make, args=[kitchen.step("aligner", 1)])
    second.start()
    while second.is_alive() and "another study is at it" not in screen.file.getvalue():
        second.join(0.01)
    done.set()
    for thread in (first, second):
        thread.join(30)
    assert kitchen.taken == []  # the second found it done
    assert other.facts[step.key]["value"] == 1


def test_a_step_says_at_which_commit_it_was_done_however_much_later_it_is_used(kitchen, tmp_path, monkeypatch):
    aligner = kitchen.step("aligner", 1)
    monkeypatch.setattr(comparison, "commit", lambda: "old")
    cache_of(tmp_path).make(aligner)
    monkeypatch.setattr(comparison, "commit", lambda: "new")
    cache = cache_of(tmp_path)
    cache.make(kitchen.step("stage1", 2, aligner))
    assert cache.commits == ["new", "old"]
    before_it_was_noted = tmp_path / aligner.name / "facts.json"
    before_it_was_noted.write_text('{"value": 1}')
    other = cache_of(tmp_path)
    other.make(aligner)
    assert other.commits == ["unknown"]


def test_what_comes_before_is_part_of_the_key(kitchen):
    a, b = kitchen.step("aligner", 1), kitchen.step("aligner", 2)
    assert kitchen.step("stage1", 0, a).key != kitchen.step("stage1", 0, b).key
    assert kitchen.step("stage1", 0).key != kitchen.step("stage2", 0).key


def test_a_step_that_was_stopped_goes_on_in_its_own_folder(kitchen, tmp_path):
    before = kitchen.step("aligner", 1)
    with pytest.raises(KeyboardInterrupt):
        cache_of(tmp_path).make(kitchen.step("stage1", 1, before, stop=True))
    cache = cache_of(tmp_path)
    step = kitchen.step("stage1", 1, before)
    cache.make(step)
    assert kitchen.taken == ["aligner", "stage1", "stage1"]
    assert (cache.folder(step) / "log").read_text() == "begun\nbegun\n"


def test_a_step_whose_process_was_killed_goes_on(kitchen, tmp_path):
    script = """
        import sys, time
        from pathlib import Path
        from rich.console import Console
        from ssr_connector.studies.cache import Cache, Step

        def work(folder, report):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "checkpoint").write_text("half")
            time.sleep(60)

        Cache(Path(sys.argv[1]), Console(quiet=True)).make(Step("stage1", "training", {"lr": 1}, (), work))
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)])
    step = Step("stage1", "training", {"lr": 1}, (), lambda folder, _: {"found": (folder / "checkpoint").read_text()})
    half = tmp_path / step.name / "checkpoint"
    deadline = time.monotonic() + 30
    while not half.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert Forecast(tmp_path).make(step).get("found") is None
    assert cache_of(tmp_path).make(step)["found"] == "half"


def test_a_forecast_counts_what_is_left_once(kitchen, tmp_path):
    aligner = kitchen.step("aligner", 1, seconds=100.0)
    arms = [kitchen.step("stage1", k, aligner, seconds=10.0, guess={"dev_loss": 9.0}) for k in (1, 2, 1)]
    strange = kitchen.step("other", 1)
    forecast = Forecast(tmp_path)
    assert forecast.make(arms[0])["dev_loss"] == 9.0
    for step in (*arms, strange):
        forecast.make(step)
    assert (forecast.seconds, forecast.left, forecast.done, forecast.unknown) == (120.0, 4, 0, {"other"})
    assert kitchen.taken == []
    cache_of(tmp_path).make(arms[0])
    later = Forecast(tmp_path)
    assert later.make(arms[0])["value"] == 1
    later.make(arms[1])
    assert (later.seconds, later.left, later.done) == (10.0, 1, 2)


def test_a_forecast_takes_off_what_a_stopped_step_has_spent(kitchen, tmp_path):
    step = kitchen.step("aligner", 1, seconds=100.0)
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / f"{step.name}.json").write_text('{"spans": [[0.0, 40.0]]}')
    forecast = Forecast(tmp_path)
    forecast.make(step)
    assert forecast.seconds == 60.0
    (tmp_path / "stages" / f"{step.name}.json").write_text('{"spans": [[0.0, 400.0]]}')
    slow = Forecast(tmp_path)
    slow.make(step)
    assert slow.seconds == 0.0
