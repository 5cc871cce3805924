import json
from types import SimpleNamespace

import pytest
import torch

from ssr_connector.config import EvaluationSection
from ssr_connector.errors import UserError
from ssr_connector.evaluation.choice import Choice, Outcome, Spoken
from ssr_connector.evaluation.comparison import Spec, accuracy_figures, change_figures, check_same_ears, compare
from ssr_connector.evaluation.suite import CASCADE, TEXT_MODEL, Suite

ITEMS = [Choice(str(k), "", Spoken("c", "c.wav"), (Spoken("a"), Spoken("b")), 0) for k in range(4)]


@pytest.fixture
def scored(tmp_path):
    suite = Suite(tmp_path, EvaluationSection(bootstrap=50), ["storycloze", "spoken_mmlu", "mmlu"], {})

    def keep(task, mode, system, correct, condition="clean"):
        suite.keep(Outcome(correct, 0, [""] * 4), ITEMS, task, mode, system, condition, 0.0)

    keep("storycloze", "T", TEXT_MODEL, [1, 1, 1, 1])
    keep("mmlu", "T", TEXT_MODEL, [1, 1, 0, 0])
    keep("storycloze", "T", "tuned", [1, 1, 1, 0])
    keep("mmlu", "T", "tuned", [1, 1, 0, 0])
    keep("storycloze", "S→T", "ssr", [1, 1, 1, 0])
    keep("storycloze", "S→T", CASCADE, [1, 1, 0, 0])
    keep("storycloze", "S→T", CASCADE, [0, 0, 0, 0], "5 dB")
    keep("storycloze", "S→T", "stack_plain", [0, 0, 0, 1])
    keep("storycloze", "S→T", "stack_layers", [1, 0, 0, 1])
    keep("spoken_mmlu", "S→T", "ssr", [1, 0, 0, 0])
    keep("spoken_mmlu", "S→T", "tuned", [1, 1, 0, 0])
    return suite


def test_every_row_has_its_own_name(scored):
    named = {f["name"]: f["value"] for f in accuracy_figures(scored)}
    assert len(named) == len(scored.rows)
    assert named["storycloze_text"] == 100
    assert named["storycloze_s2t_ssr"] == 75
    assert named["storycloze_s2t_cascade_5db"] == 0
    assert named["spoken_mmlu_ssr"] == 25
    assert named["mmlu_text_tuned"] == 50


def test_differences_are_paired_and_the_rival_is_the_better_one(scored):
    systems = dict.fromkeys(("ssr", "stack_plain", "stack_layers", "tuned"))
    named = {f["name"]: f for f in change_figures(scored, systems, "ssr")}
    assert named["text_drop_tuned"]["value"] == -25
    assert named["text_drop_tuned"]["task"] == "storycloze"
    assert named["spoken_mmlu_change_tuned"]["value"] == 25
    assert named["storycloze_s2t_ssr_minus_cascade"]["value"] == 25
    assert named["storycloze_s2t_ssr_minus_text"]["value"] == -25
    assert named["storycloze_s2t_ssr_minus_stack"]["value"] == 25


def test_other_ears_are_refused():
    def heard(layer, weight):
        config = SimpleNamespace(encoder_name="e", encoder_layer=layer, aligner={})
        return SimpleNamespace(config=config, aligner=SimpleNamespace(state_dict=lambda: {"w": torch.tensor([weight])}))

    check_same_ears("a", heard(1, 0.5), "b", heard(1, 0.5))
    for other in (heard(2, 0.5), heard(1, 0.6)):
        with pytest.raises(UserError, match="b hears through another encoder or aligner than a"):
            check_same_ears("a", heard(1, 0.5), "b", other)


def test_a_whole_comparison(model, recordings, tmp_path):
    model.save_pretrained(str(tmp_path / "model"))
    row = {
        "id": "q",
        "context": {"text": "Anna found the lamp.", "audio": recordings[0]},
        "choices": [{"text": "A"}, {"text": "B"}],
        "written": "Which?",
        "prompt": " So:",
        "answer": 0,
    }
    (tmp_path / "mmlu.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {"id": "r"}) + "\n")
    spec = Spec({"ssr": tmp_path / "model"}, ["spoken_mmlu", "mmlu"], tmp_path, None, EvaluationSection(bootstrap=20))
    results = compare(spec, lambda line: None, lambda *_: None)
    names = {f["name"] for f in results["figures"]}
    assert {"mmlu_text", "spoken_mmlu_text", "spoken_mmlu_ssr", "spoken_mmlu_cascade", "spoken_mmlu_oracle"} <= names
    assert all(r["n"] == 2 for r in results["rows"])
    json.dumps(results)  # ready to be written
