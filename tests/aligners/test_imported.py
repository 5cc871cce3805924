import numpy as np

from ssr_connector.aligners.formats import FORMATS, TimedUtterance
from ssr_connector.aligners.imported import ImportedAligner, read_timed_words
from ssr_connector.data.textgrid import write_textgrid
from ssr_connector.types import TimedWord, Waveform


def test_textgrids_give_back_any_id(tmp_path):
    ids = ["a/b 1", "../up", "50%", "plain.v2"]
    word = TimedWord("x", 0.0, 0.5)
    FORMATS["textgrid"](tmp_path, [TimedUtterance(id_, "x", 1.0, (word,)) for id_ in ids], [])
    assert set(ids) <= set(read_timed_words(tmp_path / "textgrid"))
    assert list(read_timed_words(tmp_path / "textgrid" / "a%2Fb 1.TextGrid")) == ["a/b 1"]


def test_a_folder_in_the_folder_may_be_a_part_of_the_id(tmp_path):
    for name in ("s1/a", "s2/a", "s2/b"):
        write_textgrid(tmp_path / f"{name}.TextGrid", {"words": [TimedWord(name, 0.0, 0.5)]}, 1.0)
    found = {id_: words[0].text for id_, words in read_timed_words(tmp_path).items()}
    assert found == {"s1/a": "s1/a", "s2/a": "s2/a", "s2/b": "s2/b", "b": "s2/b"}  # "a" would be either


def test_a_bad_grid_is_a_reason_for_its_own_utterance_alone(tmp_path):
    write_textgrid(tmp_path / "good.TextGrid", {"words": [TimedWord("x", 0.0, 0.5)]}, 1.0)
    (tmp_path / "bad.textgrid").write_text("junk")
    aligner, audio = ImportedAligner.read(tmp_path), Waveform(np.zeros(16000, np.float32), 16000)
    assert [word.text for word in aligner.align_words("good", audio, "x")] == ["x"]
    assert "bad.textgrid" in aligner.align_words("bad", audio, "x").reason


def test_words_that_look_like_silence_are_words(tmp_path):
    (tmp_path / "w.ctm").write_text("u 1 0.0 0.1 sil\nu 1 0.1 0.2 SP\nu 1 0.3 0.1 sp\nu 1 0.4 0.2 ratio 0.5\n")
    found = ImportedAligner.read(tmp_path / "w.ctm").align_words(
        "u", Waveform(np.zeros(16000, np.float32), 16000), "SP ratio"
    )
    assert [(w.text, w.start_s) for w in found] == [("SP", 0.1), ("ratio", 0.4)]
    assert found[1].score == np.log(0.5)


def test_words_parted_otherwise_are_taken(tmp_path):
    (tmp_path / "w.ctm").write_text("u 1 0.0 0.2 well\nu 1 0.2 0.2 known\n")
    aligner = ImportedAligner.read(tmp_path / "w.ctm")
    assert aligner.align_words("u", Waveform(np.zeros(16000, np.float32), 16000), "Well-known.") == [
        TimedWord("Well-known.", 0.0, 0.4)
    ]
