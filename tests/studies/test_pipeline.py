"""From arms to steps: what is shared, what is not, and how budgets are met."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from ssr_connector.config import load_recipe
from ssr_connector.errors import UserError
from ssr_connector.evaluation import identity
from ssr_connector.studies.budgets import tried
from ssr_connector.studies.cache import Forecast
from ssr_connector.studies.options import content, with_options
from ssr_connector.studies.pipeline import Pipeline, Size
from ssr_connector.studies.rates import Rates
from ssr_connector.studies.study import UNTRAINED, Arm, Column, Made, Parts, Picture, Study, Times
from ssr_connector.tiny.demo import Demo
from ssr_connector.training.loop import DivergedError

SMOKE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"
TEXT = {"training.objectives": {"transcribe": 1.0, "continuation": 1.0}}


class Answers(Forecast):
    """A maker whose steps come out as planted: the development loss by steps and learning rate, FLOPs by type."""

    losses = staticmethod(lambda training: 1.0)

    def make(self, step):
        super().make(step)
        if step.stage == "stage1":
            return {"dev_loss": self.losses(step.inputs[1]["training"])}
        return {"flops_a_step": 10.0 if "costly" in step.what else 4.0} if step.stage == "flops" else {}


def study_of(*arms):
    picture = Picture(y="cosine", y_label="cosine")
    return Study("s", "why?", arms, (Column("cosine", "cosine", "{:.3f}"),), picture, lambda _: [])


@pytest.fixture
def pipeline_of(tmp_path):
    def make(*arms, share=1.0, out="run", maker=None):
        demo = Demo(SMOKE, tmp_path / out, [], Console(quiet=True))
        demo.stages.keys |= {"encode": "e", "LLM": "l", "voices": "v"}
        study = study_of(*arms)
        size = Size((0, 1), tuple(arm.name for arm in arms), share)
        return Pipeline(demo, study, size, maker or Answers(tmp_path), Rates({"distill": 2.0}, 3.0, 5.0))

    return make


def test_arms_share_what_comes_before_their_difference_and_seeds_nothing(pipeline_of):
    plain, wide, other = Arm("a", "A"), Arm("b", "B", connector={"connector.layers": 2}), Arm("c", "C", connector={})
    pipeline = pipeline_of(plain, wide, other)
    assert pipeline.alignments(plain, 0).key == pipeline.alignments(wide, 0).key
    assert pipeline.connector(plain, 0).key == pipeline.connector(other, 0).key != pipeline.connector(wide, 0).key
    assert pipeline.scores(plain, 0).key == pipeline.scores(other, 0).key
    assert pipeline.aligner(plain, 0).key != pipeline.aligner(plain, 1).key
    assert pipeline.connector(plain, 0).key != pipeline.connector(plain, 1).key


def test_keys_do_not_depend_on_where_a_run_lies(pipeline_of):
    arm = Arm("a", "A")
    assert pipeline_of(arm).scores(arm, 0).key == pipeline_of(arm, out="elsewhere").scores(arm, 0).key


def test_other_code_scores_anew_and_trains_nothing_anew(pipeline_of, monkeypatch):
    arm = Arm("a", "A")
    before = pipeline_of(arm)
    keys = [before.scores(arm, 0).key, before.beside(0).key, before.model(arm, 0).key]
    monkeypatch.setattr(identity, "code", lambda: "other")
    after = pipeline_of(arm)
    assert after.scores(arm, 0).key != keys[0]
    assert after.beside(0).key != keys[1]
    assert after.model(arm, 0).key == keys[2]


def test_alignments_by_words_are_the_same_for_all_seeds(pipeline_of):
    arm = Arm("g", "G", words="gold")
    pipeline = pipeline_of(arm)
    assert pipeline.alignments(arm, 0).key == pipeline.alignments(arm, 1).key
    assert pipeline.connector(arm, 0).key != pipeline.connector(arm, 1).key


def test_words_are_placed_anew_in_noise_unless_their_true_times_are_known(pipeline_of):
    noise = {"noise": "generated", "snr_db": 0.0}
    placed, true = (Arm(words, words, words=words) for words in ("uniform", "gold"))
    noisy = [replace(arm, surroundings=noise) for arm in (placed, true)]
    pipeline = pipeline_of(placed, true, *noisy)
    steps = [pipeline.scores(arm, 0).before[2] for arm in (placed, true, *noisy)]
    assert (
        steps[0].key == pipeline.alignments(noisy[0], 0).key != steps[2].key
    )  # taught along clean speech all the same
    assert steps[1].key == steps[3].key


def test_what_an_arm_borrows_comes_before_it(pipeline_of):
    first = Arm("first", "F")
    taught = Arm("t", "T", aligner={"aligner.type": "cif", "aligner.boundaries": Made("first", "align")})
    pipeline = pipeline_of(first, taught)
    assert pipeline.alignments(first, 1).key in [step.key for step in pipeline.aligner(taught, 1).before]
    alone = Arm("u", "U", aligner={"aligner.type": "cif"})
    assert pipeline.aligner(alone, 1).key != pipeline.aligner(taught, 1).key


def test_stage_2_follows_stage_1(pipeline_of):
    arm = Arm("m", "M", finetune={"training.objectives": {"speech_lm": 1.0}})
    pipeline = pipeline_of(arm)
    model = pipeline.model(arm, 0)
    assert (model.stage, model.before[0].key) == ("stage2", pipeline.connector(arm, 0).key)
    assert model.inputs[1]["training"]["train"] == ["llm"]
    found = pipeline.paths_of("multitask", model.before)
    assert found["data.alignments"].name == pipeline.alignments(arm, 0).name


def test_other_data_make_another_run(pipeline_of):
    usual, rehearsal = Arm("a", "A", finetune={}), Arm("b", "B", finetune={"data.text": "self"})
    pipeline = pipeline_of(usual, rehearsal)
    assert pipeline.model(usual, 0).key != pipeline.model(rehearsal, 0).key
    assert pipeline.connector(usual, 0).key == pipeline.connector(rehearsal, 0).key


def test_the_learning_rate_with_the_lowest_development_loss_is_taken(pipeline_of, tmp_path):
    arm = Arm("a", "A", tuned=True)
    maker = Answers(tmp_path)
    maker.losses = lambda training: {0.001: 2.0, 0.000333: float("nan"), 0.003: 1.5, 0.009: 1.6}[training["lr"]]
    assert pipeline_of(arm, maker=maker).budgets.options(arm)["training.lr"] == 0.003
    maker = Answers(tmp_path)
    asked = []
    maker.losses = lambda training: asked.append(training["lr"]) or training["lr"]  # the lower the better, without end
    assert pipeline_of(arm, maker=maker).budgets.options(arm)["training.lr"] == 3.7e-5
    assert asked == [0.001, 0.000333, 0.003, 0.000111, 3.7e-5]
    maker = Answers(tmp_path)
    maker.losses = lambda training: 1.0 if training["lr"] == 0.001 else float("nan")
    assert pipeline_of(arm, maker=maker).budgets.options(arm)["training.lr"] == 0.001


def test_equal_flops_are_the_steps_times_what_each_takes(pipeline_of):
    cheap, costly = Arm("a", "cheap", budget="flops"), Arm("b", "costly", connector=TEXT, budget="flops")
    pipeline = pipeline_of(cheap, costly)
    assert pipeline.budgets.options(cheap)["training.steps"] == 8
    assert pipeline.budgets.options(costly)["training.steps"] == 3  # 8 · 4 / 10
    equal = Arm("c", "cheap, too")
    assert pipeline.connector(cheap, 0).key == pipeline.connector(equal, 0).key


def test_a_forecast_takes_equal_flops_for_equal_seconds(pipeline_of, tmp_path):
    cheap, costly = Arm("a", "cheap", budget="flops"), Arm("b", "costly", connector=TEXT, budget="flops")
    forecast = Forecast(tmp_path)
    pipeline = pipeline_of(cheap, costly, maker=forecast)
    pipeline.rates = Rates({"distill": 2.0, "stack_layers": 8.0}, 3.0, 5.0)
    assert pipeline.budgets.options(costly)["training.steps"] == 2  # of 8
    counted = pipeline.budgets.flops(cheap, {})  # was done before; the other was not
    forecast.facts[counted.key] = {"flops_a_step": 1e9}
    assert pipeline.budgets.options(costly)["training.steps"] == 2


@pytest.mark.parametrize(
    ("losses", "steps", "gain"),
    [
        ({8: 2.0, 16: 1.99}, 16, 0.005),
        ({8: 2.0, 16: 1.0, 32: 0.999}, 32, 0.001),
        ({8: 3.0, 16: 2.0, 32: 1.0}, 32, 0.5),
        ({8: 2.0, 16: 2.4}, 8, -0.2),
        ({8: 2.0, 16: 1.0, 32: 1.2}, 16, -0.2),
        ({8: 2.0, 16: float("nan")}, 8, float("nan")),
    ],
)
def test_steps_are_doubled_until_they_no_longer_pay(pipeline_of, tmp_path, losses, steps, gain):
    arm = Arm("a", "A", budget="converged")
    maker = Answers(tmp_path)
    maker.losses = lambda training: losses[training["steps"]]
    budgets = pipeline_of(arm, maker=maker).budgets
    assert budgets.options(arm)["training.steps"] == steps
    assert budgets.last_gains == {"a": pytest.approx(gain, nan_ok=True)}


def test_doubled_steps_that_diverge_are_no_end_of_the_study(pipeline_of, tmp_path, monkeypatch):
    class Trains(Forecast):
        def make(self, step):
            return step.work(self.folder(step), None)

    arm = Arm("a", "A", budget="converged")
    pipeline = pipeline_of(arm, maker=Trains(tmp_path))
    diverging = 16

    def train(variant, recipe, report):
        if recipe.training.steps >= diverging:
            raise DivergedError("step 9: the loss is nan")
        return {"dev_loss": 1.0}

    monkeypatch.setattr("ssr_connector.studies.pipeline.run_training", train)
    assert pipeline.budgets.options(arm)["training.steps"] == 8
    diverging = 8
    with pytest.raises(UserError, match="A: training diverged with 8 steps; give a lower"):
        pipeline.budgets.options(arm)


def test_fewer_steps_warm_up_for_fewer(pipeline_of):
    arm = Arm("a", "A")
    training = pipeline_of(arm, share=0.5).connector(arm, 0).inputs[1]["training"]
    assert (training["steps"], training["warmup_steps"]) == (4, 1)
    assert pipeline_of(arm).connector(arm, 0).inputs[1]["training"]["warmup_steps"] == 2


def test_a_run_is_expected_to_take_its_steps_times_those_of_the_demo(pipeline_of):
    arm, text = Arm("a", "A"), Arm("b", "B", connector=TEXT)
    pipeline = pipeline_of(arm, text)
    assert pipeline.connector(arm, 0).seconds == 16.0
    assert pipeline.connector(text, 0).seconds is None  # the demo has not trained the like
    assert (pipeline.alignments(arm, 0).seconds, pipeline.scores(arm, 0).seconds) == (3.0, 5.0)


def test_options_are_laid_over_a_recipe():
    recipe = with_options(load_recipe(SMOKE, "distill"), {"seed": 4, "connector.type": "conv", **TEXT})
    assert (recipe.seed, recipe.connector.type) == (4, "conv")
    assert recipe.training.objectives == TEXT["training.objectives"]
    assert "aligner" not in content(recipe, "distill")
    with pytest.raises(TypeError, match="typ"):
        with_options(recipe, {"connector.typ": "conv"})


def test_options_may_be_times_what_the_recipe_has(pipeline_of):
    recipe = with_options(load_recipe(SMOKE, "multitask"), {"training.steps": Times(2.5), "training.lr": Times(3)})
    assert (recipe.training.steps, recipe.training.lr) == (20, pytest.approx(3e-3))
    arm = Arm("m", "M", finetune={"training.steps": Times(4)})
    assert pipeline_of(arm).model(arm, 0).inputs[1]["training"]["steps"] == 32
    training = pipeline_of(arm, share=0.5).model(arm, 0).inputs[1]["training"]  # a quick form cuts these, too
    assert (training["steps"], training["warmup_steps"]) == (16, 4)


def test_without_stage_1_its_connector_takes_no_step(pipeline_of):
    arm = Arm("m", "M", connector={"training.steps": 0}, finetune={"training.train": ("connector", "llm")})
    pipeline = pipeline_of(arm, share=0.5)
    first = pipeline.connector(arm, 0)
    assert (first.inputs[1]["training"]["steps"], first.seconds) == (0, 0.0)
    assert pipeline.model(arm, 0).inputs[1]["training"]["train"] == ["connector", "llm"]


def test_what_stage_2_hears_and_reads_is_in_its_key(pipeline_of):
    arms = [
        Arm(f"a{k}", f"A{k}", finetune=f)
        for k, f in enumerate(
            ({}, {"data.train": Parts(("train",))}, {"data.text": "self"}, {"training.steps": Times(1.0)})
        )
    ]
    pipeline = pipeline_of(*arms)
    keys = [pipeline.model(arm, 0).key for arm in arms]
    assert len(set(keys[:3])) == 3
    assert keys[3] == keys[0]


def test_another_layer_has_frames_an_aligner_and_a_connector_of_its_own(pipeline_of):
    plain, other = Arm("a", "A"), Arm("b", "B", encoder={"encoder.layer": 1})
    pipeline = pipeline_of(plain, other)
    aligner = pipeline.aligner(other, 0)
    assert [step.stage for step in aligner.before] == ["frames"]
    assert pipeline.aligner(plain, 0).before == ()
    assert aligner.key != pipeline.aligner(plain, 0).key
    assert aligner.before[0].key == pipeline.aligner(other, 1).before[0].key  # heard once for all seeds
    assert pipeline.connector(other, 0).inputs[1]["encoder"]["layer"] == 1
    paths = pipeline.hears(other)
    assert paths["encoder.name"] == pipeline.base.encoder
    assert paths["data.frames"].name == aligner.before[0].name
    assert pipeline.hears(plain) == {}


def test_an_untrained_encoder_is_made_first_and_heard_at_the_recipe_s_layer(pipeline_of):
    arm = Arm("u", "U", encoder={"encoder.name": UNTRAINED})
    pipeline = pipeline_of(arm)
    frames = pipeline.frames(arm)
    assert [step.stage for step in frames.before] == ["encoder"]
    assert frames.inputs[-1] == 3
    assert pipeline.hears(arm)["encoder.name"].parent.name == frames.before[0].name
    named = Arm("n", "N", encoder={"encoder.name": "facebook/hubert-base-ls960", "encoder.layer": 9})
    assert pipeline.frames(named).before == ()
    assert "facebook/hubert-base-ls960#9" in pipeline.frames(named).inputs
    assert pipeline.hears(named)["encoder.name"] == "facebook/hubert-base-ls960"


def test_how_fast_a_run_is_is_in_no_key(pipeline_of):
    one, other = Arm("a", "A"), Arm("b", "B", connector={"training.workers": 0})
    pipeline = pipeline_of(one, other)
    assert pipeline.connector(one, 0).key == pipeline.connector(other, 0).key
    assert "workers" not in json.dumps(pipeline.base.training("distill", []).inputs)


def test_a_trial_that_diverges_is_one_without_a_bound(tmp_path):
    def work(folder, report):
        raise DivergedError("too many steps without a number")

    assert tried(work, tmp_path, lambda *_: None) == {"dev_loss": math.inf}
    assert tried(lambda folder, report: {"dev_loss": 2.0}, tmp_path, lambda *_: None) == {"dev_loss": 2.0}
