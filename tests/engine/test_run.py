"""A stage over all shards: only what is left, in the order of the shards, and no hole unnoticed."""

import pytest

from ssr_connector.data.cut_shards import cut_shards
from ssr_connector.data.cuts import read_manifests
from ssr_connector.engine import LocalEngine
from ssr_connector.engine.run import discard, keep_only, run_shards


class Ids:
    """Writes the ids of cuts, and stops before the one of that number."""

    def __init__(self, stops_at=None):
        self.done, self.stops_at = [], stops_at

    def load(self):
        return self.work

    def work(self, cuts, folder, tick):
        if len(self.done) == self.stops_at:
            raise KeyboardInterrupt
        self.done.append(cuts[0].id)
        (folder / "ids").write_text(" ".join(cut.id for cut in cuts))
        tick(sum(cut.duration for cut in cuts))


class Forgetful:
    """An engine that loses the last shard."""

    def run(self, stage, shards, folder, tick):
        LocalEngine().run(stage, shards[:-1], folder, tick)


@pytest.fixture
def shards(tiny_corpus):
    return cut_shards(read_manifests([tiny_corpus / "train.jsonl.gz"]), 4.0, [], with_text=True)


def quiet(*_):
    pass


def test_a_run_that_is_stopped_goes_on(shards, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_shards(Ids(stops_at=2), shards, tmp_path, LocalEngine(), quiet)
    (tmp_path / f"{shards[2].key}.tmp-elsewhere-1").mkdir()  # as a killed process leaves it
    stage, seen = Ids(), []
    folders = run_shards(stage, shards, tmp_path, LocalEngine(), lambda *told: seen.append(told))
    assert stage.done == [shard.items[0].id for shard in shards[2:]]
    assert [f.name for f in folders] == [shard.key for shard in shards]
    assert {p.name for p in tmp_path.iterdir()} == {shard.key for shard in shards}
    assert [(folder / "ids").read_text().split() for folder in folders] == [[c.id for c in s.items] for s in shards]
    total_s = round(sum(shard.size for shard in shards))
    assert seen[0][:2] == (round(sum(shard.size for shard in shards[:2])), total_s)
    assert seen[-1][:2] == (total_s, total_s)
    run_shards(Ids(stops_at=0), shards, tmp_path, LocalEngine(), quiet)  # nothing is left


def test_a_shard_that_an_engine_loses_is_noticed(shards, tmp_path):
    with pytest.raises(RuntimeError, match=f"1 of {len(shards)} shards are missing"):
        run_shards(Ids(), shards, tmp_path, Forgetful(), quiet)


def test_results_of_other_runs_are_removed(shards, tmp_path):
    run_shards(Ids(), shards, tmp_path / "shards", LocalEngine(), quiet)
    keep_only(shards[:1], tmp_path / "shards")
    assert [p.name for p in (tmp_path / "shards").iterdir()] == [shards[0].key]
    discard(tmp_path / "shards")
    assert not tmp_path.exists()
