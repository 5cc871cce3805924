"""Recipes: what is merged over what, and what every mistake is answered with."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from ssr_connector.config import Recipe, differences, flat_keys, load_recipe, merge, recipe_file, to_dict
from ssr_connector.errors import UserError


@pytest.fixture
def recipe(tmp_path):
    def load(text, variant=None, overrides=None):
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return load_recipe(path, variant, overrides)

    return load


def test_without_a_file_all_is_default():
    assert load_recipe(None) == Recipe()


LAYERS = """
seed: 1
training: {lr: 0.1, steps: 5, betas: [0.8, 0.9], objectives: {ctc: 1}}
variants:
  distill: {seed: 2, training: {lr: 0.2, objectives: {distil: 2}}}
"""


def test_command_line_over_variant_over_sections_over_defaults(recipe):
    plain = recipe(LAYERS)
    assert (plain.seed, plain.training.lr, plain.training.steps, plain.training.clip) == (1, 0.1, 5, 5.0)
    assert plain.training.betas == (0.8, 0.9)
    varied = recipe(LAYERS, "distill")
    assert (varied.seed, varied.training.lr, varied.training.steps) == (2, 0.2, 5)
    over = recipe(LAYERS, "distill", ["--training.lr", "3e-4", "--seed=7", "--training.train=[connector,llm]"])
    assert (over.seed, over.training.lr, over.training.steps) == (7, 3e-4, 5)
    assert over.training.train == ("connector", "llm")


def test_objectives_of_a_variant_replace_those_of_the_section(recipe):
    assert recipe(LAYERS).training.objectives == {"ctc": 1.0}
    assert recipe(LAYERS, "distill").training.objectives == {"distil": 2.0}
    assert recipe(LAYERS, None, ["--training.objectives.text", "3"]).training.objectives == {"ctc": 1.0, "text": 3.0}


def test_a_stage_without_a_variant_of_its_name_takes_the_sections(recipe):
    assert recipe(LAYERS, "aligner") == recipe(LAYERS)


def test_an_unknown_variant_is_named_with_those_there_are(recipe):
    with pytest.raises(UserError, match=r"no variant 'destill': .*\.yaml has a, b$"):
        recipe("variants: {a: {}, b: {}}", "destill")
    with pytest.raises(UserError, match="no variant 'a': give the recipe"):
        load_recipe(None, "a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trainin: {}", "unknown key trainin; did you mean training?"),
        ("training: {learning_rate: 1}", "unknown key training.learning_rate; did you mean training.lr?"),
        ("training: {lrr: 1}", "unknown key training.lrr; did you mean training.lr?"),
        ("variants: {a: {encoder: {nam: x}}}", "variant a: unknown key encoder.nam; did you mean encoder.name?"),
        ("variants: {a: {variants: {}}}", "variant a: unknown key variants"),
        ("3: 4", "unknown key 3; known are seed, "),
        ("training: {3: 4}", "unknown key training.3; known are "),
        ("training: 3", "training is a section, not 3"),
        ("training:", "training is a section, not None"),
        ("variants: 3", "variants must be a mapping"),
        ("variants: {a: 3}", "variants must be a mapping"),
        ("variants:\n  a:", "variants must be a mapping"),
        ("training: {lr: fast}", "training.lr"),
        ("training: {lr: null}", "training.lr has no value"),
        ("training: {steps: 2.5}", "training.steps"),
        ("training: {train: aligner}", "training.train"),
        ("training: {betas: [0.9]}", "training.betas"),
        ("training: {objectives: {ctc: much}}", "training.objectives"),
        ("training: {schedule: cosin}", "training.schedule"),
        ("encoder: {name: 3}", "encoder.name"),
        ("seed: true", "seed"),
        ("seed: 1\nseed: 2", "seed comes twice"),
        ("training: {lr: 1, lr: 2}", "lr comes twice"),
        ("", "must be a mapping of sections"),
        ("- 1", "must be a mapping of sections"),
        ("a: [", "is not YAML"),
    ],
)
def test_every_mistake_in_a_file_is_one_sentence_that_names_it(recipe, text, message):
    with pytest.raises(UserError) as error:
        recipe(text)
    assert message in str(error.value)
    assert "recipe.yaml" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--training.lrr", "1"], "unknown option --training.lrr; did you mean --training.lr?"),
        (["--training.lr"], "training.lr"),
        (["--training.lr", "x"], "training.lr"),
        (["--training.lr", "null"], "training.lr"),
        (["--train"], "unknown option --train"),
        (["--tiny.llm.steps"], "--tiny.llm.steps needs a value"),
        (["--tiny.accents", "[1"], "--tiny.accents [1 is not YAML: while parsing"),
        (["stray"], "stray"),
    ],
)
def test_every_mistake_on_the_command_line_is_named(recipe, words, message):
    with pytest.raises(UserError) as error:
        recipe("seed: 1", None, words)
    assert message in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match="there is no recipe"):
        load_recipe(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="cannot read"):
        load_recipe(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is not YAML"):
        load_recipe(tmp_path / "binary.yaml")


def test_a_number_with_an_exponent_is_a_number_wherever_it_stands(recipe):
    text = "training: {lr: 1e-4}\ntiny: {llm: {lr: 1e-3, name: e5, width: 12, betas: [0.9, 2E+1]}}"
    out = recipe(text, None, ["--tiny.llm.decay=5e-2"])
    assert out.training.lr == 1e-4
    assert out.tiny["llm"] == {"lr": 1e-3, "name": "e5", "width": 12, "betas": [0.9, 20.0], "decay": 0.05}


def test_options_of_the_tiny_world_change_one_value_and_keep_its_neighbours(recipe):
    text = "tiny: {llm: {width: 8, steps: 5}, world: {mmlu: 3}}"
    out = recipe(text, None, ["--tiny.llm.steps", "6", "--seed", "4", "--tiny.noise.share=0.5"])
    assert out.tiny == {"llm": {"width": 8, "steps": 6}, "world": {"mmlu": 3}, "noise": {"share": 0.5}}
    assert out.seed == 4


def test_anchors_and_merge_keys_work(recipe):
    out = recipe("aligner: &a {width: 64}\nvariants: {x: {aligner: {<<: *a, heads: 2}}}", "x")
    assert (out.aligner.width, out.aligner.heads) == (64, 2)


def test_a_saved_recipe_reads_as_it_was(recipe, tmp_path):
    out = recipe(LAYERS, "distill", ["--encoder.layer=3", "--evaluation.snr_db=[5,0.5]", "--encoder.name=012"])
    (tmp_path / "saved.yaml").write_text(yaml.safe_dump(to_dict(out)))
    assert load_recipe(tmp_path / "saved.yaml") == out
    assert out.encoder.name == "012"
    assert out.evaluation.snr_db == (5.0, 0.5)


def test_merge_leaves_its_arguments_alone():
    base, over = {"a": {"b": 1, "c": 2}}, {"a": {"b": 3}, "d": 4}
    assert merge(base, over) == {"a": {"b": 3, "c": 2}, "d": 4}
    assert (base, over) == ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}, "d": 4})


def test_differences_names_every_changed_value():
    old = to_dict(Recipe())
    new = to_dict(dataclasses.replace(Recipe(), seed=3))
    new["training"]["lr"] = 1.0
    assert differences(old, new) == ["seed: 0 → 3", "training.lr: 0.0001 → 1.0"]
    assert differences(old, old) == []


def test_flat_keys_are_those_of_a_recipe_without_sections():
    keys = flat_keys()
    assert {"seed", "training.lr", "connector.slack_frames", "tiny"} <= set(keys)
    assert "training" not in keys


def test_the_recipes_come_with_the_package_and_files_come_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    there = Path(__file__).parents[1] / "recipes" / "smoke.yaml"
    for name in ("smoke", "smoke.yaml", "recipes/smoke.yaml"):
        assert recipe_file(name).samefile(there)
        assert load_recipe(name) == load_recipe(there)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "smoke.yaml").write_text("seed: 7")
    assert load_recipe("recipes/smoke.yaml").seed == 7
    for name in ("other/smoke.yaml", "../recipes/smoke.yaml", "smok"):
        with pytest.raises(UserError, match=rf"no recipe {name}: give a file, or one of .*own, smoke, tiny, tiny-full"):
            load_recipe(name)


@pytest.mark.parametrize(
    "word", ["shots=-1", "items=-1", "asr_shots=-2", "beams=0", "bootstrap=0", "batch_s=0", "batch_tokens=-1"]
)
def test_an_evaluation_that_cannot_be_is_refused(word):
    with pytest.raises(UserError, match=rf"evaluation\.{word.partition('=')[0]} is {word.partition('=')[2]}.*: give"):
        load_recipe("smoke", None, [f"--evaluation.{word}"])
