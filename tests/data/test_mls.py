from pathlib import Path
from typing import Any

import pytest

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.mls import is_mls, read_mls
from ssr_connector.errors import UserError


def corpus(root: Path, record: Any, name: str = "mls_german") -> Path:
    lines = {
        "train": [
            "10_20_000000\tguten tag",
            "10_20_000001\tdas fehlt",
            "11_21_000000\t",
            "kaputt\tzeile",
            f"10_20_{'9' * 300}\tlang",
            "12_22_000000",
        ],
        "dev": ["30_40_000000\tnoch einer"],
    }
    for subset, transcripts in lines.items():
        (root / name / subset / "audio").mkdir(parents=True)
        (root / name / subset / "transcripts.txt").write_text("\n".join(transcripts) + "\n", encoding="utf-8")
    record(root / name / "train/audio/10/20/10_20_000000.flac")
    record(root / name / "train/audio/11/21/11_21_000000.flac")
    record(root / name / "dev/audio/30/40/30_40_000000.opus")
    return root / name


def test_a_language_is_prepared_with_what_is_bad_listed(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    found = prepare_by_ssr(corpus(tmp_path, record))
    assert found.summary["corpus"] == "mls"
    assert {id_: cut.supervisions[0].text for id_, cut in found.cuts.items()} == {
        "10_20_000000": "guten tag",
        "30_40_000000": "noch einer",
    }
    supervision = found.cuts["30_40_000000"].supervisions[0]
    assert (supervision.speaker, supervision.language, supervision.custom) == ("30", "de", {"subset": "dev"})
    assert found.cuts["30_40_000000"].recording.sources[0].source.endswith("dev/audio/30/40/30_40_000000.opus")
    assert found.rejected == {
        "10_20_000001": "missing file",
        "11_21_000000": "empty transcript",
        "kaputt": "malformed line",
        "12_22_000000": "malformed line",
        f"10_20_{'9' * 300}": "unreadable file",
    }


def test_a_line_that_is_not_utf8_spoils_no_other(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    source = corpus(tmp_path, record)
    transcripts = source / "train/transcripts.txt"
    transcripts.write_bytes(transcripts.read_bytes().replace(b"das fehlt", b"stra\xdfe"))
    found = prepare_by_ssr(source)
    assert found.rejected["10_20_000001"] == "not Unicode text"
    assert len(found.cuts) == 2


def test_one_subset_by_name_or_by_its_folder(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    source = corpus(tmp_path, record)
    assert list(prepare_by_ssr(source, "--subset", "dev").cuts) == ["30_40_000000"]
    (entry,) = read_mls(source / "dev")
    assert isinstance(entry, Entry)
    assert (entry.language, entry.custom) == ("de", {"subset": "dev"})
    error = prepare_by_ssr(source, "--subset", "test").printed
    assert "no subset 'test'" in error
    assert "train, dev" in error


@pytest.mark.parametrize(
    ("name", "language"), [("mls_polish_opus", "pl"), ("mls_klingon", None), ("mine", None), ("mls_dutch", "nl")]
)
def test_the_language_comes_from_the_folder(tmp_path: Path, record: Any, name: str, language: str | None) -> None:
    source = corpus(tmp_path, record, name)
    assert is_mls(source)
    assert is_mls(source / "dev")
    assert {e.language for e in read_mls(source) if isinstance(e, Entry)} == {language}


def test_a_subset_without_transcripts_is_named(tmp_path: Path, record: Any) -> None:
    source = corpus(tmp_path, record)
    (source / "test/audio").mkdir(parents=True)
    *_, last = read_mls(source)
    assert isinstance(last, Rejected)
    assert (last.id, last.reason) == ("test", "missing transcript")


def test_another_folder_is_no_mls(tmp_path: Path) -> None:
    (tmp_path / "transcripts.txt").touch()
    assert not is_mls(tmp_path)
    with pytest.raises(UserError, match="holds no transcripts"):
        list(read_mls(tmp_path / "audio"))
