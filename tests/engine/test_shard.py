"""Shards of files, and what becomes of any shard: one result, whole, wherever it was made."""

import os
from pathlib import Path

import pytest

from ssr_connector.data.cut_shards import cut_shards
from ssr_connector.data.cuts import read_manifests
from ssr_connector.engine.shard import commit, file_shards, pack, unpack


@pytest.fixture(scope="module")
def cuts(tiny_corpus):
    return read_manifests([tiny_corpus / "train.jsonl.gz"])


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{size}.wav" for size in (300, 100, 200, 900, 50)]
    for path in paths:
        path.write_bytes(bytes(int(path.stem)))
    return [*paths, Path("/nowhere.wav")]


def test_files_are_sliced_by_what_they_take_on_disk(files):
    sizes = [[path.stem for path in shard.items] for shard in file_shards(files, 400e-6, [])]
    assert sizes == [["300", "100"], ["200"], ["900"], ["50", "nowhere"]]
    assert [shard.size for shard in file_shards(files, 400e-6, [])] == [2, 1, 1, 2]
    assert file_shards([], 1.0, []) == []


def test_a_file_that_changes_makes_another_shard_and_no_other(files):
    def now(identity=("facts",)):
        return [shard.key for shard in file_shards(files, 400e-6, identity)]

    before = now()
    assert now() == before
    assert not set(now(("others",))) & set(before)
    os.utime(files[2], (1000, 1000))
    assert [a == b for a, b in zip(before, now(), strict=True)] == [True, False, True, True]


def test_a_shard_travels(cuts, files):
    for shard in [*cut_shards([*cuts, cuts[0].mix(cuts[1])], 4.0, [], with_text=True), *file_shards(files, 1.0, [])]:
        assert unpack(pack(shard)) == shard


def test_what_is_committed_is_not_done_again_and_what_fails_is_not_committed(cuts, tmp_path):
    (shard,) = cut_shards(cuts, 1e9, [], with_text=True)
    calls = []

    def work(cuts, folder, tick):
        calls.append(len(cuts))
        (folder / "result").write_text("half")
        if len(calls) == 1:
            raise KeyboardInterrupt
        (folder / "result").write_text("whole")

    with pytest.raises(KeyboardInterrupt):
        commit(work, shard, tmp_path, lambda _: None)
    assert not list(tmp_path.iterdir())
    for _ in range(2):
        commit(work, shard, tmp_path, lambda _: None)
    assert calls == [12, 12]
    assert (tmp_path / shard.key / "result").read_text() == "whole"


def test_of_two_workers_at_one_shard_the_first_result_stays(cuts, tmp_path):
    (shard,) = cut_shards(cuts, 1e9, [], with_text=True)

    def slow(_, folder, tick):
        (folder / "result").write_text("second")
        new = tmp_path / shard.key  # the other one, meanwhile
        new.mkdir()
        (new / "result").write_text("first")

    commit(slow, shard, tmp_path, lambda _: None)
    assert (tmp_path / shard.key / "result").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == [shard.key]
