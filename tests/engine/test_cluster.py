"""A Ray cluster of two workers on this machine: what is killed is done again, nothing else is."""

import signal
import subprocess
import sys

import pytest

from ssr_connector.data.cuts import read_manifests
from ssr_connector.engine.cluster import RayEngine
from ssr_connector.engine.shard import cut_shards
from ssr_connector.errors import UserError

pytest.importorskip("ray")


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(counting, encoded, tiny_corpus, tiny_encoder, tmp_path):
    log, out = tmp_path / "calls", tmp_path / "frames"
    killer = counting.kill_a_busy_worker(log)
    n, rejected = counting.encode(tiny_corpus / "train.jsonl.gz", tiny_encoder, out, log, RayEngine(2))
    killer.join()
    assert (n, rejected) == (12, [])
    assert counting.files(out) == counting.files(encoded)
    calls = counting.Calls.read(log)
    assert set(calls.ended.values()) == {1}
    assert sorted(calls.begun.values()) == [1] * (len(calls.begun) - 1) + [2]  # the killed one


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_goes_on(how, counting, encoded, tiny_corpus, tiny_encoder, tmp_path):
    log, out = tmp_path / "calls", tmp_path / "frames"
    words = ["ray", tiny_corpus / "train.jsonl.gz", tiny_encoder, out, log]
    run = subprocess.Popen([sys.executable, counting.__file__, *map(str, words)])
    counting.until(lambda: sum(counting.Calls.read(log).ended.values()) >= 2)
    run.send_signal(how)
    assert run.wait(60) != 0
    assert not (out / "index.json").exists()
    committed = {p.name for p in (out / "shards").iterdir() if ".tmp-" not in p.name}
    assert committed
    before = counting.Calls.read(log)
    again = tmp_path / "calls again"
    assert counting.encode(tiny_corpus / "train.jsonl.gz", tiny_encoder, out, again, RayEngine(2), 0.0)[0] == 12
    assert counting.files(out) == counting.files(encoded)
    left = counting.Calls.read(again)
    assert set(left.begun.values()) == {1}
    assert len(left.begun) == len(list((out / "shards").iterdir())) - len(committed)
    assert before.ended.keys() | left.ended.keys() == before.begun.keys() | left.begun.keys()


@pytest.mark.slow
@pytest.mark.parametrize("error", [UserError("mend it"), OSError(28, "No space left on device"), ValueError("a bug")])
def test_what_the_work_raises_comes_back(error, counting, tiny_corpus, tmp_path):
    shards = cut_shards(read_manifests([tiny_corpus / "dev.jsonl.gz"]), 4.0, [], with_text=True)
    with pytest.raises(Exception, match=r"mend it|No space|a bug") as caught:
        RayEngine(2).run(counting.FailingStage(error), shards, tmp_path, lambda _: None)
    if not isinstance(error, ValueError):  # what the user can mend is one sentence, a bug is a traceback
        assert isinstance(caught.value, type(error))
        assert str(caught.value) == str(error)


def test_a_cluster_that_is_not_there_is_said(counting, tiny_corpus, tiny_encoder, tmp_path):
    cuts, engine = tiny_corpus / "train.jsonl.gz", RayEngine(2, "auto")
    with pytest.raises(UserError, match=r"no Ray cluster at auto"):
        counting.encode(cuts, tiny_encoder, tmp_path / "frames", tmp_path / "calls", engine)
