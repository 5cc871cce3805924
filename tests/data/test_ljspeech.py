from pathlib import Path

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.ljspeech import is_ljspeech, read_ljspeech


def test_the_normalised_transcript_is_taken(tmp_path: Path) -> None:
    lines = ['LJ001-0001|In 1455, "so"|In fourteen fifty-five, "so"', "LJ001-0002|Same.|Same.", "LJ001-0003|Only raw"]
    (tmp_path / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    first, second, third = read_ljspeech(tmp_path)
    assert first == Entry(
        "LJ001-0001",
        tmp_path / "wavs" / "LJ001-0001.wav",
        'In fourteen fifty-five, "so"',
        speaker="LJ",
        language="en",
        custom={"raw_text": 'In 1455, "so"'},
    )
    assert isinstance(second, Entry)
    assert second.custom == {}
    assert isinstance(third, Entry)
    assert third.text == "Only raw"
    assert not is_ljspeech(tmp_path)
    (tmp_path / "wavs").mkdir()
    assert is_ljspeech(tmp_path)
    assert not is_ljspeech(tmp_path / "wavs")


def test_another_corpus_in_this_layout_is_not_taken_for_her(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("sentence_7|Guten Tag.|Guten Tag.\nLJ001-0001|Hi.|Hi.\n", encoding="utf-8")
    found = [(e.speaker, e.language) for e in read_ljspeech(tmp_path) if isinstance(e, Entry)]
    assert found == [(None, None), ("LJ", "en")]


def test_a_line_with_other_fields_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("a|b|c|d\n\nnothing\n", encoding="utf-8")
    rejected = list(read_ljspeech(tmp_path))
    assert all(isinstance(r, Rejected) and r.reason == "malformed line" for r in rejected)
    assert len(rejected) == 2
