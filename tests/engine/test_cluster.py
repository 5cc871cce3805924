"""A Ray cluster of two workers on this machine: what is killed is done again, nothing else is."""

import importlib.util
import signal
import subprocess
import sys

import pytest

from ssr_connector.aligners.corpus import AlignStage
from ssr_connector.data.cut_shards import cut_shards
from ssr_connector.data.cuts import read_manifests
from ssr_connector.data.inspection import InspectStage
from ssr_connector.data.preparation import prepare
from ssr_connector.encoders.corpus import EncodeStage
from ssr_connector.engine.cluster import RayEngine, actors_of
from ssr_connector.engine.shard import file_shards
from ssr_connector.errors import UserError

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray")


def test_actors_ask_for_gpus_where_there_are_some_and_the_stage_uses_them():
    cluster = {"CPU": 16.0, "GPU": 4.0, "memory": 1e9}
    for uses_gpu, jobs, n_shards, expected in (
        (True, None, 100, (4, {"num_gpus": 1})),
        (True, None, 3, (3, {"num_gpus": 1})),
        (True, 2, 100, (2, {"num_gpus": 1})),
        (True, 8, 100, (8, {"num_gpus": 0.5})),
        (True, 9, 100, (9, {"num_gpus": 1 / 3})),
        (False, None, 100, (16, {"num_cpus": 1})),
    ):
        assert actors_of(cluster, uses_gpu, jobs, n_shards) == expected
    assert actors_of({"CPU": 16.0}, True, None, 100) == (16, {"num_cpus": 1})
    assert (EncodeStage.uses_gpu, AlignStage.uses_gpu, InspectStage.uses_gpu) == (True, True, False)


@needs_ray
@pytest.mark.slow
def test_each_actor_is_shown_a_gpu_of_its_own(counting, tiny_corpus, tmp_path):
    class TwoGPUs(RayEngine):  # as Ray counts them: none need be there
        def _connect(self, ray):
            ray.init("local", num_cpus=2, num_gpus=2, log_to_driver=False, include_dashboard=False)

    shards = file_shards(sorted(tiny_corpus.parent.glob("u*.wav"))[:4], 0.0, [])
    TwoGPUs().run(counting.SeenStage(), shards, tmp_path, lambda _: None)
    assert {(tmp_path / shard.key / "seen").read_text() for shard in shards} == {"0", "1"}


@needs_ray
@pytest.mark.slow
def test_a_killed_worker_changes_nothing(counting, encoded, tiny_corpus, tiny_encoder, tmp_path):
    log, out, manifest = tmp_path / "calls", tmp_path / "frames", tiny_corpus / "train.jsonl.gz"
    second = counting.name_of(cut_shards(read_manifests([manifest]), counting.SHARD_S, [], with_text=False)[1].items)
    n, rejected = counting.encode(manifest, tiny_encoder, out, log, RayEngine(2), dies_at=second)
    assert (n, rejected) == (12, [])
    assert counting.files(out) == counting.files(encoded)
    calls = counting.Calls.read(log)
    assert set(calls.ended.values()) == {1}
    assert calls.begun - calls.ended == {second: 1}


@needs_ray
@pytest.mark.slow
def test_recordings_are_checked_as_in_one_process(counting, tiny_corpus, tmp_path):
    files = [*sorted(tiny_corpus.parent.glob("u*.wav")), tmp_path / "none.wav"]
    rows = [f"{file.stem}\t{file}\tHi you." for file in [*files, files[0]]]  # the last one's id is there already
    table, log = tmp_path / "table.tsv", tmp_path / "calls"
    table.write_text("\n".join(["id\taudio\ttext", *rows]))
    second = counting.name_of(file_shards(files, counting.SHARD_MB, [])[1].items)
    summary = prepare(table, tmp_path / "whole", dev=4)
    assert summary.rejected == {"missing file": 1, "duplicate id": 1}
    assert counting.prepare(table, tmp_path / "shards", log, RayEngine(2), dies_at=second) == summary
    assert counting.files(tmp_path / "shards") == counting.files(tmp_path / "whole")
    calls = counting.Calls.read(log)
    assert len(calls.ended) > 3
    assert calls.begun - calls.ended == {second: 1}


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_goes_on(how, counting, encoded, tiny_corpus, tiny_encoder, tmp_path):
    log, out = tmp_path / "calls", tmp_path / "frames"
    words = ["ray", tiny_corpus / "train.jsonl.gz", tiny_encoder, out, log]
    run = subprocess.Popen([sys.executable, counting.__file__, *map(str, words)])
    committed = counting.stop(run, how, out, log)
    assert not (out / "index.json").exists()
    before = counting.Calls.read(log)
    again = tmp_path / "calls again"
    assert counting.encode(tiny_corpus / "train.jsonl.gz", tiny_encoder, out, again, RayEngine(2), 0.0)[0] == 12
    assert counting.files(out) == counting.files(encoded)
    left = counting.Calls.read(again)
    assert set(left.begun.values()) == {1}
    assert len(left.begun) == len(list((out / "shards").iterdir())) - len(committed)
    assert before.ended.keys() | left.ended.keys() == before.begun.keys() | left.begun.keys()


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("error", [UserError("mend it"), OSError(28, "No space left on device"), ValueError("a bug")])
def test_what_the_work_raises_comes_back(error, counting, tiny_corpus, tmp_path):
    shards = cut_shards(read_manifests([tiny_corpus / "dev.jsonl.gz"]), 4.0, [], with_text=True)
    with pytest.raises(Exception, match=r"mend it|No space|a bug") as caught:
        RayEngine(2).run(counting.FailingStage(error), shards, tmp_path, lambda _: None)
    if not isinstance(error, ValueError):  # what the user can mend is one sentence, a bug is a traceback
        assert isinstance(caught.value, type(error))
        assert str(caught.value) == str(error)


@needs_ray
@pytest.mark.parametrize("address", ["auto", pytest.param("127.0.0.1:9", marks=pytest.mark.slow)])
def test_a_cluster_that_is_not_there_is_said(address, counting, tiny_corpus, tiny_encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))  # not the name of a cluster that was here once
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    cuts, engine = tiny_corpus / "train.jsonl.gz", RayEngine(2, address)
    with pytest.raises(UserError, match=rf"no Ray cluster at {address}"):
        counting.encode(cuts, tiny_encoder, tmp_path / "frames", tmp_path / "calls", engine)
