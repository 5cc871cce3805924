"""Slices of a corpus: nothing lost, named after all that their results follow from."""

import os
from pathlib import Path

import pytest
from lhotse import AudioSource
from lhotse.utils import fastcopy

from ssr_connector.data.cuts import read_manifests
from ssr_connector.engine.shard import commit, content, cut_shards, file_shards, pack, unpack


@pytest.fixture(scope="module")
def cuts(tiny_corpus):
    return read_manifests([tiny_corpus / "train.jsonl.gz"])


def keys(cuts, shard_s=4.0, identity=("model", 1), with_text=True):
    return [shard.key for shard in cut_shards(cuts, shard_s, identity, with_text=with_text)]


def retold(cut, text):
    return fastcopy(cut, supervisions=[fastcopy(cut.supervisions[0], text=text)])


@pytest.mark.parametrize("shard_s", [0.1, 4.0, 9.0, 1e9])
def test_every_cut_is_in_one_shard_and_none_is_too_long(cuts, shard_s):
    shards = cut_shards(cuts, shard_s, [], with_text=True)
    assert [cut for shard in shards for cut in shard.items] == cuts
    assert all(shard.size <= shard_s or len(shard.items) == 1 for shard in shards)
    assert len({shard.key for shard in shards}) == len(shards)
    assert (len(shards) == 1) == (shard_s == 1e9)
    assert (len(shards) == len(cuts)) == (shard_s == 0.1)


def test_nothing_is_no_shard():
    assert cut_shards([], 4.0, [], with_text=True) == []


def test_the_key_changes_with_all_that_the_result_follows_from(cuts):
    first, *rest = cuts
    assert keys(cuts) == keys(list(cuts))
    assert not set(keys(cuts)) & set(keys(cuts, identity=("model", 2)))
    for other in (
        retold(first, "Other words."),
        fastcopy(first, id="other"),
        fastcopy(first, start=0.1, duration=first.duration - 0.1),
        fastcopy(first, recording=fastcopy(first.recording, sources=[AudioSource("file", [0], "/nowhere.wav")])),
    ):
        assert keys([other, *rest])[0] != keys(cuts)[0]
        assert keys([other, *rest])[1:] == keys(cuts)[1:]


def test_frames_do_not_follow_from_the_text(cuts):
    retold_cuts = [retold(cuts[0], "Other words."), *cuts[1:]]
    assert keys(retold_cuts, with_text=False) == keys(cuts, with_text=False)


def test_a_recording_that_is_mended_makes_another_shard(cuts, tmp_path):
    path = tmp_path / "a.wav"
    cut = fastcopy(cuts[0], recording=fastcopy(cuts[0].recording, sources=[AudioSource("file", [0], str(path))]))
    seen = [content(cut, with_text=True)]
    for data, time_s in ((b"broken", 1000), (b"mended", 2000), (b"mended", 2000)):
        path.write_bytes(data)
        os.utime(path, (time_s, time_s))
        seen.append(content(cut, with_text=True))
    assert seen[0] != seen[1] != seen[2] == seen[3]


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


def test_a_mixed_cut_has_a_key_too(cuts):
    assert keys([cuts[0].mix(cuts[1], snr=10)]) != keys([cuts[0].mix(cuts[1], snr=20)])


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
