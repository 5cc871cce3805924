"""Every registered study: what it declares is valid, and its paragraph claims nothing that is not there."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from ssr_connector.config import load_recipe, parse, to_dict
from ssr_connector.connectors import CONNECTORS
from ssr_connector.connectors import check_options as check_connector
from ssr_connector.evaluation.suite import CASCADE, NO_CONTEXT, ORACLE, OTHER_AUDIO, TEXT_MODEL
from ssr_connector.evaluation.tasks import TASKS
from ssr_connector.studies import STUDIES, run
from ssr_connector.studies.corpora import MEASURES
from ssr_connector.studies.options import with_options
from ssr_connector.studies.picture import draw
from ssr_connector.studies.pipeline import heard_damage
from ssr_connector.studies.run import chosen, write
from ssr_connector.studies.study import Frontier, Grid, Made, Own, Parts
from ssr_connector.studies.table import markdown

RECIPES = Path(__file__).parents[2] / "recipes"
CLAIMS = re.compile(
    r"\bis better\b|\bis worse\b|best mean in .*, told apart from"
    r"|forgets: |told apart from an arm on it|stage 1 helps|stage 1 harms|goal is met"
)

HOW = {"command": "ssr study", "notes": ["Synthetic."], "commits": ["0123abc"]}

each_study = pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)


@each_study
def test_every_key_is_one_of_the_recipe_and_every_connector_can_be_built(study):
    kinds = [("aligner", "aligner"), ("distill", "connector"), ("multitask", "finetune"), ("distill", "encoder")]
    for variant, kind in kinds:
        usual = load_recipe(RECIPES / "tiny.yaml", variant)
        wanted = {json.dumps(o, default=str): o for arm in study.arms if (o := getattr(arm, kind))}
        for options in wanted.values():
            plain = {k: "somewhere" if isinstance(v, Made | Parts) else v for k, v in options.items()}
            given = with_options(usual, plain)
            assert parse(to_dict(given), [], study.name) == given  # of the right types, too
            check_connector(given.connector)


@each_study
def test_connectors_are_taught_by_what_they_can_learn_from(study):
    usual = load_recipe(RECIPES / "tiny.yaml", "distill")
    for arm in study.arms:
        recipe = with_options(usual, arm.connector)
        kind = CONNECTORS[recipe.connector.type]
        assert ("distil" in recipe.training.objectives) <= kind.needs_segments
        assert kind.needed_objective is None or kind.needed_objective in recipe.training.objectives


@each_study
def test_names_are_those_of_arms_tasks_and_tables(study):
    names = [arm.name for arm in study.arms]
    assert len(set(names)) == len(names)
    assert len({(arm.table, arm.title) for arm in study.arms}) == len(names)
    assert set(study.quick) <= set(names)
    assert study.reference.name in (study.quick or names)
    assert {arm.table for arm in study.arms} <= set(study.tables)
    assert set(study.tasks) <= set(TASKS)
    assert set(study.beside) <= {TEXT_MODEL, CASCADE, ORACLE, OTHER_AUDIO, NO_CONTEXT}
    for arm in study.arms:
        heard_damage(arm)
        borrowed = [v.arm for v in arm.aligner.values() if isinstance(v, Made)]
        assert all(names.index(other) < names.index(arm.name) for other in borrowed)
        assert arm.name not in study.quick or set(borrowed) <= set(study.quick)


def figures_of(study):
    columns, picture = [c.figure for c in study.columns], study.picture
    if isinstance(picture, Frontier):
        return [*columns, *(gain.figure for gain in picture.gains), *picture.kept]
    if isinstance(picture, Grid):
        return [*columns, *(shade.figure for shade in picture.shades)]
    return [*columns, picture.y, *([picture.x] if picture.x else [])]


@each_study
def test_where_nothing_differs_no_difference_is_claimed(study, planted):
    names = [*(arm.name for arm in study.arms), *study.beside]
    results = planted(dict.fromkeys(names, 0.6), figures_of(study))
    same = results.row(names[0]).runs
    for row in results.rows:
        row.runs[:] = same
    paragraph = " ".join(study.paragraph(results))
    assert paragraph
    assert not CLAIMS.search(paragraph), paragraph


@each_study
def test_at_chance_no_margin_is_claimed(study, planted):
    names = [*(arm.name for arm in study.arms), *study.beside]
    shares = dict.fromkeys(names, 0.5) | {study.reference.name: 0.9}
    results = planted(shares, figures_of(study))
    for sentence in study.paragraph(results):
        assert "best baseline" not in sentence or "No margin is claimed" in sentence or "worse" in sentence, sentence


@each_study
@pytest.mark.parametrize("form", ["all arms", "quick", "reference alone"])
def test_tables_picture_and_paragraph_of_whatever_was_done(study, planted, form, tmp_path):
    done = {"all arms": [a.name for a in study.arms], "quick": study.quick, "reference alone": [study.reference.name]}[
        form
    ]
    results = planted({n: 0.4 + 0.01 * k for k, n in enumerate(done)}, figures_of(study), n=20, seeds=1)
    table = markdown(results, study.columns, {"": "", **study.tables})
    assert table.count("\n| ") >= len(done)
    assert all(sentence.endswith(".") for sentence in study.paragraph(results))
    outcome = write(study, results, HOW | {"commits": ["0123abc", "4567def"]}, tmp_path)
    assert [path.name for path in outcome.files] == ["results.json", "report.md", f"{study.name}.svg"]
    report, picture = (path.read_text() for path in outcome.files[1:])
    assert outcome.table.strip() in report
    assert "\nSynthetic.\n\n    ssr study\n" in report
    assert "Steps were done at commit 0123abc, 4567def. At commit " in report
    assert ElementTree.fromstring(picture).tag.endswith("}svg")
    assert "$" not in picture  # formulae are not set


@each_study
def test_tables_picture_and_paragraph_of_any_arm_with_those_it_is_compared_with(study, planted, tiny_corpus, tmp_path):
    soundfile.write(tmp_path / "fan.wav", np.random.default_rng(0).normal(0, 0.1, 8000), 8000)
    own = {"noises": str(tmp_path), "cuts": {"calls": str(tiny_corpus / "dev.jsonl.gz")}, "encoders": ("e", "f:2")}
    if study.extended:
        study = study.extended(study, Own(**{key: own[key] for key in study.takes}))
    arms = {arm.name: arm for arm in study.arms}
    drawn = set()
    for several in dict.fromkeys(chosen(study, [name]) for name in arms):
        results = planted(
            dict.fromkeys([*several, *study.beside], 0.5), figures_of(study), n=10, seeds=1, beside=study.beside
        )
        for row in results.rows:
            if row.name in arms and arms[row.name].cuts:
                row.runs[:] = [{name: run[name] for name in run.keys() & MEASURES} for run in row.runs]
        paragraph = study.paragraph(results)
        assert all(sentence.endswith(".") for sentence in paragraph), several
        assert markdown(results, study.columns, {"": "", **study.tables}).count("\n| ") >= len(several)
        if (table := arms[several[-1]].table) not in drawn:
            drawn.add(table)
            draw(results, study.picture, tmp_path / "picture.svg")


def test_the_same_results_make_the_same_picture(planted, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "commit", lambda: "0123abc")
    study = STUDIES["aligners"]
    results = planted({arm.name: 0.4 for arm in study.arms}, figures_of(study), n=20, seeds=1)
    first, again = (write(study, results, HOW, tmp_path / k).files[2] for k in "ab")
    assert first.read_text() == again.read_text()
    assert "Steps were done" not in (tmp_path / "a" / "report.md").read_text()


def test_the_help_lists_every_study_with_its_question(capsys):
    from ssr_connector.cli import main

    with pytest.raises(SystemExit):
        main(["study", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for study in STUDIES.values():
        assert " ".join(study.question.split()) in said
