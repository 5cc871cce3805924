"""What is trained in which languages, what the paragraph says of it, and the study from nothing to its table."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from ssr_connector.aligners.bundle import read_aligner
from ssr_connector.errors import UserError
from ssr_connector.studies.cache import Forecast
from ssr_connector.studies.languages import (
    ENDS,
    LANGUAGES_STUDY,
    TASK,
    WORDS,
    bounded,
    extended,
    on_corpora,
    paragraph,
    understood,
    without,
)
from ssr_connector.studies.pipeline import Pipeline, Size, parts_of
from ssr_connector.studies.rates import Rates
from ssr_connector.studies.results import Results, Row
from ssr_connector.studies.run import carry_out, forecast
from ssr_connector.studies.study import Own
from ssr_connector.tiny.demo import Demo

SMOKE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"
ARMS = {arm.name: arm for arm in LANGUAGES_STUDY.arms}
FIGURES = [TASK, WORDS, ENDS, "cosine"]


@pytest.fixture
def demo(tmp_path):
    return Demo(SMOKE, tmp_path / "demo", [], Console(quiet=True))


@pytest.fixture
def pipeline(demo, tmp_path):
    base = LANGUAGES_STUDY.base(demo)
    base.stages.plan(base.all_stages())
    size = Size((0,), tuple(ARMS))
    return Pipeline(base, LANGUAGES_STUDY, size, Forecast(tmp_path / "cache"), Rates({}, None, None))


def test_arms_learn_what_their_names_say():
    assert parts_of(ARMS["ru_in_de"].aligner) == parts_of(ARMS["ru_in_de"].connector) == ("train-ru", "dev-ru")
    assert set(parts_of(ARMS["others_in_de"].connector)) == {
        f"{role}-{code}" for role in ("train", "dev") for code in ("en", "es", "ru")
    }
    knows = ARMS["connector_in_de"]
    assert "train-de" not in parts_of(knows.connector)
    assert "train-de" in parts_of(knows.aligner)
    assert {arm.language for arm in ARMS.values()} == {arm.table for arm in ARMS.values()} == {"en", "de", "es", "ru"}


def test_training_is_shared_by_all_that_is_heard_after_it(pipeline):
    def keys(of):
        return {of(arm, 0).key for arm in ARMS.values()}

    assert len(keys(pipeline.aligner)) == len(keys(pipeline.alignments)) == 1 + 4 + 4
    assert len(keys(pipeline.connector)) == 1 + 4 + 4 + 4
    assert len(keys(pipeline.scores)) == len(ARMS)
    everything, connector = ARMS["all_in_ru"], ARMS["connector_in_ru"]
    assert pipeline.alignments(everything, 0).key == pipeline.alignments(connector, 0).key
    assert pipeline.connector(everything, 0).key != pipeline.connector(connector, 0).key


def test_tests_are_heard_in_the_language_of_the_arm(pipeline):
    material = pipeline.heard.material(ARMS["en_in_ru"])
    assert material.folder == pipeline.base.out / "speech" / "tests-ru"
    assert material.cuts == pipeline.base.cuts("test-ru")


def test_its_base_is_foreseen_by_what_the_demo_s_took(demo, tmp_path):
    base = LANGUAGES_STUDY.base(demo)
    stages = {
        "world": 1.0,
        "voices": 30.0,
        "tokenizer": 3.0,
        "LLM": 100.0,
        "encoder": 150.0,
        "prepare": 2.0,
        "encode": 40.0,
    }
    rates = Rates({"aligner": 0.5, "distill": 0.25}, 30.0, 60.0, stages=stages).on(base, demo)
    study = replace(LANGUAGES_STUDY, arms=(ARMS["all_in_en"],))
    found = forecast(base, study, Size((0,), ("all_in_en",)), rates, tmp_path)
    trained = 4 * (300 // 4 + 60 // 2 // 4) / (300 + 100 + 60 // 2)
    tested = 12 / sum(len(part.utterances) for part in demo.parts if part.role == "tests")
    assert found.seconds == pytest.approx(326 + 20 * 0.5 + 8 * 0.25 + 30 * trained + 60 * tested)
    assert found.left == 7 + 4
    assert not found.unknown


def test_a_users_corpus_is_heard_by_what_learnt_all_languages_and_each(pipeline, tiny_corpus):
    manifest = str(tiny_corpus / "dev.jsonl.gz")
    study = extended(LANGUAGES_STUDY, Own(cuts={"mls": manifest}))
    arms = {arm.name: arm for arm in study.arms[len(ARMS) :]}
    assert list(arms) == [f"{kind}_on_mls" for kind in ("all", "en", "de", "es", "ru")]
    for name, arm in arms.items():
        told = ARMS[name.replace("_on_mls", "_in_de")]
        assert pipeline.connector(arm, 0).key == pipeline.connector(told, 0).key
        assert pipeline.scores(arm, 0).key != pipeline.scores(told, 0).key
        assert pipeline.heard.material(arm).cuts == Path(manifest)
        assert study.picture.cells[arm.title]["mls"] == name
    assert set(study.quick) - set(LANGUAGES_STUDY.quick) == {"all_on_mls"}
    rows = [
        Row(name, arm.title, arm.table, [{WORDS: task_like(value)}])
        for (name, arm), value in zip(arms.items(), (50.0, 70.0, 30.0, 90.0, 90.0), strict=True)
    ]
    said = on_corpora(Results(rows, 100))
    assert said[0] == "On mls, after all languages, recordings from outside of this world: embedding WER 50.0 %."
    assert said[1].startswith("German alone has the best mean in words of the nearest embeddings on mls")
    with pytest.raises(UserError, match="does not exist"):
        extended(LANGUAGES_STUDY, Own(cuts={"mls": "none.jsonl.gz"}))
    with pytest.raises(UserError, match="--cuts German: the study has a column of that name; call the corpus"):
        extended(LANGUAGES_STUDY, Own(cuts={"German": manifest}))


def task_like(value):
    ids = [f"i{k}" for k in range(30)]
    return {"value": value, "unit": "%", "ids": ids, "sums": [value] * 30, "weights": [1.0] * 30}


# --- what is said ---


def test_it_is_said_first_where_a_language_that_was_left_out_is_understood(planted):
    results = planted({"all_in_de": 0.9, "others_in_de": 0.7, "all_in_ru": 0.9, "others_in_ru": 0.5}, FIGURES)
    said = paragraph(results)
    assert said[0].startswith("On synthetic speech, tales in a language that aligner and connector did not learn")
    assert "above chance in German (others_in_de: 70.0 %, chance 50.0 %); not in Russian (others_in_ru: 50" in said[0]
    assert "Others_in_ru is worse than all_in_ru in tales in Russian, by 40.0 points" in " ".join(said)


def test_where_nothing_is_above_chance_nothing_is_understood(planted):
    (first, *_) = paragraph(planted({"all_in_de": 0.9, "others_in_de": 0.5}, FIGURES))
    assert first.endswith("are nowhere understood above chance: German (others_in_de: 50.0 %, chance 50.0 %).")


def test_where_letters_are_unknown_nothing_is_placed(planted):
    results = planted({"all_in_de": 0.2, "others_in_de": 0.4, "all_in_ru": 0.2, "others_in_ru": 0.4}, FIGURES)
    for run in results.row("others_in_ru").runs:
        del run[ENDS]
    left_out = {"de": "others_in_de", "ru": "others_in_ru"}
    said = bounded(results, left_out)
    known = "(20.0 ms by that of all languages)"
    assert said.endswith(f": German 40.0 ms {known}; Russian nowhere, for want of its letters {known}.")
    assert understood(results, {}) == ""


def test_what_learnt_most_stands_for_a_language_that_was_left_out():
    assert without("de", {"all_in_de", "de_in_de", "en_in_de", "others_in_de"}) == "others_in_de"
    assert without("de", {"all_in_de", "de_in_de", "en_in_de"}) == "en_in_de"
    assert without("de", {"all_in_de", "de_in_de", "connector_in_de"}) == ""


# --- all of it ---


@pytest.mark.slow
def test_from_nothing_to_a_table(tmp_path):
    """In small: three arms, and no figure of forced alignment where the letters are unknown."""
    sizes = ["--tiny.world.speech_train=80", "--tiny.world.speech_dev=16", "--tiny.world.storycloze=6"]
    short = ["--tiny.world.text_documents=800", "--tiny.llm.steps=2", "--tiny.encoder.steps=2", "--training.steps=4"]
    demo = Demo(SMOKE, tmp_path / "demo", [*sizes, *short], Console(quiet=True))
    names = ("all_in_ru", "en_in_ru", "en_in_en")
    study = replace(LANGUAGES_STUDY, arms=tuple(ARMS[name] for name in names))
    found = carry_out(study, [demo], tmp_path / "out", n_seeds=1)
    assert [found.table.count(f"\n| {title} |") for title in ("all languages", "English alone")] == [1, 2]
    rows = {row["name"]: row["figures"] for row in json.loads((tmp_path / "out" / "results.json").read_text())["rows"]}
    for name in ("all_in_ru", "en_in_en"):
        assert {"cosine", WORDS, ENDS, TASK, f"{TASK}_text", "ctc_wer"} <= set(rows[name])
        assert rows[name][TASK]["n"] == 6
    assert {WORDS, TASK, "ctc_wer"} <= set(rows["en_in_ru"])
    assert not {"cosine", ENDS} & set(rows["en_in_ru"])
    assert "Russian nowhere, for want of its letters" in found.paragraph
    assert all(path.is_file() for path in found.files)
    cache = tmp_path / "demo" / "studies" / "cache"
    alphabets = {read_aligner(folder / "aligner")[0].config.alphabet for folder in cache.glob("aligner-*")}
    assert sorted("ж" in alphabet for alphabet in alphabets) == [False, True]
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("facts.json")}
    carry_out(study, [demo], tmp_path / "again", n_seeds=1)
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("facts.json")} == before
