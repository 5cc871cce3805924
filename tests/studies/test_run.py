"""What a study says before it begins, and what it cuts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ssr_connector.errors import UserError
from ssr_connector.files import write_json
from ssr_connector.studies import STUDIES, run
from ssr_connector.studies.cache import FACTS, Forecast
from ssr_connector.studies.pipeline import Size
from ssr_connector.studies.rates import Rates
from ssr_connector.studies.results import Row
from ssr_connector.studies.run import (
    LEAST_SHARE,
    QUICK_ITEMS,
    QUICK_S,
    available,
    carry_out,
    chosen,
    expected,
    forecast,
    joined,
    notes,
    quick_size,
)
from ssr_connector.tiny.demo import Demo

SMOKE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"
COMPRESSION = STUDIES["compression"]
FULL = Size((0, 1, 2), tuple(arm.name for arm in COMPRESSION.arms))


@pytest.fixture
def demo(tmp_path):
    return Demo(SMOKE, tmp_path, [], Console(quiet=True))


def test_the_time_of_a_study_is_that_of_its_steps(demo, tmp_path):
    base = {"world": 0.0, "voices": 70.0, "tokenizer": 2.0, "LLM": 100.0, "encoder": 100.0, "prepare": 1.0}
    rates = Rates({"aligner": 1.0, "distill": 2.0}, 3.0, 5.0, stages=base)  # 20 and 8 steps
    found = forecast(demo, COMPRESSION, FULL, rates, tmp_path / "cache")
    arms = len(COMPRESSION.arms)
    assert found.left == 7 + 3 * (2 + 2 * arms)
    assert found.seconds == 273 + 3 * (20 + 3 + arms * (16 + 5))
    assert found.unknown == {"encode"}
    assert list(tmp_path.iterdir()) == []  # nothing was made


def test_the_quick_form_takes_at_most_a_quarter_of_an_hour(demo, tmp_path):
    arms = len(COMPRESSION.quick)
    rates = Rates({"aligner": 1.0, "distill": 60.0}, 3.0, 5.0)
    quick = replace(FULL, arms=COMPRESSION.quick)
    size = quick_size(demo, COMPRESSION, quick, rates, tmp_path)
    assert (size.seeds, size.arms, size.share, size.items) == ((0,), COMPRESSION.quick, 0.25, QUICK_ITEMS)
    found = forecast(demo, COMPRESSION, size, rates, tmp_path)
    assert found.seconds == 20 + 3 + arms * (2 * 60 + 5) <= QUICK_S
    assert forecast(demo, COMPRESSION, replace(size, share=0.5), rates, tmp_path).seconds > QUICK_S
    assert quick_size(demo, COMPRESSION, FULL, Rates({"distill": 1e9}, 1.0, 1.0), tmp_path).share == LEAST_SHARE
    assert quick_size(demo, COMPRESSION, FULL, Rates({}, None, None), tmp_path).share == LEAST_SHARE


def test_a_quick_form_keeps_its_size_when_it_goes_on(demo, tmp_path, monkeypatch):
    rates = Rates({"aligner": 1.0, "distill": 60.0}, 3.0, 5.0)
    quick = replace(FULL, arms=COMPRESSION.quick)
    first = quick_size(demo, COMPRESSION, quick, rates, tmp_path)
    steps: list[Any] = []
    taken = Forecast.take
    with monkeypatch.context() as watched:
        watched.setattr(Forecast, "take", lambda self, step: steps.append(step) or taken(self, step))
        forecast(demo, COMPRESSION, first, rates, tmp_path)
    for step in steps:
        maker = Forecast(tmp_path)
        maker.folder(step).mkdir(parents=True)
        (maker.folder(step) / FACTS).write_text(json.dumps(dict(step.guess)))
        write_json(tmp_path / "stages" / f"{step.name}.json", {"result": "done"})
    assert forecast(demo, COMPRESSION, first, rates, tmp_path).done == len(steps)
    assert quick_size(demo, COMPRESSION, quick, rates, tmp_path) == first


def test_a_run_of_another_seed_is_not_written_over(tmp_path):
    sizes = ["--tiny.world.text_documents=50", "--tiny.world.speech_train=2"]
    one, other = (Demo(SMOKE, tmp_path, [*sizes, f"--seed={seed}"], Console(quiet=True)) for seed in (1, 2))
    (world,) = [stage for stage in one.stages_of_base() if stage.name == "world"]
    one.stages.plan([world])
    one.stages.do(world)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(
        UserError, match=r"made by another recipe or seed \(world\), and a study does not write over it"
    ):
        carry_out(COMPRESSION, [other], tmp_path / "out", n_seeds=1)
    with pytest.raises(UserError, match="holds a run of another seed or world: give another --out, or remove that one"):
        other.run()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert one.stages.done_otherwise(one.stages_of_base()) == []


def test_the_rows_of_several_worlds_stand_run_after_run():
    def row(name, *runs):
        return Row(name, name.upper(), "", runs)

    figures = [{"x": {"value": value}} for value in (1.0, 2.0, 3.0)]
    rows = joined({"w0": [row("a", *figures[:2]), row("b", *figures[:2])], "w1": [row("a", figures[2])]})
    first, second, third = [{"value": 1.0, "world": "w0"}, {"value": 2.0, "world": "w0"}, {"value": 3.0, "world": "w1"}]
    assert [(r.name, [run.get("x") for run in r.runs]) for r in rows] == [
        ("a", [first, second, third]),
        ("b", [first, second, None]),
    ]
    alone = [row("a", *figures)]
    assert joined({"w0": alone}) == alone


def test_what_several_worlds_leave_to_do_is_told_together(tmp_path):
    found = [Forecast(tmp_path), Forecast(tmp_path)]
    found[0].expect("aligner", 60.0)
    found[1].expect("stage2", None)
    found[1].done = 3
    assert expected(found).startswith("2 steps to do, 3 done; at most about 60 s, as the demo")
    assert "not counting stage2" in expected(found)


def test_some_arms_come_with_those_that_they_are_compared_with():
    connectors = STUDIES["connectors"]
    assert chosen(connectors, ["stack_flops", "mean_pool"]) == ("ssr", "mean_pool", "ssr_flops", "stack_flops")
    with pytest.raises(UserError, match=r"--arms mean: compression has selection, .*mean_pool"):
        chosen(COMPRESSION, ["mean"])


def test_an_aligner_that_is_not_installed_is_left_out_and_named(monkeypatch):
    aligners = STUDIES["aligners"]
    monkeypatch.setattr(run, "find_spec", lambda name: None if name == "pocketsphinx" else name)
    study, said = available(aligners, [])
    assert [arm for arm in aligners.arms if arm not in study.arms] == [aligners.arm("pocketsphinx")]
    assert said == ["Left out, as pocketsphinx is not installed (pip install -e '.[align]'): pocketsphinx."]
    with pytest.raises(UserError, match="--arms pocketsphinx: pocketsphinx is not installed: pip install"):
        available(aligners, ["pocketsphinx", "cif"])
    assert available(COMPRESSION, []) == (COMPRESSION, [])


def test_fewer_items_than_a_quick_form_has_stay_fewer(demo, tmp_path):
    rates = Rates({"aligner": 1.0, "distill": 1.0}, 1.0, 1.0)
    assert quick_size(demo, COMPRESSION, replace(FULL, items=7), rates, tmp_path).items == 7


def test_what_was_cut_is_said():
    said = notes(COMPRESSION, FULL, FULL, "smoke")
    assert len(said) == 1
    assert "recipe smoke." in said[0]
    cut = replace(FULL, seeds=(0,), arms=COMPRESSION.quick, share=0.25, items=100)
    said = notes(COMPRESSION, cut, FULL, "smoke")[1]
    assert said == (
        "Of compression: 1 of 3 seeds, 4 of 8 arms, 0.25 of the training steps, at most 100 items of a task."
    )


def test_what_nobody_knows_is_said():
    found = Forecast(Path())
    found.seconds, found.left, found.done, found.unknown = 130.0, 3, 2, {"stage2"}
    assert expected([found]) == (
        "3 steps to do, 2 done; at most about 2 min 10 s, as the demo's stages went here; not counting stage2, "
        "which the demo has not done here."
    )
    found = Forecast(Path())
    found.done = 7
    assert expected([found]) == "All 7 steps are done."
