import copy
import dataclasses
import json
import subprocess
from types import SimpleNamespace

import pytest
import torch

from ssr_connector.config import ConnectorConfig, EvaluationSection
from ssr_connector.connectors import build_connector
from ssr_connector.errors import UserError
from ssr_connector.evaluation.comparison import Spec, check_same_base, commit, compare
from ssr_connector.evaluation.identity import code
from ssr_connector.model import SSRConfig


def test_other_ears_and_another_llm_are_refused():
    def heard(layer, weight, **of_llm):
        identity = {"model_type": "llama", "vocabulary": "v", "embeddings": [0.1, 0.2], **of_llm}
        config = SSRConfig(encoder_name="e", encoder_layer=layer, llm_identity=identity)
        return SimpleNamespace(config=config, aligner=SimpleNamespace(state_dict=lambda: {"w": torch.tensor([weight])}))

    check_same_base("a", heard(1, 0.5), "b", heard(1, 0.5))
    check_same_base("a", heard(1, 0.5), "b", heard(1, 0.5, embeddings=[0.1001, 0.2]))  # the same in half precision
    for other in (heard(2, 0.5), heard(1, 0.6)):
        with pytest.raises(UserError, match="b hears through another encoder or aligner than a"):
            check_same_base("a", heard(1, 0.5), "b", other)
    for of_llm in ({"vocabulary": "w"}, {"embeddings": [0.3, 0.2]}, {"model_type": "gemma"}):
        with pytest.raises(UserError, match=r"^b stands on another LLM than a; evaluate it on its own$"):
            check_same_base("a", heard(1, 0.5), "b", heard(1, 0.5, **of_llm))


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
    rival = copy.deepcopy(model)  # other tests share the model
    other = ConnectorConfig(type="conv", layers=0)
    rival.connector = build_connector(other, rival.encoder.width, rival.llm.config)
    rival.config.connector = dataclasses.asdict(other)
    rival.save_pretrained(str(tmp_path / "rival"))
    systems = {"ssr": tmp_path / "model", "strided": tmp_path / "rival"}
    spec = Spec(systems, ["spoken_mmlu", "mmlu"], tmp_path, None, EvaluationSection(bootstrap=20))
    results = compare(spec, lambda line: None, lambda *_: None)
    names = {f["name"] for f in results["figures"]}
    assert {"mmlu_text", "spoken_mmlu_text", "spoken_mmlu_ssr", "spoken_mmlu_cascade", "spoken_mmlu_oracle"} <= names
    assert "spoken_mmlu_ssr_minus_baseline" in names  # whatever the rival is called
    assert results["baselines"] == ["strided"]
    assert all(r["n"] == 2 for r in results["rows"])
    json.dumps(results)  # ready to be written


def test_the_code_is_all_but_recipes_wherever_it_lies(tmp_path):
    found = []
    for name, files in (
        ("recipes", ["a.py"]),
        ("b", ["a.py", "recipes/own.yaml", "__pycache__/a.pyc"]),
        ("c", ["b.py"]),
    ):
        for file in files:
            (tmp_path / name / "package" / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / "package" / file).write_text("1")
        found.append(code(tmp_path / name / "package"))
    assert found[0] == found[1] != found[2]


def test_a_package_inside_somebody_s_repository_is_not_their_commit(tmp_path):
    def git(*words):
        found = subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True, text=True)
        return found.stdout.strip()

    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("a = 1\n")
    git("init")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--allow-empty", "-m", "theirs")
    theirs = git("describe", "--always")
    assert theirs not in commit(package)
    assert commit(package).endswith(code(package))
    git("add", "pack")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "ours")
    assert commit(package) == git("describe", "--always")
