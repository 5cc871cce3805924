import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from lhotse import CutSet, MonoCut, MultiCut, SupervisionSet, validate

from ssr_connector.data.audio import AudioError, inspect_audio
from ssr_connector.data.cuts import (
    cut_audio,
    in_groups,
    make_cut,
    make_recording,
    read_corpora,
    read_cuts,
    read_manifests,
)
from ssr_connector.data.entry import Entry
from ssr_connector.data.words import WordTime
from ssr_connector.errors import UserError

RATE_HZ = 8_000


@pytest.fixture
def sound() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (RATE_HZ * 2, 2)).astype(np.float32)


def cut_of(path: Path, samples: np.ndarray, start_s: float | None = None, end_s: float | None = None) -> Any:
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
    entry = Entry("x", path, " Hello you. ", "S", "en", start_s, end_s, {"mood": "glad"})
    words = (WordTime("Hello", 0.1, 0.2), WordTime("you", 0.3, 0.4))
    return make_cut(entry, make_recording("r", path, inspect_audio(path)), words)


def test_a_cut_is_valid_and_survives_writing_and_reading(tmp_path: Path, sound: np.ndarray) -> None:
    cut = cut_of(tmp_path / "a.wav", sound[:, 0], 0.5, 1.5)
    validate(cut)
    CutSet([cut]).to_file(tmp_path / "cuts.jsonl.gz")
    cuts = read_cuts(tmp_path / "cuts.jsonl.gz")
    assert cuts.is_lazy
    (read,) = cuts
    assert isinstance(read, MonoCut)
    assert (read.id, read.start, read.duration) == ("x", 0.5, 1.0)
    supervision = read.supervisions[0]
    assert (supervision.text, supervision.speaker, supervision.language) == ("Hello you.", "S", "en")
    assert supervision.custom == {"mood": "glad"}
    assert [(w.symbol, w.start, w.end) for w in supervision.alignment["word"]] == [
        ("Hello", 0.1, 0.3),
        ("you", 0.3, 0.7),
    ]
    assert Path(read.recording.sources[0].source).is_absolute()


def test_the_audio_of_a_cut_is_its_part(tmp_path: Path, sound: np.ndarray) -> None:
    cut = cut_of(tmp_path / "a.wav", sound[:, 0], 0.5, 1.5)
    assert np.array_equal(cut_audio(cut, RATE_HZ).samples, sound[4_000:12_000, 0])
    assert np.array_equal(cut_audio(cut, RATE_HZ).samples, cut.load_audio()[0])
    assert len(cut_audio(cut).samples) == 16_000


def test_two_channels_make_a_multi_cut_that_is_averaged(tmp_path: Path, sound: np.ndarray) -> None:
    cut = cut_of(tmp_path / "a.wav", sound)
    validate(cut)
    assert isinstance(cut, MultiCut)
    assert np.allclose(cut_audio(cut, RATE_HZ).samples, sound.mean(axis=1), atol=1e-6)


def test_a_mono_cut_of_two_channels_keeps_to_its_own(tmp_path: Path, sound: np.ndarray) -> None:
    multi = cut_of(tmp_path / "a.wav", sound)
    cut = MonoCut("one", 0.0, 1.0, 1, recording=multi.recording)
    assert np.array_equal(cut_audio(cut, RATE_HZ).samples, sound[:RATE_HZ, 1])


def test_padded_and_perturbed_cuts_are_made_by_lhotse(tmp_path: Path, sound: np.ndarray) -> None:
    cut = cut_of(tmp_path / "a.wav", sound[:, 0])
    padded = cut_audio(cut.pad(duration=3.0), RATE_HZ).samples
    assert len(padded) == 3 * RATE_HZ
    assert np.array_equal(padded[: len(sound)], sound[:, 0])
    louder = cut_audio(cut.perturb_volume(2.0), RATE_HZ).samples
    assert np.allclose(louder, 2 * sound[:, 0], atol=1e-6)


def test_a_recording_that_vanished_is_named(tmp_path: Path, sound: np.ndarray) -> None:
    cut = cut_of(tmp_path / "a.wav", sound)
    (tmp_path / "a.wav").unlink()
    with pytest.raises(AudioError, match=r"a\.wav: missing file"):
        cut_audio(cut)


def manifest(folder: Path, content: bytes, name: str = "x.jsonl.gz") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_what_is_no_cut_manifest_is_named(tmp_path: Path, sound: np.ndarray) -> None:
    cut = cut_of(tmp_path / "a.wav", sound)
    SupervisionSet.from_segments(cut.supervisions).to_file(tmp_path / "s.jsonl.gz")
    recording = gzip.compress(json.dumps(cut.recording.to_dict()).encode())
    for path, message in (
        (tmp_path / "none.jsonl.gz", "does not exist"),
        (tmp_path / "a.wav", "is not a cut manifest"),
        (manifest(tmp_path, b"rubbish"), "is not .gzipped. JSON lines"),
        (manifest(tmp_path, b"rubbish", "y.jsonl"), "is not .gzipped. JSON lines"),
        (manifest(tmp_path, gzip.compress(b"{}" * 50_000)[:-40], "z.jsonl.gz"), "is not .gzipped. JSON lines"),
        (manifest(tmp_path, gzip.compress(b""), "e.jsonl.gz"), "holds no cuts"),
        (manifest(tmp_path, recording, "r.jsonl.gz"), "a manifest of recordings"),
        (tmp_path / "s.jsonl.gz", "a manifest of supervisions"),
        (manifest(tmp_path, b"[1]\n", "l.jsonl"), "something else"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            read_cuts(path)
        assert str(path) in str(caught.value)


def test_manifests_are_read_together_and_the_shortest_comes_first(tmp_path: Path, sound: np.ndarray) -> None:
    long, short = (cut_of(tmp_path / f"{n}.wav", sound[:n]).with_id(str(n)) for n in (9000, 5000))
    for name, cuts in (("a", [long, short]), ("b", [short])):
        CutSet(cuts).to_file(tmp_path / f"{name}.jsonl.gz")
    paths = [tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.gz"]
    assert [c.id for c in read_manifests(paths)] == ["5000", "9000"]
    CutSet([long.with_id("5000")]).to_file(tmp_path / "b.jsonl.gz")
    with pytest.raises(UserError, match=r"b\.jsonl\.gz: the id 5000 is another cut elsewhere"):
        read_manifests(paths)


def test_corpora_are_read_in_order_and_an_id_in_two_of_them_is_an_error_that_names_both(
    tmp_path: Path, sound: np.ndarray
) -> None:
    cut = cut_of(tmp_path / "a.wav", sound)
    paths = [tmp_path / f"{name}.jsonl.gz" for name in "abc"]
    for path, ids in zip(paths, (("1", "2"), ("0",), ("3", "2")), strict=True):
        CutSet([cut.with_id(id_) for id_ in ids]).to_file(path)
    assert list(read_corpora(paths[:2])) == ["1", "2", "0"]
    with pytest.raises(UserError, match=r"the id 2 is in .*a\.jsonl\.gz and in .*c\.jsonl\.gz"):
        read_corpora(paths)
    with pytest.raises(UserError, match=r"the id 1 is in .*a\.jsonl\.gz twice"):
        read_corpora([paths[0], paths[0]])


def test_groups_hold_at_most_so_many_padded_seconds() -> None:
    class Cut:
        def __init__(self, duration: float) -> None:
            self.duration = duration

    durations = [2.5, 1.0, 9.0, 1.5, 2.0, 1.0, 10.0]
    groups = [[c.duration for c in g] for g in in_groups([Cut(d) for d in durations], 5.0)]
    assert groups == [[1.0, 1.0, 1.5], [2.0, 2.5], [9.0], [10.0]]
    assert list(in_groups(["ccc", "a", "bb"], 4.0, len)) == [["a", "bb"], ["ccc"]]
    assert list(in_groups([], 5.0)) == []
