from pathlib import Path

import pytest

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.librispeech import is_librispeech, read_librispeech
from ssr_connector.errors import UserError


def corpus(root: Path) -> Path:
    for speaker, chapter, lines in (
        ("84", "121123", "84-121123-0000 GO DO YOU HEAR\n84-121123-0001 BUT IN LESS\n"),
        ("174", "50561", "174-50561-0000 FORGOTTEN TOO\n"),
    ):
        folder = root / "dev-clean" / speaker / chapter
        folder.mkdir(parents=True)
        (folder / f"{speaker}-{chapter}.trans.txt").write_text(lines)
    return root


@pytest.mark.parametrize("part", [".", "dev-clean", "dev-clean/84"])
def test_corpus_subset_and_speaker_are_read(tmp_path: Path, part: str) -> None:
    source = corpus(tmp_path) / part
    entries = {entry.id: entry for entry in read_librispeech(source) if isinstance(entry, Entry)}
    assert is_librispeech(source)
    assert len(entries) == (2 if part.endswith("84") else 3)
    entry = entries["84-121123-0001"]
    assert entry.text == "BUT IN LESS"
    assert entry.speaker == "84"
    assert entry.audio == tmp_path / "dev-clean/84/121123/84-121123-0001.flac"


def test_a_strange_line_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "x.trans.txt").write_text("hello there\n")
    (rejected,) = read_librispeech(tmp_path)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "malformed line"


def test_a_folder_without_transcripts_is_named(tmp_path: Path) -> None:
    assert not is_librispeech(tmp_path)
    with pytest.raises(UserError, match="holds no"):
        list(read_librispeech(tmp_path))
