import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from rich.console import Console

from ssr_connector.cli import main
from ssr_connector.cli.evaluate import chosen_tasks, named, report
from ssr_connector.config import Recipe
from ssr_connector.data import CORPORA
from ssr_connector.data.cuts import read_cuts
from ssr_connector.data.shar_output import write_shar
from ssr_connector.errors import UserError

QUESTION = {
    "context": {"text": "Anna found the old lamp in the"},
    "choices": [{"text": "garden."}, {"text": "silver key."}],
    "prompt": "",
}
TASK = """\
task: local
dataset_path: json
dataset_kwargs:
  data_files: {{test: {folder}/local.jsonl}}
  cache_dir: {folder}/cache
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
metric_list:
  - metric: acc
"""


@pytest.fixture(scope="module")
def tuned(tiny_model, tmp_path_factory):
    """A checkpoint whose LLM learnt to answer the other way round: its output embeddings are turned about."""
    from ssr_connector.model import SSRForConditionalGeneration

    model = SSRForConditionalGeneration.from_pretrained(tiny_model)
    model.config.llm_trained = True
    with torch.no_grad():
        model.llm.get_output_embeddings().weight.mul_(-1)
    folder = tmp_path_factory.mktemp("tuned") / "model"
    model.save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def best(tiny_model):
    """What the base LLM chooses."""
    from ssr_connector.model import SSRForConditionalGeneration

    model = SSRForConditionalGeneration.from_pretrained(tiny_model)
    context = [QUESTION["context"]["text"]]
    scores = model.loglikelihood([(context, [" " + choice["text"]]) for choice in QUESTION["choices"]])
    return 0 if scores[0].total > scores[1].total else 1


def test_a_task_that_is_only_spoken_brings_its_ceiling_in_writing(tmp_path):
    for file in ("swuggy.jsonl", "storycloze.jsonl", "sblimp.jsonl"):
        (tmp_path / file).touch()
    assert chosen_tasks("swuggy,storycloze", tmp_path, None) == ["swuggy", "storycloze", "wuggy"]
    assert chosen_tasks("blimp,sblimp", tmp_path, None) == ["blimp", "sblimp"]


def test_speech_mmlu_is_asked_for_in_all_its_forms_that_there_are(tmp_path):
    with pytest.raises(UserError, match=r"the task spoken_mmlu needs .*mmlu\.jsonl, which is missing"):
        chosen_tasks("speech_mmlu", tmp_path, None)
    (tmp_path / "mmlu.jsonl").touch()
    assert chosen_tasks("speech_mmlu,mmlu", tmp_path, None) == ["spoken_mmlu", "mmlu"]
    (tmp_path / "mmlu_text_options.jsonl").touch()
    assert chosen_tasks("speech_mmlu", tmp_path, None) == ["spoken_mmlu", "spoken_mmlu_text_options"]


def test_a_folder_with_an_equals_sign_is_no_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=3e-4" / "model").mkdir(parents=True)
    assert named("runs/lr=3e-4/model") == ("lr=3e-4", Path("runs/lr=3e-4/model"))
    assert named("lr=3e-4/model") == ("lr=3e-4", Path("lr=3e-4/model"))
    assert named("ssr=runs/lr=3e-4/model") == ("ssr", Path("runs/lr=3e-4/model"))
    assert named("ssr=runs/mine/model") == ("ssr", Path("runs/mine/model"))
    assert named("runs/mine/model") == ("mine", Path("runs/mine/model"))


def test_written_tasks_that_lose_more_than_allowed_give_status_3(tuned, tiny_model, best, tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    rows = [{"id": f"q{k}", "answer": best, **QUESTION} for k in range(4)]
    (data / "blimp.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    words = ["evaluate", f"tuned={tuned}", "--data", str(data), "--out", str(tmp_path / "out")]
    words += ["--evaluation.bootstrap", "20", "--fail-if-text-drops"]
    assert main([*words, "100"]) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    (change,) = [f for f in results["figures"] if "_text_change_" in f["name"]]
    assert change["value"] == -100
    assert main([*words, "50"]) == 3
    assert "tuned lost 100.0 points on the text task blimp_original" in capsys.readouterr().err.splitlines()[-1]
    words[1] = f"ssr={tiny_model}"  # whose LLM was not trained
    assert main([*words, "0"]) == 0


def test_tasks_of_the_harness_alone(tuned, best, tmp_path, capsys):
    pytest.importorskip("lm_eval")
    question, choices = QUESTION["context"]["text"], [c["text"] for c in QUESTION["choices"]]
    rows = [{"question": question, "choices": choices, "answer": best if k else 1 - best} for k in range(5)]
    (tmp_path / "local.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (tmp_path / "local.yaml").write_text(TASK.format(folder=tmp_path))
    words = ["evaluate", f"tuned={tuned}", "--harness", "local", "--harness-dir", str(tmp_path)]
    words += ["--out", str(tmp_path / "out"), "--fail-if-text-drops", "2.5"]
    assert main(words) == 3
    said = capsys.readouterr()
    assert "tuned lost 60.0 points on the text task local (acc)" in said.err
    (row,) = json.loads((tmp_path / "out" / "harness.json").read_text())["rows"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["harness"]["rows"] == [row]
    assert (results["harness"]["items"], results["harness"]["tasks"]) == (0, ["local"])
    assert results["harness"]["seconds"]["tuned"] > 0
    for name in ("report.md", "report.html"):
        text = (tmp_path / "out" / name).read_text()
        assert "lm-evaluation-harness" in text
        assert "80.0 %" in text
        assert "No task was evaluated" not in text
    assert (row["before"], row["after"], row["n"]) == (80, 20, 5)
    assert "60.0" in said.out


def test_what_an_earlier_run_found_stays_beside_the_harness(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps({"title": "mine", "rows": [], "command": "ssr evaluate a"}))
    how = {"command": "ssr evaluate b", "commit": "c", "machine": "m", "lm_eval": "0.4", "items": 0, "batch": 8}
    found = {**how, "seconds": {}, "rows": [], "notes": [], "outcomes": {"a": [1.0]}}
    args, console = argparse.Namespace(out=tmp_path), Console(quiet=True)
    report(args, Recipe(), {}, found, console)
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["command"], results["harness"]["command"]) == ("ssr evaluate a", "ssr evaluate b")
    assert "outcomes" not in results["harness"]
    report(args, Recipe(), {"rows": [], "title": "new"}, {}, console)
    assert "harness" not in json.loads((tmp_path / "results.json").read_text())


def test_recognition_over_a_folder_in_the_layout_of_librispeech(tmp_path, tiny_model):
    folder = tmp_path / "test-clean" / "84" / "121123"
    folder.mkdir(parents=True)
    lines = []
    for k, text in enumerate(("ANNA FOUND THE OLD LAMP", "THE KING SLEEPS", "TOM WANTED TEA")):
        rng = np.random.default_rng(k)
        soundfile.write(folder / f"84-121123-{k:04}.flac", 0.1 * rng.standard_normal(24000), 16000)
        lines.append(f"84-121123-{k:04} {text}")
    (folder / "84-121123.trans.txt").write_text("\n".join(lines) + "\n")
    out = tmp_path / "results"
    words = ["evaluate", f"ssr={tiny_model}", "--cuts", str(tmp_path / "test-clean"), "--out", str(out)]
    words += ["--evaluation.beams", "2", "--evaluation.asr_shots", "1", "--evaluation.bootstrap", "20"]
    assert main(words) == 0
    figures = {f["name"]: f for f in json.loads((out / "results.json").read_text())["figures"]}
    for measure in ("wer", "cer", "hallucination"):
        assert figures[f"asr_{measure}_ssr"]["n"] == 3
        assert figures[f"asr_{measure}_ssr_1_shot"]["n"] == 2
    assert (out / "cuts" / "cuts.jsonl.gz").is_file()


def test_asr_is_the_task_of_cuts_and_others_need_their_folder(tmp_path):
    with pytest.raises(UserError, match=r"the task asr needs recordings .*: give --cuts"):
        chosen_tasks("asr,swuggy", tmp_path, None)
    with pytest.raises(UserError, match=r"the task swuggy needs the folder .*: give --data"):
        chosen_tasks("asr,swuggy", None, Path("cuts.jsonl.gz"))
    (tmp_path / "sblimp.jsonl").touch()
    assert chosen_tasks("asr", None, Path("cuts.jsonl.gz")) == []
    assert chosen_tasks("asr,sblimp", tmp_path, Path("cuts.jsonl.gz")) == ["sblimp", "blimp"]


def test_a_shar_folder_is_cuts_too(tiny_corpus, tiny_model, tmp_path):
    write_shar(list(read_cuts(tiny_corpus / "dev.jsonl.gz")), tmp_path / "dev-shar", 3)
    command = ["evaluate", f"ssr={tiny_model}", "--cuts", str(tmp_path / "dev-shar"), "--out", str(tmp_path / "out")]
    assert main([*command, "--evaluation.bootstrap", "20"]) == 0
    figures = {f["name"]: f for f in json.loads((tmp_path / "out" / "results.json").read_text())["figures"]}
    assert figures["asr_wer_ssr"]["n"] == 4
    assert not (tmp_path / "out" / "cuts").exists()


def test_which_part_of_a_corpus_is_measured_is_said(tiny_corpus, tiny_model, tmp_path, capsys):
    corpus = tmp_path / "cy"
    (corpus / "clips").mkdir(parents=True)
    for k, name in enumerate(("train", "test")):
        shutil.copy(tiny_corpus.parent / f"u0{k}.wav", corpus / "clips" / f"{name}.wav")
        (corpus / f"{name}.tsv").write_text(f"client_id\tpath\tsentence\na\t{name}.wav\tAnna found the lamp.\n")
    command = [
        "evaluate",
        f"ssr={tiny_model}",
        "--out",
        str(tmp_path / "out"),
        "--evaluation.bootstrap",
        "20",
        "--cuts",
    ]
    assert main([*command, str(corpus)]) == 2
    assert "is laid out as commonvoice" in capsys.readouterr().err
    assert main([*command, str(tiny_corpus / "dev.jsonl.gz"), "--subset", "test"]) == 2
    assert "not with cuts" in capsys.readouterr().err
    assert main([*command, str(corpus), "--subset", "test"]) == 0
    assert "(commonvoice, subset test): 1 cuts" in capsys.readouterr().out
    assert [cut.id for cut in read_cuts(tmp_path / "out" / "cuts" / "cuts.jsonl.gz")] == ["test"]


def test_training_and_test_data_of_one_folder_are_not_measured_together(tmp_path, capsys):
    for part in ("train-clean-100", "test-clean"):
        chapter = tmp_path / "LibriSpeech" / part / "1" / "2"
        chapter.mkdir(parents=True)
        (chapter / "1-2.trans.txt").write_text("1-2-0000 HI\n")
    words = ["evaluate", "ssr=model", "--out", str(tmp_path / "out"), "--cuts"]
    assert main([*words, str(tmp_path / "LibriSpeech")]) == 2
    assert "LibriSpeech holds test-clean, train-clean-100: give the folder of the one" in capsys.readouterr().err
    assert CORPORA["librispeech"].parts(tmp_path / "LibriSpeech" / "test-clean") == ["test-clean"]
    for part in ("TRAIN", "TEST"):
        (tmp_path / "timit" / part).mkdir(parents=True)
    assert CORPORA["timit"].parts(tmp_path / "timit") == ["TEST", "TRAIN"]
