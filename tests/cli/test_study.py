"""`ssr study` as a user types it; what the studies find is tested beside them."""

import json

import pytest

from ssr_connector.cli import main
from ssr_connector.studies import STUDIES


def test_help_names_every_study(capsys):
    with pytest.raises(SystemExit):
        main(["study", "--help"])
    listed = capsys.readouterr().out.split("\nstudies\n")[1]
    assert set(STUDIES) <= set(listed.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["study"], "required"),
        (["study", "alligners"], "invalid choice: 'alligners'"),
        (["study", "aligners", "--config", "nowhere.yaml"], "no recipe nowhere.yaml"),
        (["study", "aligners", "--training.lrr", "3"], "did you mean --training.lr?"),
        (["study", "aligners", "--arms", "uniform,ctc"], "--arms ctc: aligners has char_ctc"),
        (["study", "aligners", "--share", "0"], "--share 0: give a share of the steps"),
        (["study", "beyond", "--demo", "a,b"], "a holds no finished run of `ssr demo`, so its seed is not known"),
        (["study", "beyond", "--demo", "a,b", "--seed", "1"], "--seed goes with one --demo"),
        (["study", "beyond", "--demo", "a,b", "--quick"], "--quick takes one --demo"),
        (["study", "noise", "--cuts", "calls.jsonl.gz"], "--cuts calls.jsonl.gz: give a name and a manifest"),
        (["study", "noise", "--cuts", "calls=none.jsonl.gz"], "none.jsonl.gz does not exist"),
        (["study", "noise", "--cuts", "a=x.jsonl", "--cuts", "a=y.jsonl"], "a name of its own"),
        (["study", "noise", "--noises", "nowhere"], "--noises: nowhere holds no recordings"),
        (["study", "noise", "--encoders", "mine"], "noise takes no --encoders: that is for encoders"),
        (["study", "aligners", "--noises", "somewhere"], "aligners takes no --noises: that is for noise"),
    ],
)
def test_a_wrong_command_is_refused_before_anything_is_made(words, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(words)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_every_run_has_the_seed_that_made_it_and_none_comes_twice(capsys, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("ssr_connector.studies.run.carry_out", lambda _, demos, *__, **how: asked.append((demos, how)))
    for name, seed in (("a", 3), ("b", 5), ("c", 3)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps({"seed": seed}))
    a, b, c = (str(tmp_path / name) for name in "abc")
    with pytest.raises(AttributeError):  # nothing came of it
        main(["study", "beyond", "--config", "smoke", "--demo", f"{a},{b}", "--evaluation.items", "9"])
    ((demos, how),) = asked
    assert [(str(demo.out), demo.recipe.seed, demo.recipe.evaluation.items) for demo in demos] == [(a, 3, 9), (b, 5, 9)]
    assert how["n_seeds"] == 1
    assert main(["study", "beyond", "--config", "smoke", "--demo", f"{a},{c}"]) == 2
    assert f"{c} and {a} have the same seed 3: they are one world" in capsys.readouterr().err


def test_a_key_of_the_world_that_does_not_exist_is_named(capsys, monkeypatch, tmp_path, pytestconfig):
    monkeypatch.chdir(tmp_path)
    recipe = pytestconfig.rootpath / "recipes" / "smoke.yaml"
    assert main(["study", "aligners", "--config", str(recipe), "--tiny.world.sories", "3"]) == 2
    assert "sories" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
