from pathlib import Path
from typing import Any

import pytest

from ssr_connector.data.entry import Entry
from ssr_connector.data.l2_arctic import is_l2_arctic, read_l2_arctic
from ssr_connector.data.textgrid import write_textgrid
from ssr_connector.errors import UserError
from ssr_connector.types import TimedWord


def corpus(root: Path, record: Any) -> Path:
    texts = {"a0001": "Author of it.", "a0002": "No file.", "a0003": "", "a0004": "Odd times.", "a0005": "No times."}
    for folder in ("transcript", "textgrid"):
        (root / "ABA" / folder).mkdir(parents=True)
    for name, text in texts.items():
        (root / f"ABA/transcript/arctic_{name}.txt").write_text(text)
        if name != "a0002":
            record(root / f"ABA/wav/arctic_{name}.wav", rate_hz=44_100)
    record(root / "ABA/wav/arctic_a0006.wav", rate_hz=44_100)
    words = [("sil", 0, 0.5), ("author", 0.5, 1), ("of", 1, 1.25), ("it", 1.25, 1.5)]
    tiers = {"words": [TimedWord(*word) for word in words], "phones": [TimedWord("AO1", 0.5, 0.75)]}
    write_textgrid(root / "ABA/textgrid/arctic_a0001.TextGrid", tiers, 2.0)
    (root / "ABA/textgrid/arctic_a0004.TextGrid").write_text("no grid")
    (root / "suitcase_corpus/transcript").mkdir(parents=True)
    (root / "suitcase_corpus/transcript/aba.txt").write_text("So he bought a suitcase.")
    record(root / "suitcase_corpus/wav/aba.wav", 3, rate_hz=44_100)
    return root


def test_a_corpus_is_prepared_with_its_word_times(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    found = prepare_by_ssr(corpus(tmp_path / "l2", record))
    assert found.summary["corpus"] == "l2arctic"
    assert sorted(found.cuts) == ["aba-arctic_a0001", "aba-arctic_a0005", "suitcase-aba"]
    assert found.words("aba-arctic_a0001") == [("author", 0.5, 1.0), ("of", 1.0, 1.25), ("it", 1.25, 1.5)]
    assert found.words("aba-arctic_a0001", "phone") == [("AO1", 0.5, 0.75)]
    assert {cut.supervisions[0].speaker for cut in found.cuts.values()} == {"aba"}
    assert found.cuts["suitcase-aba"].supervisions[0].custom == {"first_language": "ar"}
    assert found.cuts["suitcase-aba"].supervisions[0].text == "So he bought a suitcase."
    assert found.rejected == {
        "aba-arctic_a0002": "missing file",
        "aba-arctic_a0003": "empty transcript",
        "aba-arctic_a0004": "malformed word times",
        "aba-arctic_a0006": "missing transcript",
    }
    assert found.summary["words"]["cuts without"] == 2


def test_a_single_speaker_and_a_folder_around_the_corpus(tmp_path: Path, record: Any) -> None:
    source = corpus(tmp_path / "l2", record)
    for folder, n in ((source / "ABA", 5), (tmp_path, 6)):
        assert is_l2_arctic(folder)
        entries = [entry for entry in read_l2_arctic(folder) if isinstance(entry, Entry)]
        assert len(entries) == n - 1  # without the malformed one
        assert entries[0].speaker == "aba"


def test_another_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "ABA/transcript").mkdir(parents=True)
    assert not is_l2_arctic(tmp_path)
    with pytest.raises(UserError, match="holds no wav/ and transcript/"):
        list(read_l2_arctic(tmp_path))
