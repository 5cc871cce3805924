"""What models score through the same ears, item by item."""

import dataclasses
import json
from pathlib import Path

import pytest

from ssr_connector.config import ConnectorConfig, EvaluationSection
from ssr_connector.connectors import build_connector
from ssr_connector.data.cuts import read_cuts
from ssr_connector.model import SSRForConditionalGeneration
from ssr_connector.studies.damage import Damage
from ssr_connector.studies.ears import Ears, Material
from ssr_connector.studies.results import Results, Row
from ssr_connector.studies.surroundings import Surroundings

CONFIG = EvaluationSection(bootstrap=20)
pytestmark = pytest.mark.slow  # what is heard at random is long to write down


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_corpus):
    """As a demo lays them out: the tests' cuts, and a task of spoken stories."""
    out = tmp_path_factory.mktemp("demo")
    cuts = tiny_corpus / "dev.jsonl.gz"
    (out / "speech" / "tests").mkdir(parents=True)
    audio = [cut.recording.sources[0].source for cut in read_cuts(cuts)]
    rows = [
        {
            "id": f"s{k}",
            "context": {"text": "Anna found the lamp.", "audio": audio[k]},
            "choices": [{"text": "It was old.", "audio": audio[k - 1]}, {"text": "It flew.", "audio": audio[k - 2]}],
            "answer": 0,
        }
        for k in range(len(audio))
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (out / "speech" / "tests" / "storycloze.jsonl").write_text(lines)
    return Material(out / "speech" / "tests", ["storycloze"], cuts)


@pytest.fixture(scope="module")
def ears(place, tiny_model):
    return Ears(place, tiny_model, CONFIG, lambda *_: None)


def test_a_model_pairs_with_itself_and_one_without_tokens_keeps_none_of_its_scores(ears, tiny_model, tmp_path):
    model = SSRForConditionalGeneration.from_pretrained(str(tiny_model))
    shape = ConnectorConfig(type="stack", layers=0)
    model.connector = build_connector(shape, model.encoder.width, model.llm.config)
    model.config.connector = dataclasses.asdict(shape)
    model.save_pretrained(str(tmp_path / "stack"))
    first, stack, again = (ears.scores(p, Damage())["figures"] for p in (tiny_model, tmp_path / "stack", tiny_model))
    assert {"cosine", "storycloze_s2t", "storycloze_s", "asr_wer", "positions_per_s"} <= set(first)
    assert first["storycloze_text"] == stack["storycloze_text"]  # of the same LLM
    assert {"storycloze_s2t", "asr_wer"} <= set(stack)
    assert not {"cosine", "storycloze_s", "storycloze_t2s"} & set(stack)
    assert first == again
    results = Results([Row("a", "A", "", [first]), Row("b", "B", "", [again])], 20)
    for name in ("cosine", "squared_error", "storycloze_s2t", "embedding_wer_forced"):
        assert results.value("a", name) == pytest.approx(first[name]["value"])  # the same from the items as a whole
        assert results.figure("a", name).ci95 == pytest.approx(first[name].get("ci95", results.figure("a", name).ci95))
        assert results.difference("b", "a", name).value == 0
    json.dumps(first)


def test_damage_is_heard_and_undone(ears, tiny_model):
    good = ears.scores(tiny_model, Damage())["figures"]
    bad = ears.scores(tiny_model, Damage(shift_frames=7))["figures"]
    assert bad["cosine"]["ids"] == good["cosine"]["ids"]
    again = ears.scores(tiny_model, Damage())["figures"]
    for name in ("cosine", "cosine_best_path"):
        assert bad[name]["sums"] != good[name]["sums"]
        assert again[name] == good[name]


def test_the_ceiling_stands_beside_what_it_is_the_ceiling_of(ears, tiny_model):
    systems = ears.beside(tiny_model)["systems"]
    assert {"text model", "hard cascade", "another item's audio", "no context"} <= set(systems)
    assert "storycloze_s2t" in systems["text model"]
    assert systems["text model"]["storycloze_s2t"]["ids"] == systems["hard cascade"]["storycloze_s2t"]["ids"]


def test_cascade_and_text_model_stand_beside_an_arm_on_the_same_items(ears, tiny_model):
    alone, beside = (ears.scores(tiny_model, Damage(), paired_systems=p)["figures"] for p in (False, True))
    assert {name: beside[name] for name in alone} == alone
    added = set(beside) - set(alone)
    assert {"storycloze_s2t_cascade", "storycloze_s_cascade", "storycloze_s2t_model"} <= added
    assert beside["storycloze_s2t_cascade"]["ids"] == beside["storycloze_s2t"]["ids"]
    systems = ears.beside(tiny_model)["systems"]
    assert beside["storycloze_s2t_cascade"] == systems["hard cascade"]["storycloze_s2t"]


def test_at_another_speed_words_are_where_they_are_then_heard(place, tiny_model):
    change = Surroundings(speed=2.0).change(None, None)
    fast = Ears(dataclasses.replace(place, change=change, speed=2.0), tiny_model, CONFIG, lambda *_: None)
    usual = {cut.id: cut for cut in read_cuts(place.cuts)}
    for key, cut in fast.measures.cuts.items():
        assert cut.duration == pytest.approx(usual[key].duration / 2, abs=1e-3)
        assert fast.heard["clean"][key].duration_s == pytest.approx(cut.duration, abs=1e-3)
    assert fast.scores(tiny_model, Damage())["figures"]["cosine"]["ids"]


def test_cuts_alone_have_measures_and_no_tasks(place, tiny_model):
    ears = Ears(Material(Path(), (), place.cuts), tiny_model, CONFIG, lambda *_: None)
    figures = ears.scores(tiny_model, Damage(), paired_systems=True)["figures"]
    assert {"ctc_wer", "cosine", "embedding_wer"} <= set(figures)
    assert not [name for name in figures if name.startswith("storycloze")]
