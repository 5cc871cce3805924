import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import CutSet

from ssr_connector.data.audio import AudioError, inspect_audio
from ssr_connector.data.cut_shards import content
from ssr_connector.data.cuts import cut_audio, make_cut, make_recording, read_cuts
from ssr_connector.data.entry import Entry
from ssr_connector.data.shar import is_shar
from ssr_connector.data.shar_output import write_shar
from ssr_connector.data.words import WordTime
from ssr_connector.engine.shard import Shard, pack, unpack
from ssr_connector.errors import UserError

RATE = 8_000


@pytest.fixture
def cuts(tmp_path):
    """A whole recording, a part of one, one channel of two, and the average of two."""
    rng = np.random.default_rng(0)
    sounds = {"mono": rng.integers(-9000, 9000, (RATE, 1)), "stereo": 2 * rng.integers(-4000, 4000, (2 * RATE, 2))}
    recordings = {}
    for name, samples in sounds.items():
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, samples.astype(np.int16), RATE)
        recordings[name] = make_recording(name, path, inspect_audio(path))
    words = (WordTime("Hello", 0.1, 0.2), WordTime("you", 0.3, 0.4))
    found = []
    for id_, name, part, channel in (
        *(("a/whole.1", "mono", (None, None), None), ("part", "mono", (0.25, 0.75), None)),
        *(("right", "stereo", (0.5, 1.5), 1), ("both", "stereo", (None, None), None)),
    ):
        entry = Entry(id_, Path(recordings[name].sources[0].source), "Hello you.", "S", "en", *part, {"k": 1}, channel)
        found.append(make_cut(entry, recordings[name], words))
    return found


@pytest.fixture
def folder(cuts, tmp_path):
    write_shar(cuts, tmp_path / "shar", 3)
    assert sorted(path.name for path in (tmp_path / "shar").iterdir()) == [
        *("cuts.000000.jsonl.gz", "cuts.000001.jsonl.gz", "recording.000000.tar", "recording.000001.tar")
    ]
    return tmp_path / "shar"


def test_the_round_trip_is_bit_equal_and_keeps_words(cuts, folder, tmp_path):
    sounds = {cut.id: cut_audio(cut, RATE).samples for cut in cuts}
    (tmp_path / "mono.wav").unlink()
    (tmp_path / "stereo.wav").unlink()
    assert is_shar(folder)
    read = read_cuts(folder)
    assert read.is_lazy
    for _ in range(2):  # in any order, and again
        found = {cut.id: cut for cut in reversed(list(read))}
        assert found.keys() == sounds.keys()
        for cut in cuts:
            again = found[cut.id]
            assert np.array_equal(cut_audio(again, RATE).samples, sounds[cut.id])
            assert again.duration == cut.duration
            (old,), (new,) = cut.supervisions, again.supervisions
            for name in ("text", "speaker", "language", "custom", "alignment"):
                assert getattr(new, name) == getattr(old, name)


def test_lhotse_reads_it_as_its_own(cuts, folder):
    theirs = {cut.id: cut.load_audio()[0] for cut in CutSet.from_shar(in_dir=folder)}
    assert all(np.array_equal(theirs[cut.id], cut_audio(cut, RATE).samples) for cut in cuts)


def test_what_lhotse_writes_is_read(cuts, tmp_path):
    (tmp_path / "theirs").mkdir()
    CutSet(cuts[:2]).to_shar(tmp_path / "theirs", fields={"recording": "flac"}, shard_size=1)
    for cut, again in zip(cuts[:2], read_cuts(tmp_path / "theirs"), strict=True):
        assert np.array_equal(cut_audio(again, RATE).samples, cut_audio(cut, RATE).samples)


def test_a_part_of_such_a_cut_at_another_speed_is_made_by_lhotse(cuts, folder):
    whole = next(iter(read_cuts(folder)))
    part = cut_audio(whole.truncate(offset=0.25, duration=0.5), RATE).samples
    assert np.array_equal(part, cut_audio(cuts[0], RATE).samples[2000:6000])
    assert len(cut_audio(whole.perturb_speed(1.25), RATE).samples) == 6400


def test_cuts_go_to_other_machines_and_a_changed_tar_is_another_shard(folder):
    found = tuple(read_cuts(folder))
    there = unpack(pack(Shard("key", found, 1.0)))
    assert [cut_audio(c).samples.tolist() for c in there.items] == [cut_audio(c).samples.tolist() for c in found]
    before = content(found[0], with_text=True)
    tar = folder / "recording.000000.tar"
    tar.write_bytes(tar.read_bytes() + bytes(512))
    assert content(found[0], with_text=True) != before


def test_what_is_damaged_is_named(folder, tmp_path):
    tar, cuts = folder / "recording.000000.tar", list(read_cuts(folder))

    def broken(change):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        change(copy)
        return copy

    for change, message in (
        (lambda f: (f / tar.name).write_bytes(tar.read_bytes()[:5000]), r"copy/recording\.000000\.tar"),
        (lambda f: (f / tar.name).write_bytes(b"rubbish" * 200), r"is no tar file"),
        (lambda f: (f / tar.name).unlink(), "2 shards of cuts and 1 of audio"),
        (
            lambda f: shutil.copy(f / "recording.000001.tar", f / tar.name),
            r"has both where cuts\.000000\.jsonl\.gz has a/whole\.1",
        ),
        (
            lambda f: (f / "cuts.000001.jsonl.gz").write_bytes(
                gzip.compress(2 * gzip.decompress((f / "cuts.000001.jsonl.gz").read_bytes()))
            ),
            "has nothing where",
        ),
    ):
        with pytest.raises(UserError, match=message):
            list(read_cuts(broken(change)))
    data = bytearray(tar.read_bytes())
    data[512:1500] = bytes(988)
    tar.write_bytes(data)
    with pytest.raises(AudioError, match=r"recording\.000000\.tar: truncated or damaged; a/whole\.1 in it"):
        cut_audio(cuts[0])
    tar.unlink()
    with pytest.raises(AudioError, match="missing file"):
        cut_audio(cuts[0])


def test_a_recording_that_cannot_be_read_leaves_no_half_of_a_folder(cuts, tmp_path):
    (tmp_path / "stereo.wav").unlink()
    with pytest.raises(AudioError, match=r"stereo\.wav: missing file"):
        write_shar(cuts, tmp_path / "shar", 2)
    assert not (tmp_path / "shar").exists()
