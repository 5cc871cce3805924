"""Several processes (gloo) against one, through the command line."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

TIMEOUT_S = 240


def command(base, out, *words, processes=1, stage="distill"):
    launcher = [sys.executable, "-m"]
    if processes > 1:
        launcher += ["torch.distributed.run", "--standalone", f"--nproc_per_node={processes}", "-m"]
    train = ["ssr_connector", "train", stage, "--config", str(base / "recipe.yaml"), "--out", str(out)]
    return [*launcher, *train, "--connector.dropout", "0", "--training.batch_s", "4", *words]


def environment():
    return os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}


def losses(out):
    return [(r["step"], r["loss"], r.get("dev_loss")) for r in map(json.loads, (out / "metrics.jsonl").open())]


def flat(rows):
    return [x for row in rows for x in row if x is not None]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_two_processes_take_the_steps_of_one_with_twice_the_batches(base, tmp_path, optimizer):
    words = ["--training.steps", "2", "--training.evaluate_every", "2", "--training.optimizer", optimizer]
    subprocess.run(
        command(base, tmp_path / "two", *words, processes=2), env=environment(), check=True, timeout=TIMEOUT_S
    )
    subprocess.run(
        command(base, tmp_path / "one", *words, "--training.accumulate", "2"),
        env=environment(),
        check=True,
        timeout=TIMEOUT_S,
    )
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == len(two) == 2
    assert [row[:2] for row in two] == [pytest.approx(row[:2], rel=1e-4) for row in one]
    assert (tmp_path / "two" / "model" / "model.safetensors").is_file()


@pytest.mark.slow
def test_units_are_fitted_once_to_what_all_processes_hear(base, tmp_path):
    words = ["--aligner.type", "unity2", "--aligner.units", "8", "--training.steps", "1"]
    for n in (1, 2):
        line = command(base, tmp_path / str(n), *words, processes=n, stage="aligner")
        subprocess.run(line, env=environment(), check=True, timeout=TIMEOUT_S)
    one, two = (np.load(tmp_path / n / "centroids.npy") for n in "12")
    assert one.any()
    assert (one == two).all()


@pytest.mark.slow
@pytest.mark.parametrize("sharding", ["none", "fsdp"])
@pytest.mark.parametrize("seed", range(2))
def test_a_rank_killed_at_any_step_changes_nothing(base, tmp_path, seed, sharding):
    words = ["--training.steps", "12", "--training.checkpoint_every", "1", "--training.sharding", sharding]
    subprocess.run(
        command(base, tmp_path / "whole", *words, processes=2), env=environment(), check=True, timeout=TIMEOUT_S
    )
    run = subprocess.Popen(command(base, tmp_path / "killed", *words, processes=2), env=environment())
    rng = random.Random(seed)
    wanted = rng.randint(2, 9)
    deadline = time.monotonic() + TIMEOUT_S
    metrics = tmp_path / "killed" / "metrics.jsonl"
    while time.monotonic() < deadline and (not metrics.is_file() or len(metrics.read_text().splitlines()) < wanted):
        pass
    ranks = subprocess.run(["pgrep", "-P", str(run.pid)], capture_output=True, text=True, check=True).stdout.split()
    os.kill(int(rng.choice(ranks)), signal.SIGKILL)
    assert run.wait(timeout=TIMEOUT_S) != 0
    assert not (tmp_path / "killed" / "model").exists()
    subprocess.run(
        command(base, tmp_path / "killed", *words, processes=2), env=environment(), check=True, timeout=TIMEOUT_S
    )
    assert flat(losses(tmp_path / "killed")) == pytest.approx(flat(losses(tmp_path / "whole")), rel=1e-5)
