import json
import math

import pytest
import torch

from ssr_connector.errors import UserError
from ssr_connector.evaluation import harness
from ssr_connector.evaluation.harness import (
    Measured,
    Measurement,
    as_lm,
    before_and_after,
    leaves,
    mean_of,
    measure,
    row,
)

CHOICES = """\
task: local_choices
dataset_path: json
dataset_kwargs:
  data_files: {{test: {folder}/choices.jsonl}}
  cache_dir: {folder}/cache
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
metric_list:
  - metric: acc
  - metric: acc_norm
"""
ENDINGS = """\
task: local_endings
dataset_path: json
dataset_kwargs:
  data_files: {{test: {folder}/endings.jsonl}}
  cache_dir: {folder}/cache
test_split: test
output_type: loglikelihood
doc_to_text: "{{{{start}}}}"
doc_to_target: "{{{{end}}}}"
metric_list:
  - metric: perplexity
    aggregation: perplexity
    higher_is_better: false
  - metric: acc
"""
GROUP = """\
group: local_group
task: [local_choices]
aggregate_metric_list:
  - metric: acc
    weight_by_size: true
"""
TASKS = ["local_group", "local_endings"]


@pytest.fixture
def folder(tmp_path, sentences):
    """Tasks with their data, as a user would write them."""
    words = [s.split() for s in sentences]
    questions = [
        {
            "question": " ".join(w[:3]),
            "choices": [" ".join(w[3:]), "the moon.", "a river sings loudly"],
            "answer": k % 3,
        }
        for k, w in enumerate(words)
    ]
    endings = [{"start": " ".join(w[:-1]), "end": w[-1]} for w in words]
    for name, rows in (("choices", questions), ("endings", endings)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    for name, text in (("choices", CHOICES), ("endings", ENDINGS), ("group", GROUP)):
        (tmp_path / f"{name}.yaml").write_text(text.format(folder=tmp_path))
    return tmp_path


def trained(model, path):
    """A checkpoint whose LLM has learnt something else."""
    from ssr_connector.model import SSRForConditionalGeneration

    changed = SSRForConditionalGeneration.from_pretrained(model)
    changed.config.llm_trained = True
    with torch.no_grad():
        for parameter in changed.llm.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    changed.save_pretrained(str(path))
    return path


def values(lm, folder):
    """All that lm-eval says of every item."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(folder), include_defaults=False)
    found = simple_evaluate(lm, tasks=TASKS, task_manager=manager, bootstrap_iters=0)
    samples = [s for task in ("local_choices", "local_endings") for s in found["samples"][task]]
    sums = [float(response[0][0]) for s in samples for response in s["resps"]]
    pairs = [pair for s in samples for pair in s["arguments"]]
    reported = [v for t in found["results"].values() for v in t.values() if isinstance(v, float)]
    assert len(sums) == len(pairs) == 8 * 3 + 8
    return sums, reported, pairs


def test_the_plain_transformers_folder_and_ours_score_the_same(tiny_llm, tiny_model, folder):
    pytest.importorskip("lm_eval")
    from lm_eval.models.huggingface import HFLM

    from ssr_connector.model import SSRForConditionalGeneration

    model = SSRForConditionalGeneration.from_pretrained(tiny_model)
    pad = model.tokenizer.pad_token
    sums, reported, pairs = values(as_lm(model, batch_size=3), folder)
    plain_sums, plain_reported, _ = values(HFLM(tiny_llm, dtype="float32", device="cpu", batch_size=3), folder)
    assert sums == pytest.approx(plain_sums, abs=1e-6)
    assert reported == pytest.approx(plain_reported, abs=1e-6)
    assert model.tokenizer.pad_token == pad
    own = model.loglikelihood([([context], [continuation]) for context, continuation in pairs])
    assert [score.total for score in own] == pytest.approx(sums, abs=1e-4)


def test_before_and_after_stand_side_by_side_with_the_paired_change(tiny_model, folder, tmp_path):
    pytest.importorskip("lm_eval")
    from ssr_connector.config import EvaluationSection
    from ssr_connector.model import SSRForConditionalGeneration

    systems = {"ssr": tiny_model, "tuned": trained(tiny_model, tmp_path / "tuned")}
    found = before_and_after(systems, TASKS, folder, EvaluationSection(bootstrap=200), lambda _: None)
    json.dumps(found)
    rows = {(r["system"], r["task"], r["metric"]): r for r in found["rows"]}
    untouched, tuned = rows["ssr", "local_choices", "acc"], rows["tuned", "local_choices", "acc"]
    assert (untouched["change"], untouched["ci95"]) == (0, (0, 0))
    assert "not trained" in found["notes"][0]
    assert len(found["notes"]) == 1
    assert (tuned["n"], tuned["unit"], tuned["within"]) == (8, "%", "local_group")
    llm = SSRForConditionalGeneration.from_pretrained(str(tiny_model)).config.llm_name
    after, before = (found["outcomes"][f"local_choices | acc | {s}"] for s in ("tuned", f"before ({llm}, float32)"))
    assert tuned["before"] == pytest.approx(100 * sum(before) / 8)
    assert tuned["change"] == pytest.approx(100 * (sum(after) - sum(before)) / 8)
    assert tuned["ci95"][0] <= tuned["change"] <= tuned["ci95"][1]
    assert rows["tuned", "local_group", "acc"]["change"] == pytest.approx(tuned["change"])
    perplexity = rows["tuned", "local_endings", "perplexity"]
    assert perplexity["after"] != pytest.approx(perplexity["before"])
    assert (perplexity["ci95"], perplexity["unit"], perplexity["higher_is_better"]) == (None, "", False)


def test_lora_is_part_of_what_is_offered(tiny_model, folder):
    pytest.importorskip("lm_eval")
    from ssr_connector.model import SSRForConditionalGeneration
    from ssr_connector.model.adapter import add_adapter

    model = SSRForConditionalGeneration.from_pretrained(tiny_model)
    manager = harness.task_manager(["local_endings"], folder)
    before = measure(as_lm(model), ["local_endings"], manager, 0).metrics["local_endings", "perplexity"]
    model.llm = add_adapter(model.llm, "lora", rank=2, alpha=8.0)
    for name, parameter in model.llm.named_parameters():
        if "lora_B" in name:
            torch.nn.init.constant_(parameter, 0.3)
    after = measure(as_lm(model), ["local_endings"], manager, 0).metrics["local_endings", "perplexity"]
    assert abs(after.value - before.value) > 0.1


def test_fewer_items_by_the_limit(tiny_model, folder):
    pytest.importorskip("lm_eval")
    from ssr_connector.model import SSRForConditionalGeneration

    model = SSRForConditionalGeneration.from_pretrained(tiny_model)
    found = measure(as_lm(model), ["local_choices"], harness.task_manager(["local_choices"], folder), 3)
    assert found.metrics["local_choices", "acc"].n == 3


def test_what_is_missing_is_named(folder, tmp_path):
    pytest.importorskip("lm_eval")
    with pytest.raises(UserError, match="no task 'nosuch'"):
        harness.task_manager(["nosuch"], folder)
    with pytest.raises(UserError, match=r"no folder .*gone"):
        harness.task_manager(["local_choices"], tmp_path / "gone")
    (folder / "endings.jsonl").unlink()
    with pytest.raises(UserError, match="data of the task local_endings"):
        harness.task_manager(["local_endings"], folder)


def test_without_lm_eval_one_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lm_eval", None)
    with pytest.raises(UserError, match=r"-e .\.\[eval\]"):
        harness.task_manager(["x"], None)


def test_only_means_are_paired():
    assert mean_of([1, 0, 1, 1], 0.75) == [1, 0, 1, 1]
    assert mean_of([-1.0, -3.0], math.exp(2)) is None
    assert mean_of([(1, 2), (3, 4)], 0.5) is None
    assert mean_of([], 0.0) is None


def test_groups_are_taken_apart_to_their_tasks():
    assert leaves("g", {"g": ["h", "a"], "h": ["b", "c"]}) == ["b", "c", "a"]
    assert leaves("a", {"g": ["a"]}) == ["a"]


def test_a_change_is_paired_item_by_item():
    def measured(right):
        return Measurement({("t", "acc"): Measured(sum(right) / len(right), right, len(right), True)}, {})

    better = row("s", ("t", "acc"), measured([1.0, 0.0] * 50), measured([1.0, 1.0] * 50), 500)
    assert (better["before"], better["after"], better["change"]) == (50, 100, 50)
    worse = row("s", ("t", "acc"), measured([1.0] * 100), measured([0.0] * 5 + [1.0] * 95), 500)
    assert worse["change"] == pytest.approx(-5)
    assert worse["ci95"][1] < 0 < 5 < -worse["ci95"][0] < 15
