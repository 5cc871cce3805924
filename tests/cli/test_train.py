import pytest
import yaml

from ssr_connector.cli import main, train
from ssr_connector.config import Recipe


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    variants = {"distill": {"training": {"lr": 0.5}}, "other": {"training": {"lr": 0.25}}}
    path.write_text(yaml.safe_dump({"seed": 3, "variants": variants}))
    return str(path)


def printed(capsys, *words):
    assert main(["train", *words, "--print-recipe"]) == 0
    return yaml.safe_load(capsys.readouterr().out)


def test_the_stages_own_variant_is_taken_unless_another_is_named(recipe, capsys):
    assert printed(capsys, "distill", "--config", recipe)["training"]["lr"] == 0.5
    assert printed(capsys, "distill", "--config", recipe, "--variant", "other")["training"]["lr"] == 0.25
    assert printed(capsys, "finetune", "--config", recipe)["training"]["lr"] == Recipe().training.lr
    assert printed(capsys, "distill", "--config", recipe, "--training.lr", "2")["training"]["lr"] == 2.0
    assert printed(capsys, "distill", "--config", recipe)["seed"] == 3


def test_a_printed_recipe_can_be_read_again(recipe, capsys, tmp_path):
    first = printed(capsys, "distill", "--config", recipe, "--training.betas", "[0.8, 0.9]")
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(first))
    assert printed(capsys, "distill", "--config", str(tmp_path / "again.yaml")) == first


def test_what_differs_from_stage_1_is_shown(recipe, capsys, monkeypatch, tmp_path):
    from ssr_connector.training import stages
    from ssr_connector.training.run import open_run

    one = tmp_path / "one"
    open_run(one, Recipe(out=str(one), seed=3))
    monkeypatch.setattr(stages, "finetune", lambda recipe, report: {"loss": 0.5, "left_out": 2.0, "dev_left_out": 1.0})
    words = ["--config", recipe, "--training.start_from", str(one / "model"), "--training.steps=7", "--out=x"]
    assert main(["train", "finetune", *words]) == 0
    out = capsys.readouterr().out
    assert "differs from stage 1: training.steps: 1000 → 7" in out
    assert "seed" not in out
    assert "2 utterances of data.train were left out" in out
    assert "1 utterances of data.dev were left out" in out
    assert "loss 0.500" in out
    for option, said in (
        ("connector.slack_frames=7", "slack_frames 7: this stage goes on"),
        ("llm.name=other", "other"),
    ):
        assert main(["train", "finetune", *words, f"--{option}"]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"infeasible": 3.0}, "3 recordings are too short for their transcripts and were left out (x/infeasible.tsv"),
        ({"loss": 1.0}, "delay was not fitted: data.dev has no word times"),
        (
            {"delay_frames": -2.0, "dev_boundary_ms": 21.4},
            "lay -2 frames off: its delay. Without it, 21 ms",
        ),
        ({"dev_wer": 12.34}, "12.3 % are misheard"),
    ],
)
def test_what_became_of_an_aligner_s_data_is_said(figures, said, recipe, capsys, monkeypatch):
    from ssr_connector.training import stages

    monkeypatch.setattr(stages, "train_aligner", lambda recipe, report: figures)
    assert main(["train", "aligner", "--config", recipe, "--out=x", "--data.dev=d"]) == 0
    assert said in capsys.readouterr().out


def test_an_aligner_without_development_data_is_said_to_be_unmeasured(recipe, capsys, monkeypatch):
    from ssr_connector.training import stages

    monkeypatch.setattr(stages, "train_aligner", lambda recipe, report: {"loss": 1.0})
    assert main(["train", "aligner", "--config", recipe, "--out=x", "--data.dev="]) == 0
    assert "there is no data.dev" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stage", "function", "dev", "command"),
    [
        ("aligner", "train_aligner", "d", "ssr align a b d --aligner x/aligner --out x/aligned"),
        ("distill", "train_connector", "d", "ssr generate ask x/model question.wav ' The answer is:'"),
        ("finetune", "finetune", "d", "ssr evaluate x/model --cuts d --out x/results"),
        ("finetune", "finetune", "d,e", "ssr generate ask x/model question.wav ' The answer is:'"),
    ],
)
def test_the_next_command_is_told_by_one_of_all_processes(stage, function, dev, command, recipe, capsys, monkeypatch):
    from ssr_connector.training import stages

    monkeypatch.setattr(stages, function, lambda recipe, report: {"loss": 1.0})
    line = ["train", stage, "--config", recipe, "--out=x", "--data.train=a,b", f"--data.dev={dev}"]
    assert main(line) == 0
    assert capsys.readouterr().out.endswith(f"\nNext:\n  {command}\n")
    monkeypatch.setenv("RANK", "1")
    assert main(line) == 0
    assert capsys.readouterr().out == ""


def test_a_repeated_command_says_that_it_is_done(recipe, capsys, monkeypatch):
    from ssr_connector.training import stages

    monkeypatch.setattr(stages, "train_connector", lambda recipe, report: {})
    assert main(["train", "distill", "--config", recipe]) == 0
    assert "already done" in capsys.readouterr().out
    assert train.TAKES_RECIPE
