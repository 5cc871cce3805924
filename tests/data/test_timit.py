import os
from pathlib import Path
from typing import Any

import pytest

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.preparation import prepare
from ssr_connector.data.timit import is_timit, read_timit
from ssr_connector.errors import UserError

SHARED = Path(os.environ.get("SSR_SHARED", Path(__file__).parents[3] / "shared"))


def sentence(stem: Path, upper: bool = True, **texts: str) -> None:
    """The label files of a sentence, with NLTK's or the original names."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    for suffix, text in ({"txt": "0 32000 Hello you.", "wrd": "8000 16000 hello\n16800 24000 you"} | texts).items():
        name = f"{stem.name}.{suffix}"
        (stem.parent / (name.upper() if upper else name)).write_text(text)


def sphere(path: Path, record: Any, seconds: float = 2.0) -> Path:
    record(path.with_suffix(".nist"), seconds, format="NIST", subtype="PCM_16").rename(path)
    return path


def test_a_corpus_is_prepared_with_its_word_and_phone_times(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    source = tmp_path / "TIMIT"
    speaker = source / "TRAIN/DR1/FCJF0"
    sentence(speaker / "SA1", phn="0 8000 h#\n8000 9000 hh")
    sentence(speaker / "SX1")
    sentence(speaker / "SX2", txt="0 32000 ")
    sentence(speaker / "SX3", wrd="8000 16000 hello\n16800 you")
    sentence(speaker / "SX4")
    sentence(speaker / "SX5", wrd="8000 16000 hello\n16800 99000 you")
    (source / "DOC").mkdir()
    (source / "DOC/PHONCODE.TXT").write_text("no sentence")
    for name in ("SA1", "SX2", "SX3", "SX5", "SI6"):
        sphere(speaker / f"{name}.WAV", record)
    cut_short = sphere(speaker / "SX1.WAV", record)
    cut_short.write_bytes(cut_short.read_bytes()[:-20_000])
    found = prepare_by_ssr(source)
    assert found.summary["corpus"] == "timit"
    assert found.words("fcjf0-sa1") == [("hello", 0.5, 1.0), ("you", 1.05, 1.5)]
    assert found.words("fcjf0-sa1", "phone") == [("h#", 0.0, 0.5), ("hh", 0.5, 0.562)]
    supervision = found.cuts["fcjf0-sa1"].supervisions[0]
    assert (supervision.text, supervision.speaker, supervision.language) == ("Hello you.", "fcjf0", "en")
    assert supervision.custom == {"sentence": "sa1", "dialect": "dr1"}
    assert found.words("fcjf0-sx5") == []
    assert found.rejected == {
        "fcjf0-sx1": "truncated or damaged",
        "fcjf0-sx2": "empty transcript",
        "fcjf0-sx3": "malformed word times",
        "fcjf0-sx4": "missing file",
        "fcjf0-si6": "missing transcript",
    }
    assert {what: n for what, n in found.summary["words"].items() if n} == {
        "cuts with word times": 1,
        "left out: a word lies outside of its audio": 1,
    }


@pytest.mark.parametrize("line", ["1 2", "2 1 back", "-1 2 x", "0.5 2 x", "0 1 a b", f"0 {'9' * 400} x"])
def test_malformed_labels_are_rejected(tmp_path: Path, line: str) -> None:
    sentence(tmp_path / "FCJF0/SA1", phn=line)
    (rejected,) = read_timit(tmp_path)
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, "SA1.PHN line 1" in rejected.detail) == ("malformed word times", True)


def test_lower_case_names_and_converted_copies(tmp_path: Path, record: Any) -> None:
    folder = tmp_path / "dr3-mcpm0"
    sentence(folder / "si4", upper=False)
    original = record(folder / "si4.wav")
    record(folder / "si4.wav.wav")
    assert is_timit(tmp_path) is False  # no phone labels
    (folder / "si4.phn").write_text("")
    assert is_timit(tmp_path)
    (entry,) = read_timit(folder)
    assert isinstance(entry, Entry)
    assert (entry.id, entry.speaker, entry.audio) == ("mcpm0-si4", "mcpm0", original)
    assert entry.custom == {"sentence": "si4", "dialect": "dr3"}
    assert entry.phones == ()


def test_a_sentence_without_word_labels_is_kept_and_counted(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    for name in ("sx1", "sx2"):
        sentence(tmp_path / "t/dr1/fcjf0" / name, phn="")
        record(tmp_path / f"t/dr1/fcjf0/{name}.wav")
    (tmp_path / "t/dr1/fcjf0/SX2.WRD").unlink()
    found = prepare_by_ssr(tmp_path / "t")
    assert len(found.cuts) == 2
    assert found.summary["words"]["cuts without"] == 1


def test_a_transcript_in_another_encoding_does_not_stop_the_corpus(tmp_path: Path) -> None:
    sentence(tmp_path / "FCJF0/SA1")
    (tmp_path / "FCJF0/SA1.TXT").write_bytes(b"0 1 caf\xe9")
    (rejected,) = read_timit(tmp_path)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "unreadable transcript"


def test_a_folder_without_sentences_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no sentence of TIMIT"):
        list(read_timit(tmp_path))


@pytest.mark.skipif(not (SHARED / "data/timit_dr1").is_dir(), reason="no shared data: set SSR_SHARED to its folder")
def test_real_sentences(tmp_path: Path) -> None:
    summary = prepare(SHARED / "data/timit_dr1", tmp_path / "out")
    assert (summary.corpus, summary.cuts, summary.speakers, summary.rejected) == ("timit", 20, 2, {})
    assert summary.words is not None
    assert summary.words["cuts with word times"] == 20
