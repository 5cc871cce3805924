"""Slices of a corpus: nothing lost, named after all that their results follow from."""

import os

import pytest
from lhotse import AudioSource
from lhotse.utils import fastcopy

from ssr_connector.data.cut_shards import content, cut_shards, refuse_others
from ssr_connector.data.cuts import read_manifests
from ssr_connector.errors import UserError


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


def test_a_mixed_cut_has_a_key_too(cuts):
    assert keys([cuts[0].mix(cuts[1], snr=10)]) != keys([cuts[0].mix(cuts[1], snr=20)])


def test_results_of_other_cuts_are_not_written_over(cuts, tmp_path):
    refuse_others([], cuts, tmp_path)
    refuse_others(["gone", cuts[3].id], cuts, tmp_path)
    with pytest.raises(UserError, match=r"holds results of other cuts \(one\): give all manifests at once"):
        refuse_others(["one", "other"], cuts, tmp_path)
