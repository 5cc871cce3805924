"""FSDP2 on two processes (gloo) against one, and checkpoints that another number of processes takes up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ssr_connector.config import load_recipe
from ssr_connector.model import SSRForConditionalGeneration
from ssr_connector.training import stages
from ssr_connector.training.checkpoint import trainable
from ssr_connector.training.loop import Student
from ssr_connector.training.processes import processes
from ssr_connector.training.sharding import local, rows, shard, units, unshard

TIMEOUT_S = 280
STAGES = {
    "aligner": stages.train_aligner,
    "distill": stages.train_connector,
    "stack": stages.train_connector,
    "finetune": stages.finetune,
}
SHARDED = "--training.sharding=fsdp"
# Within an epoch: its last batches are dealt out so that every process has one, some of them twice.
SAME_ON_ALL = [
    "--connector.dropout=0",
    "--aligner.dropout=0",
    "--training.batch_s=4",
    "--training.checkpoint_every=100",
]


def run(jobs):
    """Train (recipe, variant, words) one after the other."""
    for recipe, variant, words in jobs:
        STAGES[variant](load_recipe(Path(recipe), variant, words), lambda *_: None)


def run_on_two(jobs, folder, model=None):
    """The same on two processes; and what `share` says of each one's share of a model."""
    (folder / "jobs.json").write_text(json.dumps(jobs))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    words = [str(folder), *([str(model)] if model else [])]
    subprocess.run([*launcher, __file__, *words], env=environment, check=True, timeout=TIMEOUT_S)


def share(model):
    """Numbers that this process holds of a sharded model, and in all; whether it is the same again when whole."""
    before = {k: v.clone() for k, v in model.state_dict().items()}
    model.requires_grad_(False)
    model.connector.requires_grad_(True)
    student = Student(model, [])
    shard(student, "no")
    held = sum(local(p).numel() for p in student.parameters())
    in_their_rows = all(torch.equal(before[k[8:]][rows(p)], local(p)) for k, p in trainable(student).items())
    unshard(model)
    after = model.state_dict()
    whole = all(torch.equal(after[k], before[k]) for k in before)
    return held, sum(p.numel() for p in model.parameters()), in_their_rows, whole


def rows_of(out):
    return [(r["step"], r["loss"], r["gradient_norm"]) for r in map(json.loads, (out / "metrics.jsonl").open())]


def assert_same(one, two, rel=1e-4, share_apart=0.0):
    """Figures of all steps, and the model that is left, but for a share of its numbers.

    In bfloat16 a gradient near 0 may round to the other sign, and Adam steps as far whichever way.
    """
    assert [r[0] for r in rows_of(one)] == [r[0] for r in rows_of(two)]
    assert rows_of(two) == [pytest.approx(r, rel=rel) for r in rows_of(one)]
    (first,) = [load_file(f) for f in one.glob("*/*.safetensors")]
    (second,) = [load_file(f) for f in two.glob("*/*.safetensors")]
    assert first.keys() == second.keys()
    assert all(second[key].dtype == value.dtype for key, value in first.items())
    near = [((second[key].float() - value.float()).abs() <= 2e-4).flatten() for key, value in first.items()]
    assert torch.cat(near).double().mean() >= 1 - share_apart  # what is not a number is near to nothing


@pytest.mark.slow
def test_two_take_the_steps_of_one_and_one_goes_on_where_two_stopped(base, tiny_model, tmp_path):
    recipe, two, one = str(base / "recipe.yaml"), tmp_path / "two", tmp_path / "one"
    words = [*SAME_ON_ALL, "--data.dev=", "--training.schedule=constant"]
    job = (recipe, "distill", [*words, SHARDED, "--training.steps=2", f"--out={two}"])
    run_on_two([job], tmp_path, tiny_model)
    shares = [json.loads((tmp_path / f"share-{k}.json").read_text()) for k in range(2)]
    assert sum(held for held, *_ in shares) == shares[0][1]
    assert all(0.4 < held / total < 0.6 and placed and whole for held, total, placed, whole in shares)
    (state,) = (two / "checkpoints").iterdir()
    assert sorted(p.name for p in state.iterdir()) == [
        "position.json", "state-00001-of-00002.safetensors", "state-00002-of-00002.safetensors",
    ]  # fmt: skip

    alone = [*words, "--training.accumulate=2", "--training.steps=4"]
    run([(recipe, "distill", [*alone, f"--out={one}"])])
    assert rows_of(two) == [pytest.approx(r, rel=1e-4) for r in rows_of(one)[:2]]
    saved = json.loads((two / "recipe.json").read_text())
    saved["training"]["steps"] = 4  # as a run of four steps that was stopped after two
    (two / "recipe.json").write_text(json.dumps(saved))
    run([(recipe, "distill", [*alone, SHARDED, f"--out={two}"])])  # one process has nothing to divide
    assert_same(one, two)


def test_what_is_gathered_at_once(tiny_model):
    model = SSRForConditionalGeneration.from_pretrained(str(tiny_model))
    found = units(Student(model, []))
    layers = [*model.connector.decoder.decoder.layers, *model.llm.model.layers]
    assert found[0] is model.encoder
    assert set(found[1:]) == {*layers, model.llm.lm_head}
    model.llm.lm_head.weight = model.llm.model.embed_tokens.weight  # tied: both are needed at any time
    assert model.llm.lm_head not in units(Student(model, []))


@pytest.fixture(scope="module")
def tied_llm(tiny_llm, tmp_path_factory):
    """The tiny LLM with one table for its input and its output."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("tied")
    config = AutoConfig.from_pretrained(tiny_llm)
    config.tie_word_embeddings = True
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_llm).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_every_way_to_train_does_the_same_on_two(base, distilled, tied_llm, tmp_path):
    start, checkpointed = f"--training.start_from={distilled / 'model'}", "--training.gradient_checkpointing=true"
    low_rank = [
        "--training.adapter=lora",
        "--training.adapter_rank=2",
        "--training.adapter_merge=true",
        "--llm.dtype=bfloat16",
    ]
    cases = {
        "aligner": ("aligner", []),
        "distill": ("distill", ["--training.evaluate_every=1"]),
        "llm": ("finetune", [start, checkpointed]),
        "lora": ("finetune", [start, checkpointed, *low_rank]),
        "bf16": ("finetune", [start, "--training.objectives={text_kl: 1, speech_lm: 1}", "--training.precision=bf16"]),
        "encoding": ("stack", ["--connector.layers=1", "--data.frames=null"]),
        "tied": (
            "stack",
            [f"--llm.name={tied_llm}", "--training.train=[connector, llm]", "--training.objectives={transcribe: 1}"],
        ),
    }
    words, recipe = [*SAME_ON_ALL, "--training.steps=2"], str(base / "recipe.yaml")
    plain, two = ["--training.accumulate=4"], ["--training.accumulate=2", SHARDED]
    run([(recipe, v, [*words, *w, *plain, f"--out={tmp_path / name}-1"]) for name, (v, w) in cases.items()])
    run_on_two(
        [(recipe, v, [*words, *w, *two, f"--out={tmp_path / name}-2"]) for name, (v, w) in cases.items()], tmp_path
    )
    for name in cases:
        tolerances = {"rel": 1e-3, "share_apart": 2e-3} if name == "bf16" else {}
        assert_same(tmp_path / f"{name}-1", tmp_path / f"{name}-2", **tolerances)


@pytest.mark.slow
@pytest.mark.parametrize("then", ["plain", "sharded"])
@pytest.mark.parametrize("first", ["one", "plain", "sharded"])
def test_another_kind_of_run_goes_on(first, then, base, tmp_path):
    recipe = str(base / "recipe.yaml")
    words = [*SAME_ON_ALL, "--data.dev=", "--training.schedule=constant"]
    kinds = {
        "one": (run, ["--training.accumulate=2"]),
        "plain": (lambda jobs: run_on_two(jobs, tmp_path), []),
        "sharded": (lambda jobs: run_on_two(jobs, tmp_path), [SHARDED]),
    }
    out = tmp_path / "changed"
    for kind, steps in ((first, 3), (then, 5)):
        if steps == 5:
            saved = json.loads((out / "recipe.json").read_text())
            saved["training"]["steps"] = 5
            (out / "recipe.json").write_text(json.dumps(saved))
        start, extra = kinds[kind]
        start([(recipe, "distill", [*words, *extra, f"--training.steps={steps}", f"--out={out}"])])
    run([(recipe, "distill", [*words, "--training.accumulate=2", "--training.steps=5", f"--out={tmp_path / 'whole'}"])])
    assert_same(tmp_path / "whole", out)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    run(json.loads((folder / "jobs.json").read_text()))
    for path in sys.argv[2:]:
        found = share(SSRForConditionalGeneration.from_pretrained(path))
        (folder / f"share-{processes().process_index}.json").write_text(json.dumps(found))
