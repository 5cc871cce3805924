import csv
import errno
import gzip
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import validate

from ssr_connector.data import inspection, output, preparation
from ssr_connector.data.audio import AudioFacts, inspect_audio
from ssr_connector.data.cuts import cut_audio, read_cuts
from ssr_connector.data.entry import Corpus, Entry
from ssr_connector.data.preparation import prepare
from ssr_connector.data.words import WordTime
from ssr_connector.engine import LocalEngine
from ssr_connector.errors import UserError

RATE_HZ = 8_000
SHARED = Path(os.environ.get("SSR_SHARED", Path(__file__).parents[3] / "shared"))


def sound(path: Path, seconds: float = 2.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(0).normal(0, 0.1, int(seconds * RATE_HZ)).astype(np.float32)
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT" if path.suffix == ".wav" else None)
    return path


def table(folder: Path, *rows: tuple[str, ...], columns: str = "id audio text") -> Path:
    path = folder / "table.tsv"
    path.write_text("\n".join("\t".join(row) for row in (columns.split(), *rows)) + "\n", encoding="utf-8")
    return path


def good_corpus(folder: Path, n: int = 4) -> Path:
    return table(
        folder, *((f"u{i}", sound(folder / f"w/{i}.wav").relative_to(folder).as_posix(), "Hi you.") for i in range(n))
    )


def rejections(out: Path) -> dict[str, str]:
    with (out / "rejected.tsv").open(encoding="utf-8", newline="") as stream:
        return {row["id"]: row["reason"] for row in csv.DictReader(stream, delimiter="\t")}


def test_a_good_corpus_is_prepared(tmp_path: Path) -> None:
    summary = prepare(good_corpus(tmp_path), tmp_path / "out")
    cuts = list(read_cuts(tmp_path / "out/cuts.jsonl.gz"))
    assert [cut.id for cut in cuts] == ["u0", "u1", "u2", "u3"]
    for cut in cuts:
        validate(cut)
        assert cut_audio(cut).duration_s == pytest.approx(2.0)
    assert json.loads((tmp_path / "out/summary.json").read_text()) == summary.to_dict()
    assert (summary.corpus, summary.cuts, summary.rejected) == ("table", 4, {})
    assert rejections(tmp_path / "out") == {}


def test_everything_bad_is_rejected_counted_and_listed(tmp_path: Path) -> None:
    sound(tmp_path / "good.wav")
    cut_short = sound(tmp_path / "short.flac")
    cut_short.write_bytes(cut_short.read_bytes()[:-2000])
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("text " * 100)
    nan = np.full(RATE_HZ, np.nan, np.float32)
    soundfile.write(tmp_path / "nan.wav", nan, RATE_HZ, subtype="FLOAT")
    sound(tmp_path / "zero.wav", 0)
    expected = {
        "missing": ("none.wav", "Hi.", "", "missing file"),
        "empty": ("empty.wav", "Hi.", "", "empty file"),
        "short": ("short.flac", "Hi.", "", "truncated or damaged"),
        "text": ("text.wav", "Hi.", "", "not audio"),
        "nan": ("nan.wav", "Hi.", "", "NaN or infinite samples"),
        "zero": ("zero.wav", "Hi.", "", "no samples"),
        "silent": ("good.wav", " ", "", "empty transcript"),
        "dots": ("good.wav", "…?!", "", "unspeakable transcript"),
        "fast": ("good.wav", "word " * 17, "", "transcript longer than its audio can hold"),
        "late": ("good.wav", "Hi.", "2.5", "segment outside of the recording"),
        "odd": ("good.wav", "Hi.", "soon", "malformed time"),
    }
    rows = [("first", "good.wav", "Hi.", ""), *((id_, *rest[:3]) for id_, rest in expected.items())]
    rows.append(("first", "good.wav", "Again.", ""))
    out = tmp_path / "out"
    summary = prepare(table(tmp_path, *rows, columns="id audio text end_s"), out)
    assert [cut.supervisions[0].text for cut in read_cuts(out / "cuts.jsonl.gz")] == ["Hi."]
    reasons = {id_: rest[3] for id_, rest in expected.items()}
    assert rejections(out) == reasons | {"first": "duplicate id"}
    assert sum(summary.rejected.values()) == len(rows) - 1
    assert summary.rejected["duplicate id"] == 1


def test_of_equal_ids_the_first_good_one_is_kept(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    rows = [("none.wav", "Lost."), ("a.wav", " "), ("a.wav", "Kept."), ("a.wav", "Again.")]
    summary = prepare(table(tmp_path, *(("u", *row) for row in rows)), tmp_path / "out")
    assert [cut.supervisions[0].text for cut in read_cuts(tmp_path / "out/cuts.jsonl.gz")] == ["Kept."]
    assert summary.rejected == {"missing file": 1, "empty transcript": 1, "duplicate id": 1}


def test_long_utterances_are_rejected_by_the_limit(tmp_path: Path) -> None:
    source = table(tmp_path, ("a", "a.wav", "Hi.", ""), ("b", "a.wav", "Hi.", "0.9"), columns="id audio text end_s")
    sound(tmp_path / "a.wav")
    assert prepare(source, tmp_path / "out", max_duration_s=1.0).rejected == {"longer than the limit": 1}


def test_short_utterances_are_rejected_by_the_limit(tmp_path: Path) -> None:
    source = table(tmp_path, ("a", "a.wav", "Hi.", ""), ("b", "a.wav", "Hi.", "0.9"), columns="id audio text end_s")
    sound(tmp_path / "a.wav")
    assert prepare(source, tmp_path / "out", min_duration_s=1.0).rejected == {"shorter than the limit": 1}


def test_one_channel_of_a_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, (RATE_HZ, 2)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, RATE_HZ, subtype="FLOAT")
    entries = [Entry(f"channel {c}", tmp_path / "a.wav", "Hi.", channel=c) for c in (0, 1, 2)]
    monkeypatch.setitem(preparation.CORPORA, "table", Corpus(lambda _: True, lambda _: iter(entries)))
    prepare(tmp_path / "a.wav", tmp_path / "out", corpus="table")
    cuts = list(read_cuts(tmp_path / "out/cuts.jsonl.gz"))
    for channel, cut in enumerate(cuts):
        validate(cut)
        assert np.array_equal(cut_audio(cut, RATE_HZ).samples, samples[:, channel])
    assert len(cuts) == 2
    assert rejections(tmp_path / "out") == {"channel 2": "channel that is not there"}


def test_word_times_of_the_corpus_stand_back_behind_a_ctm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = (WordTime("hi", 0.25, 0.5),)
    sound(tmp_path / "a.wav")
    entries = [Entry(id_, tmp_path / "a.wav", "Hi.", words=own, phones=own) for id_ in "abc"]
    entries[2] = replace(entries[2], words=(WordTime("hi", -0.25, 0.5),))
    monkeypatch.setitem(preparation.CORPORA, "table", Corpus(lambda _: True, lambda _: iter(entries)))
    (tmp_path / "words.ctm").write_text("a 1 1 .5 hi\n")
    summary = prepare(tmp_path / "a.wav", tmp_path / "out", corpus="table", words=tmp_path / "words.ctm")
    first, second, third = (cut.supervisions[0].alignment for cut in read_cuts(tmp_path / "out/cuts.jsonl.gz"))
    assert [first[kind][0].start for kind in ("word", "phone")] == [1.0, 0.25]
    assert second["word"][0].start == 0.25
    assert third is None
    assert summary.words is not None
    assert summary.words["left out: a word lies outside of its audio"] == 1


def test_words_that_look_like_silence_are_kept_where_they_are_said(tmp_path: Path) -> None:
    source = table(tmp_path, ("a b", "a.wav", "SP, sil."), ("c", "a.wav", "Hi."), columns="id audio text")
    sound(tmp_path / "a.wav")
    lines = ["a%20b 1 0 .2 sil", "a%20b 1 .2 .2 SP", "a%20b 1 .4 .1 sp", "a%20b 1 .5 .2 sil", "c 1 0 1 SIL"]
    (tmp_path / "words.ctm").write_text("\n".join(lines))
    summary = prepare(source, tmp_path / "out", words=tmp_path / "words.ctm")
    first, second = (cut.supervisions[0].alignment for cut in read_cuts(tmp_path / "out/cuts.jsonl.gz"))
    assert [(w.symbol, w.start) for w in first["word"]] == [("SP", 0.2), ("sil", 0.5)]
    assert second is None  # nothing but silence
    assert summary.words is not None
    assert summary.words["cuts with word times"] == summary.words["cuts without"] == 1


def test_a_path_that_no_file_can_have_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [Entry("a", sound(tmp_path / "a.wav"), "Hi."), Entry("b", tmp_path / "\0.wav", "Hi.")]
    monkeypatch.setitem(preparation.CORPORA, "table", Corpus(lambda _: True, lambda _: iter(entries)))
    assert prepare(tmp_path / "a.wav", tmp_path / "out", corpus="table").rejected == {"no audio path": 1}


def test_a_corpus_without_utterances_is_said_to_be_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(preparation.CORPORA, "table", Corpus(lambda _: True, lambda _: iter(())))
    with pytest.raises(UserError, match="holds no utterance"):
        prepare(tmp_path, tmp_path / "out", corpus="table")


def test_parts_of_one_recording_share_it(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    rows = [("a", "a.wav", "Hi.", "0", "1"), ("b", "a.wav", "You.", "1", "2")]
    source = table(tmp_path, *rows, columns="id audio text start_s end_s")
    assert prepare(source, tmp_path / "out").recordings == 1
    first, second = read_cuts(tmp_path / "out/cuts.jsonl.gz")
    assert first.recording == second.recording
    assert np.array_equal(
        np.concatenate([cut_audio(first, RATE_HZ).samples, cut_audio(second, RATE_HZ).samples]),
        soundfile.read(tmp_path / "a.wav", dtype="float32")[0],
    )


def test_if_everything_is_rejected_only_the_list_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="all 1 utterances are rejected"):
        prepare(table(tmp_path, ("a", "none.wav", "Hi.")), tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["rejected.tsv"]
    assert rejections(tmp_path / "out") == {"a": "missing file"}


def test_word_times_are_attached_where_they_fit(tmp_path: Path) -> None:
    source = good_corpus(tmp_path)
    ctm = tmp_path / "words.ctm"
    ctm.write_text(
        "u0 1 0 .5 hi\nu0 1 .5 .4 SIL\nu0 1 1 .5 you\nu1 1 0 1 hi\nu1 1 2 .2 you\nu2 1 0 1 hey\nno 1 0 1 x\n"
    )
    summary = prepare(source, tmp_path / "out", words=ctm)
    alignments = [cut.supervisions[0].alignment for cut in read_cuts(tmp_path / "out/cuts.jsonl.gz")]
    assert [(w.symbol, w.start, w.end) for w in alignments[0]["word"]] == [("hi", 0.0, 0.5), ("you", 1.0, 1.5)]
    assert alignments[1] is None
    assert alignments[3] is None
    assert list((summary.words or {}).values()) == [2, 1, 1, 1, 1]
    ctm.write_text("other 1 0 1 x\n")
    with pytest.raises(UserError, match="names no utterance of the corpus"):
        prepare(source, tmp_path / "out", words=ctm)


def test_a_development_set_is_parted_and_goes_with_the_next_run(tmp_path: Path) -> None:
    source = good_corpus(tmp_path)
    out = tmp_path / "out"
    assert prepare(source, out, dev=0.25).dev_cuts == 1
    ids = {name: {cut.id for cut in read_cuts(out / f"{name}.jsonl.gz")} for name in ("cuts", "train", "dev")}
    assert ids["train"] | ids["dev"] == ids["cuts"]
    assert not ids["train"] & ids["dev"]
    prepare(source, out)
    assert sorted(p.name for p in out.iterdir()) == ["cuts.jsonl.gz", "rejected.tsv", "summary.json"]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file, without gzip's header: lhotse writes the time into those of Shar."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: gzip.decompress(data) if name.endswith(".gz") else data for name, data in files.items()}


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_shards_and_processes_change_nothing(tmp_path: Path, jobs: int) -> None:
    rows = [(f"u{i}", sound(tmp_path / f"{i}.wav", 0.5 + i / 10).name, "Hi you.", f"s{i % 4}") for i in range(9)]
    rows += [("u0", "8.wav", "Again.", "s0"), ("none", "none.wav", "Hi.", "s1"), ("long", "8.wav", "Hi " * 30, "s2")]
    source = table(tmp_path, *rows, columns="id audio text speaker")
    whole = prepare(source, tmp_path / "whole", dev=2, shar=3)
    assert whole.rejected == {"duplicate id": 1, "missing file": 1, "transcript longer than its audio can hold": 1}
    shards = prepare(source, tmp_path / "shards", dev=2, shar=3, engine=LocalEngine(jobs), shard_mb=0.1)
    assert shards == whole
    assert contents(tmp_path / "shards") == contents(tmp_path / "whole")
    train, dev = (
        {cut.supervisions[0].speaker for cut in read_cuts(tmp_path / f"shards/{part}.jsonl.gz")}
        for part in ("train", "dev")
    )
    assert train
    assert dev
    assert not train & dev


def test_a_full_disk_leaves_the_earlier_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = good_corpus(tmp_path)
    out = tmp_path / "out"
    prepare(source, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    write_lines = output._write_lines

    def full(path: Path, lines: object) -> None:
        if "summary" in path.name:
            path.write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_lines(path, lines)  # type: ignore[arg-type]

    monkeypatch.setattr(output, "_write_lines", full)
    with pytest.raises(UserError, match="No space left on device"):
        prepare(good_corpus(tmp_path, 3), out)
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/checked").touch()
    with pytest.raises(UserError, match=r"out cannot be written \(.*File exists"):
        prepare(good_corpus(tmp_path), tmp_path / "out")


def test_an_interrupted_check_goes_on_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def interrupted(path: Path, decode: bool) -> AudioFacts:
        seen.append(path.stem)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return inspect_audio(path, decode=decode)

    monkeypatch.setattr(inspection, "inspect_audio", interrupted)
    source, out = good_corpus(tmp_path), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        prepare(source, out, shard_mb=0.0)
    assert [path.name for path in out.iterdir()] == ["checked"]
    assert prepare(source, out, shard_mb=0.0).cuts == 4
    assert seen == ["0", "1", "2", "2", "3"]
    assert sorted(path.name for path in out.iterdir()) == ["cuts.jsonl.gz", "rejected.tsv", "summary.json"]


def test_headers_alone_can_be_checked(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    soundfile.write(tmp_path / "nan.wav", np.full(RATE_HZ, np.nan, np.float32), RATE_HZ, subtype="FLOAT")
    (tmp_path / "empty.wav").touch()
    source = table(tmp_path, *((name, f"{name}.wav", "Hi.") for name in ("a", "nan", "empty")))
    assert prepare(source, tmp_path / "out", check="header").rejected == {"empty file": 1}
    assert prepare(source, tmp_path / "out").rejected == {"empty file": 1, "NaN or infinite samples": 1}


def test_shar_is_of_good_recordings_and_of_these_cuts_or_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "short"):
        sound(tmp_path / f"{name}.flac")
    source = table(tmp_path, *((name, f"{name}.flac", "Hi.") for name in ("a", "short")))
    out = tmp_path / "out"
    prepare(source, out, shar=10)
    (tmp_path / "short.flac").write_bytes((tmp_path / "short.flac").read_bytes()[:-2000])
    with pytest.raises(UserError, match="leave out --check header"):
        prepare(source, out, shar=10, check="header")
    soundfile.write(tmp_path / "loud.wav", np.float32([3, -3] * RATE_HZ), RATE_HZ, subtype="FLOAT")
    source = table(tmp_path, ("a", "a.flac", "Hi."), ("short", "short.flac", "Hi."), ("loud", "loud.wav", "Hi."))
    monkeypatch.setattr("ssr_connector.data.preparation.write_shar", raises(OSError(28, "No space left on device")))
    with pytest.raises(UserError, match="cuts-shar cannot be written"):
        prepare(source, out, shar=10)
    assert not (out / "cuts-shar").exists()  # that of other cuts
    monkeypatch.undo()
    summary = prepare(source, out, shar=10)
    assert summary.rejected == {"truncated or damaged": 1}
    assert summary.warnings == {"audio beyond full scale: clipped in the 16 bits of Shar": 1}
    assert [cut.id for cut in read_cuts(out / "cuts-shar")] == ["a", "loud"]
    assert not prepare(source, out).warnings


def raises(error: Exception) -> Callable[..., None]:
    """A function that does nothing else."""

    def function(*_: object) -> None:
        raise error

    return function


def test_layouts_are_detected(tmp_path: Path) -> None:
    lj = tmp_path / "lj"
    sound(lj / "wavs/LJ001-0001.wav")
    (lj / "metadata.csv").write_text("LJ001-0001|Hi 2.|Hi two.\n")
    libri = tmp_path / "libri"
    sound(libri / "84/12/84-12-0000.flac")
    (libri / "84/12/84-12.trans.txt").write_text("84-12-0000 HI YOU\n")
    assert prepare(lj, tmp_path / "out").corpus == "ljspeech"
    summary = prepare(libri, tmp_path / "out")
    assert (summary.corpus, summary.speakers) == ("librispeech", 1)
    assert next(iter(summary.warnings)).startswith("transcript in capitals only")


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("none", {}, "does not exist"),
        (".", {}, "is neither a table"),
        ("table.tsv", {"corpus": "wsj"}, "there is no corpus 'wsj'"),
        ("table.tsv", {"subset": "dev"}, "the layout table has no named subsets, only mls, commonvoice"),
        ("table.tsv", {"min_duration_s": 61}, "more than --max-duration-s"),
        ("table.tsv", {"dev": -1}, "neither a number of cuts nor a share"),
        ("table.tsv", {"words": "none.ctm"}, "does not exist"),
        ("table.tsv", {"out": "table.tsv"}, "is a file"),
    ],
)
def test_a_wrong_request_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, options: dict[str, object], message: str
) -> None:
    good_corpus(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        prepare(source, **({"out": "out"} | options))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(
    not (SHARED / "data/ljspeech_part1").is_dir(), reason="no shared data: set SSR_SHARED to its folder"
)
def test_real_recordings_with_real_word_times(tmp_path: Path) -> None:
    folder = SHARED / "data/ljspeech_part1"
    words = folder / "silver_alignments/lj.words.ctm"
    summary = prepare(folder / "table.tsv", tmp_path / "out", words=words, dev=0.1)
    assert (summary.cuts, summary.speakers, summary.rejected) == (385, 1, {})
    assert summary.hours == pytest.approx(41.66 / 60, abs=0.001)
    assert summary.words is not None
    assert summary.words["cuts with word times"] == 385
    assert summary.words["other words than in the transcript"] == 0
