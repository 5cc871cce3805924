import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.layout import Options
from ssr_connector.evaluation.benchmarks.style import FILE, read
from ssr_connector.evaluation.choice import read_choices


def test_a_folder_of_folders(tmp_path, record):
    for k, name in enumerate(("whispered/b_10.wav", "whispered/b_2.wav", "out_loud/b2.flac")):
        record(tmp_path / "style" / name, k)
    (tmp_path / "style" / "out_loud" / "notes.txt").write_text("")
    (tmp_path / "style" / "sung").mkdir()
    layout = read(tmp_path / "style", Options())
    items = layout.questions[FILE]
    assert [(i.id, i.group, i.answer) for i in items] == [
        ("out_loud/b2", "out loud", 0),
        ("whispered/b_2", "whispered", 1),
        ("whispered/b_10", "whispered", 1),
    ]
    assert all([c.text for c in i.choices] == ["out loud", "whispered"] and not i.context.text for i in items)
    assert [(r.id, r.reason) for r in layout.rejected] == [("sung", "a label without recordings")]
    assert [r.id for r in layout.remarks] == ["out_loud/notes.txt"]


def test_a_table_with_texts_and_speakers(tmp_path):
    (tmp_path / "t.csv").write_text(
        "label,audio,text,speaker,mood\nfast,a.wav,Go on.,ann,x\nslow,b.wav,Go on.,ann,x\n,c.wav,,,\n"
    )
    layout = read(tmp_path / "t.csv", Options())
    fast, slow = layout.questions[FILE]
    assert (fast.context.text, fast.context.audio, fast.speaker) == ("Go on.", str(tmp_path / "a.wav"), "ann")
    assert (fast.answer, slow.answer) == (0, 1)
    assert [r.id for r in layout.rejected] == ["line 4"]
    assert [r.id for r in layout.remarks] == ["mood"]


def test_one_label_is_nothing_to_tell_apart(tmp_path, record):
    record(tmp_path / "calm" / "a.wav")
    with pytest.raises(UserError, match=r"holds 1 labels with recordings \(calm\): give two or more"):
        read(tmp_path, Options())
    with pytest.raises(UserError, match="neither a folder"):
        read(tmp_path / "calm" / "a.wav", Options())


def test_from_the_folders_to_the_questions_of_evaluate(tmp_path, record):
    from ssr_connector.cli import main

    for k in range(6):
        record(tmp_path / "style" / ("calm", "angry")[k % 2] / f"{k}.wav", k)
    (tmp_path / "style" / "calm" / "broken.wav").write_bytes(b"no audio")
    assert main(["import-benchmark", "style", str(tmp_path / "style"), "--out", str(tmp_path / "tasks")]) == 0
    items = read_choices(tmp_path / "tasks" / FILE)
    assert [i.choices[i.answer].text for i in items] == [i.group for i in items] == ["angry"] * 3 + ["calm"] * 3
