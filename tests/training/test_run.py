import dataclasses
import gzip
import json

import pytest

from ssr_connector.config import DataSection, Recipe
from ssr_connector.errors import UserError
from ssr_connector.training.run import inherited, is_done, open_run, saved_recipe


def recipe(out="x", **training):
    base = Recipe(out=str(out))
    return dataclasses.replace(base, training=dataclasses.replace(base.training, **training))


def begun(out):
    (out / "training.json").write_text(json.dumps({"steps": 3}))


def test_the_resolved_recipe_is_saved(tmp_path):
    assert not open_run(tmp_path / "run", recipe(lr=0.5))
    assert saved_recipe(tmp_path / "run")["training"]["lr"] == 0.5


def test_another_recipe_is_refused_once_something_was_trained(tmp_path):
    open_run(tmp_path, recipe(lr=0.5))
    open_run(tmp_path, recipe(lr=0.25))  # nothing was trained yet
    begun(tmp_path)
    open_run(tmp_path, recipe(lr=0.25, log_every=3, checkpoint_every=7, keep_checkpoints=2))
    advised = {"bad_batches": "skip", "gradient_checkpointing": True, "sharding": "fsdp", "evaluate_every": 5}
    open_run(tmp_path, recipe(lr=0.25, **advised))  # what messages say that a run may go on with
    open_run(tmp_path, recipe(lr=0.25))
    with pytest.raises(UserError, match=r"training\.clip: 5\.0 → 1\.0; training\.lr: 0\.25 → 0\.5") as caught:
        open_run(tmp_path, recipe(lr=0.5, clip=1.0))
    assert str(tmp_path) in str(caught.value)
    assert saved_recipe(tmp_path)["training"]["lr"] == 0.25


def test_a_run_of_an_older_version_goes_on(tmp_path):
    open_run(tmp_path, recipe(lr=0.5))
    begun(tmp_path)
    saved = json.loads((tmp_path / "recipe.json").read_text())
    del saved["training"]["optimizer"]  # which it did not know yet
    (tmp_path / "recipe.json").write_text(json.dumps(saved))
    with pytest.raises(UserError, match=r"\(training\.optimizer: adamw → muon\)"):
        open_run(tmp_path, recipe(lr=0.5, optimizer="muon"))
    open_run(tmp_path, recipe(lr=0.5))


@pytest.mark.parametrize("name", ["cuts.jsonl", "cuts.jsonl.gz", "shar"])
def test_cuts_that_changed_under_the_same_name_are_noticed(tmp_path, name):
    place, out = tmp_path / name, tmp_path / "run"

    def write(text, when):
        if name == "shar":
            place.mkdir(exist_ok=True)
            (place / "cuts.000000.jsonl").write_text(text)
        else:
            place.write_bytes(gzip.compress(text.encode(), mtime=when) if name.endswith(".gz") else text.encode())

    wanted = dataclasses.replace(recipe(out), data=DataSection(train=str(place), dev=str(tmp_path / "missing")))
    write("one\n", 1)
    open_run(out, wanted)
    write("other\n", 1)  # nothing was trained yet
    open_run(out, wanted)
    begun(out)
    write("other\n", 2)  # the same, written anew
    open_run(out, wanted)
    place.rename(tmp_path / "away")
    open_run(out, wanted)  # whoever reads it says that it is missing
    (tmp_path / "away").rename(place)
    write("third one\n", 2)
    with pytest.raises(UserError, match=f"{name} changed since the run in"):
        open_run(out, wanted)
    (out / "data.json").unlink()  # a run of an older version
    open_run(out, wanted)


def test_done_means_all_steps_and_a_result(tmp_path):
    begun(tmp_path)
    assert not is_done(tmp_path, 3)
    (tmp_path / "model").mkdir()
    assert is_done(tmp_path, 3)
    assert not is_done(tmp_path, 4)


def test_stage_2_says_what_differs_from_stage_1(tmp_path):
    open_run(tmp_path / "one", recipe(tmp_path / "one", lr=0.5))
    second = recipe("two", lr=0.1, start_from=str(tmp_path / "one" / "model"))
    lines = inherited(second)
    assert "training.lr: 0.5 → 0.1" in lines
    assert not any(line.startswith("training.clip") for line in lines)
    assert inherited(recipe()) == []
    assert inherited(recipe(start_from=str(tmp_path / "elsewhere" / "model"))) == []
