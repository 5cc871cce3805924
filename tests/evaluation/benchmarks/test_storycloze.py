import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.conversion import read_benchmark
from ssr_connector.evaluation.benchmarks.layout import Options
from ssr_connector.evaluation.benchmarks.storycloze import SPOKEN_FILE, TOPIC_FILE, WRITTEN_FILE, read
from ssr_connector.evaluation.tasks import TASKS, TEXT, lack

HEADER = (
    "InputStoryid,InputSentence1,InputSentence2,InputSentence3,InputSentence4,"
    "RandomFifthSentenceQuiz1,RandomFifthSentenceQuiz2,AnswerRightEnding\n"
)
ROWS = 'u-1,He ran.,"Far, far.",He fell.,He rose.,He ate.,He won.,2\nu-2,A.,B.,C.,D.,Right.,Wrong.,1\n'


def write(root, rows=ROWS, name="cloze_test.csv", encoding="utf-8-sig"):
    root.mkdir(exist_ok=True)
    (root / name).write_text(HEADER + rows, encoding=encoding)
    return root


def spoken(root, record, folder, *names):
    for k, name in enumerate(names):
        record(root / folder / name, k)
    return root


def test_the_written_test_with_a_byte_order_mark(tmp_path):
    layout = read(write(tmp_path), Options())
    first, second = layout.questions[WRITTEN_FILE]
    assert first.context.text == "He ran. Far, far. He fell. He rose."
    assert [c.text for c in first.choices] == ["He ate.", "He won."]
    assert (first.id, first.answer, first.group) == ("u-1", 1, "true")
    assert second.answer == 0
    assert SPOKEN_FILE not in layout.questions


def test_whole_stories_are_paired_by_their_id(tmp_path, record):
    write(tmp_path)
    # one index for each recording, and in the other folder one for each story
    spoken(
        tmp_path, record, "sSC", "3_u-2_incorrect.wav", "0_u-1_correct.wav", "1_u-1_incorrect.wav", "2_u-2_correct.wav"
    )
    spoken(tmp_path, record, "tSC", "0_u-1_correct.wav", "0_u-1_incorrect.wav")
    (tmp_path / "tSC" / "0_u-1_incorrect.txt").write_text("He ran.\nThe cat slept.")
    layout = read(tmp_path, Options())
    assert layout.rejected == []
    true, other = layout.questions[SPOKEN_FILE]
    (random,) = layout.questions[TOPIC_FILE]
    assert (true.id, other.id, random.id) == ("sSC/u-1", "sSC/u-2", "tSC/u-1")
    assert (true.group, random.group) == ("true", "random")
    assert true.cluster == random.cluster == "u-1"
    assert true.context.text == true.context.audio == ""
    assert [c.audio.rpartition("/")[2] for c in true.choices] == ["0_u-1_correct.wav", "1_u-1_incorrect.wav"]
    story = "He ran. Far, far. He fell. He rose."
    assert [c.text for c in true.choices] == [f"{story} He won.", f"{story} He ate."]
    assert [c.text for c in random.choices] == [f"{story} He won.", "He ran. The cat slept."]
    assert [(r.id, r.reason) for r in layout.remarks] == [("u-2", "a story without recordings in tSC")]


def test_unpaired_and_strangely_named_recordings_are_rejected(tmp_path, record):
    names = [
        "0_a_correct.wav",
        "1_b_correct.wav",
        "1_b_incorrect.wav",
        "intro.wav",
        "2_c_correct.wav",
        "3_c_correct.wav",
    ]
    layout = read(spoken(tmp_path, record, "sSC", *names), Options())
    assert [i.id for i in layout.questions[SPOKEN_FILE]] == ["sSC/b"]
    assert {r.id: r.reason for r in layout.rejected} == {
        "a": "unpaired",
        "c": "unpaired",
        "sSC/intro.wav": "a recording that is not called INDEX_STORY_correct or INDEX_STORY_incorrect",
    }


def test_a_story_that_is_there_twice_is_paired_by_its_index(tmp_path, record):
    names = ["4_a_correct.wav", "4_a_incorrect.wav", "9_a_correct.wav", "9_a_incorrect.wav"]
    layout = read(spoken(tmp_path, record, "stories", *names), Options())
    assert [(i.id, i.cluster, i.group) for i in layout.questions[SPOKEN_FILE]] == [
        ("stories/a 4", "a", ""),
        ("stories/a 9", "a", ""),
    ]


def test_a_folder_above_says_what_the_endings_are_and_a_bad_text_is_named(tmp_path, record):
    spoken(tmp_path, record, "tStoryCloze/wav", "0_a_correct.wav", "0_a_incorrect.wav")
    spoken(tmp_path, record, "mine", "0_a_correct.wav", "0_a_incorrect.wav")
    (tmp_path / "mine" / "0_a_correct.txt").write_bytes(b"caf\xe9")
    layout = read(tmp_path, Options())
    assert {i.id: i.group for i in layout.questions[SPOKEN_FILE]} == {"mine/a": ""}
    assert {i.id: i.group for i in layout.questions[TOPIC_FILE]} == {"tStoryCloze/wav/a": "random"}
    assert [i.group for i in read(tmp_path / "tStoryCloze", Options()).questions[TOPIC_FILE]] == ["random"]
    assert [r.id for r in layout.remarks] == ["mine", "mine/0_a_correct.txt"]


def test_both_spoken_tests_are_kept_and_the_one_whose_texts_are_known_can_be_read(tmp_path, record):
    write(tmp_path)
    for folder in ("sSC/wav", "tSC/wav"):
        spoken(tmp_path, record, folder, "0_u-1_correct.wav", "0_u-1_incorrect.wav")
    found = read_benchmark("storycloze", tmp_path, Options())
    assert found.rejected == []
    assert [i.id for i in found.questions[SPOKEN_FILE]] == ["sSC/wav/u-1"]
    assert [i.id for i in found.questions[TOPIC_FILE]] == ["tSC/wav/u-1"]
    assert lack(TASKS["storycloze_whole"], TEXT, found.questions[SPOKEN_FILE]) == ""
    assert lack(TASKS["storycloze_topic"], TEXT, found.questions[TOPIC_FILE]) == "not every choice is written down"


def test_a_story_that_comes_twice_is_not_lost_silently(tmp_path):
    found = read_benchmark("storycloze", write(tmp_path, ROWS + ROWS[: ROWS.index("u-2")]), Options())
    assert [i.id for i in found.questions[WRITTEN_FILE]] == ["u-1", "u-2"]
    assert [(r.id, r.reason) for r in found.rejected] == [("u-1", "duplicate id")]


def test_bad_rows_are_named(tmp_path):
    rows = ROWS + "u-3,A.,B.,C.,D.,E.,F.,3\nu-4,A.,,C.,D.,E.,F.,1\nu-5,A.\n"
    layout = read(write(tmp_path, rows, encoding="utf-8"), Options())
    assert len(layout.questions[WRITTEN_FILE]) == 2
    assert [(r.id, r.reason) for r in layout.rejected] == [
        ("u-3", "no such answer"),
        ("u-4", "an empty field"),
        ("cloze_test.csv, line 6", "malformed line"),
    ]


def test_two_tables_want_a_choice_and_an_empty_folder_is_named(tmp_path):
    write(tmp_path, "", "cloze_val.csv")
    write(tmp_path)
    with pytest.raises(UserError, match=r"several tables of stories \(cloze_test.csv, cloze_val.csv\)"):
        read(tmp_path, Options())
    assert len(read(tmp_path, Options(split="test")).questions[WRITTEN_FILE]) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="neither a CSV"):
        read(tmp_path / "empty", Options())
    with pytest.raises(UserError, match="not a folder"):
        read(tmp_path / "cloze_test.csv", Options())


def test_the_score_of_whole_stories_by_hand(tmp_path, record, score):
    names = [
        f"{k}_{u}_{kind}.wav" for k, (u, kind) in enumerate((u, c) for u in "ab" for c in ("correct", "incorrect"))
    ]
    items = read(spoken(tmp_path, record, "sSC", *names), Options()).questions[SPOKEN_FILE]
    scores = {"0_a_correct": -1.0, "1_a_incorrect": -2.0, "2_b_correct": -3.0, "3_b_incorrect": -3.0}
    row = score("storycloze_whole", items, scores)
    assert (row.value, row.n, row.chance, row.ties) == (75, 2, 50, 50)
