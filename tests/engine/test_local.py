"""Shards in processes of this machine: the same files, and no process that outlives its driver."""

import signal
import subprocess
import sys

import pytest

from ssr_connector.data.cut_shards import cut_shards
from ssr_connector.data.cuts import read_manifests
from ssr_connector.engine import LocalEngine, build_engine
from ssr_connector.errors import UserError


@pytest.mark.slow
def test_processes_change_nothing(counting, encoded, tiny_corpus, tiny_encoder, tmp_path):
    log, out = tmp_path / "calls", tmp_path / "frames"
    counting.encode(tiny_corpus / "train.jsonl.gz", tiny_encoder, out, log, LocalEngine(2), 0.0)
    assert counting.files(out) == counting.files(encoded)
    calls = counting.Calls.read(log)
    assert set(calls.begun.values()) == set(calls.ended.values()) == {1}


@pytest.mark.slow
def test_a_killed_worker_is_said_and_the_run_goes_on(counting, encoded, tiny_corpus, tiny_encoder, tmp_path):
    log, out, manifest = tmp_path / "calls", tmp_path / "frames", tiny_corpus / "train.jsonl.gz"
    second = counting.name_of(cut_shards(read_manifests([manifest]), counting.SHARD_S, [], with_text=False)[1].items)
    with pytest.raises(UserError, match="a process was killed"):
        counting.encode(manifest, tiny_encoder, out, log, LocalEngine(2), dies_at=second)
    n, _ = counting.encode(tiny_corpus / "train.jsonl.gz", tiny_encoder, out, log, LocalEngine(2), 0.0)
    assert n == 12
    assert counting.files(out) == counting.files(encoded)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_goes_on(how, counting, encoded, tiny_corpus, tiny_encoder, tmp_path):
    log, out = tmp_path / "calls", tmp_path / "frames"
    words = ["local", tiny_corpus / "train.jsonl.gz", tiny_encoder, out, log]
    run = subprocess.Popen([sys.executable, counting.__file__, *map(str, words)])
    committed = counting.stop(run, how, out, log)
    assert not (out / "index.json").exists()
    again = tmp_path / "calls again"
    assert counting.encode(tiny_corpus / "train.jsonl.gz", tiny_encoder, out, again, LocalEngine(), 0.0)[0] == 12
    assert counting.files(out) == counting.files(encoded)
    assert set(counting.Calls.read(again).begun.values()) == {1}
    assert sum(counting.Calls.read(again).begun.values()) == len(list((out / "shards").iterdir())) - len(committed)


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_the_work_raises_comes_back(jobs, counting, tiny_corpus, tmp_path):
    shards = cut_shards(read_manifests([tiny_corpus / "dev.jsonl.gz"]), 4.0, [], with_text=True)
    with pytest.raises(UserError, match="mend it"):
        LocalEngine(jobs).run(counting.FailingStage(UserError("mend it")), shards, tmp_path, lambda _: None)
    assert not [p for p in tmp_path.iterdir() if ".tmp-" not in p.name]


@pytest.mark.parametrize(
    ("values", "message"),
    [(("local", 0), "--jobs is at least 1"), (("local", 1, "auto"), "--address goes with --engine ray")],
)
def test_what_does_not_go_together_is_refused(values, message):
    with pytest.raises(UserError, match=message):
        build_engine(*values)


def test_without_ray_it_is_said_what_to_install(monkeypatch, counting, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install -e '.\[ray\]'"):
        build_engine("ray", 2).run(counting.FailingStage(UserError("no")), [], tmp_path, lambda _: None)


def test_processes_say_how_far_they_are_within_a_shard(counting, tiny_corpus, tmp_path):
    cuts = read_manifests([tiny_corpus / "dev.jsonl.gz"])
    shards = cut_shards(cuts, 4.0, [], with_text=True)
    told = []

    def tick(size):
        told.append(size)
        if size:
            (tmp_path / "heard").touch()

    LocalEngine(2).run(counting.TickingStage(tmp_path / "heard"), shards, tmp_path, tick)
    assert sum(told) == pytest.approx(sum(cut.duration for cut in cuts))
