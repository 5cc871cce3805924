"""How long steps are expected to take."""

import json
from pathlib import Path

from rich.console import Console

from ssr_connector.studies.rates import Rates
from ssr_connector.tiny.demo import Demo

SMOKE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"
SECONDS = {"aligner": 40.0, "distill": 16.0, "stack_layers": 30.0, "align": 7.0, "evaluate": 50.0, "multitask": 8.0}


def rates_of(tmp_path, seconds, unfinished=()):
    (tmp_path / "stages").mkdir()
    for name, taken in seconds.items():
        state = {"key": "k", "spans": [[0.0, taken]]} | ({} if name in unfinished else {"result": "done"})
        (tmp_path / "stages" / f"{name}.json").write_text(json.dumps(state))
    return Demo(SMOKE, tmp_path, [], Console(quiet=True))


def test_a_stage_takes_its_steps_and_those_of_its_trials(tmp_path):
    demo = rates_of(tmp_path, SECONDS)
    rates = Rates.of(demo)
    assert rates.per_step == {"aligner": 2.0, "distill": 2.0, "stack_layers": 3.0, "multitask": 1.0}  # 30 / (8 + 1 · 2)
    assert (rates.align, rates.scores) == (7.0, 10.0)  # five systems
    assert rates.training("distill", demo.stage_recipe("distill", ["--training.steps=5"])) == 10.0
    assert rates.training("distill", demo.stage_recipe("stack_layers")) == 24.0
    assert rates.training("distill", demo.stage_recipe("stack_plain")) is None
    assert rates.training("multitask", demo.stage_recipe("vanilla")) == 8.0  # nothing better is known


def test_stage_2_on_speech_alone_takes_less(tmp_path):
    demo = rates_of(tmp_path, SECONDS | {"vanilla": 4.0, "encode": 11.0})
    rates = Rates.of(demo)
    assert rates.training("multitask", demo.stage_recipe("vanilla")) == 4.0
    assert rates.training("multitask", demo.stage_recipe("multitask")) == 8.0
    assert rates.encode == 11.0


def test_what_the_demo_has_not_finished_is_not_known(tmp_path):
    rates = Rates.of(rates_of(tmp_path, SECONDS, unfinished=("distill", "evaluate", "align")))
    assert "distill" not in rates.per_step
    assert rates.align is rates.scores is None
