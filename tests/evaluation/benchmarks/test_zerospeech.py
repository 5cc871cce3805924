import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.zerospeech import layout_of, read_pairs

COLUMNS = "id,filename,voice,word,correct"


def write(root, rows, columns=COLUMNS, split="dev"):
    folder = root / "lexical" / split
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gold.csv").write_text("\n".join([columns, *rows]) + "\n")
    return root


def pairs(source, split=None):
    return read_pairs(source, "lexical", split, ("id",), "word", lambda row: ("", ()))


def test_pairs_are_found_by_voice_and_id_in_any_order(tmp_path):
    rows = ["2,e,V1,eel,1", "10,a,V1,ant,1", "2,f,V1,oel,0", "10,b,V2,unt,0", "10,c,V2,ant,1", "10,d.wav,V1,unt,0"]
    items, layout = pairs(write(tmp_path, rows))
    again, _ = pairs(write(tmp_path, rows[::-1]))
    assert items == again
    assert [i.id for i in items] == ["2-V1", "10-V1", "10-V2"]
    assert [(i.cluster, i.speaker) for i in items] == [("2", "V1"), ("10", "V1"), ("10", "V2")]
    assert [c.text for c in items[1].choices] == ["ant", "unt"]
    folder = tmp_path / "lexical" / "dev"
    assert [c.audio for c in items[1].choices] == [str(folder / "a.wav"), str(folder / "d.wav")]
    assert layout.rejected == layout.remarks == []


def test_unpaired_doubled_and_unlisted_are_named(tmp_path, record):
    rows = ["1,a,V1,ant,1", "2,b,V1,bee,1", "2,c,V1,boo,0", "2,d,V1,buu,0", "3,e,V1,eel,yes", "4,f,V1,elk,1,0"]
    items, layout = pairs(write(tmp_path, rows))
    record(tmp_path / "lexical" / "dev" / "g.wav")
    _, with_more = pairs(tmp_path)
    assert items == []
    assert {r.id: r.reason for r in layout.rejected} == {
        "1-V1": "unpaired",
        "2-V1": "several of one kind",
        "e": "no such value of correct",
        "gold.csv, line 7": "malformed line",
    }
    assert [(r.id, r.reason) for r in with_more.remarks] == [("g.wav", "a recording that gold.csv does not list")]


def test_splits(tmp_path):
    write(tmp_path, ["1,a,V1,ant,1", "1,b,V1,unt,0"])
    write(tmp_path, ["7,a,V1,ant,1", "7,b,V1,unt,0"], split="test")
    for source in (tmp_path, tmp_path / "lexical"):
        assert [i.cluster for i in pairs(source)[0]] == ["1"]
        assert [i.cluster for i in pairs(source, "test")[0]] == ["7"]
    assert pairs(tmp_path, "test")[1].split == "test"
    (tmp_path / "lexical" / "dev" / "gold.csv").unlink()
    assert [i.cluster for i in pairs(tmp_path)[0]] == ["7"]


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no folder dev or test.*lexical/dev/gold.csv"):
        pairs(tmp_path)
    (tmp_path / "lexical" / "dev").mkdir(parents=True)
    with pytest.raises(UserError, match=r"gold.csv does not exist"):
        pairs(tmp_path)
    write(tmp_path, ["1,a,V1,ant"], "id,filename,speaker,word")
    with pytest.raises(UserError, match=r"no column voice, correct: its first line holds id, filename, speaker, word"):
        pairs(tmp_path)


def test_items_go_into_their_file(tmp_path):
    layout = layout_of("x.jsonl", pairs(write(tmp_path, ["1,a,V1,ant,1", "1,b,V1,unt,0"])))
    assert [i.id for i in layout.questions["x.jsonl"]] == ["1-V1"]
