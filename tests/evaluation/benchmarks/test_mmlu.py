import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.layout import Options
from ssr_connector.evaluation.benchmarks.mmlu import FILE, read

QUESTION = '"Which is ""big"", a or b?",one,"two, too",3,0.50,C\n'
PROMPT = """\
The following are multiple choice questions (with answers) about  us foreign policy.

First?
A. a
B. b
C. c
D. d
Answer: B

Second?
A. 1
B. 2
C. 3
D. 4
Answer: D

Which is "big", a or b?
A. one
B. two, too
C. 3
D. 0.50
Answer:"""


def write(root, split="test", rows=QUESTION, dev="First?,a,b,c,d,B\nSecond?,1,2,3,4,D\n", subject="us_foreign_policy"):
    for name, text in ((split, rows), ("dev", dev)):
        (root / name).mkdir(exist_ok=True)
        (root / name / f"{subject}_{name}.csv").write_text(text)
    return root


def only(layout):
    (item,) = layout.questions[FILE]
    return item


def test_the_prompt_is_hendrycks_own(tmp_path):
    item = only(read(write(tmp_path), Options(shots=2)))
    assert item.written == PROMPT
    assert [c.text for c in item.choices] == ["A", "B", "C", "D"]
    assert (item.answer, item.group, item.id) == (2, "us foreign policy", "us_foreign_policy/0")
    assert item.context.text == item.context.audio == ""


def test_examples_and_header_by_option(tmp_path):
    write(tmp_path)
    bare = only(read(tmp_path, Options(shots=0, header=False))).written
    assert bare == PROMPT[PROMPT.index("Which") :]
    headed = only(read(tmp_path, Options(shots=0))).written
    assert headed == PROMPT[: PROMPT.index("First")] + bare
    one = only(read(tmp_path, Options(shots=1, header=False))).written
    assert one == PROMPT[PROMPT.index("First") : PROMPT.index("Second")] + bare
    for shots in (-1, 6):
        with pytest.raises(UserError, match="0 to 5"):
            read(tmp_path, Options(shots=shots))


def test_the_test_set_comes_before_the_validation_set(tmp_path):
    write(write(tmp_path, "val", "Val?,a,b,c,d,A\n"))
    assert only(read(tmp_path, Options(shots=0))).answer == 2
    assert only(read(tmp_path, Options(shots=0, split="val"))).answer == 0
    assert read(tmp_path, Options(shots=0, split="val")).split == "val"
    with pytest.raises(UserError, match="--split dev"):
        read(tmp_path, Options(split="dev"))


def test_bad_rows_are_named_and_the_rest_is_read(tmp_path):
    rows = "Few?,a,b,A\n" + QUESTION + "Letter?,a,b,c,d,E\nEmpty?,a,b,c,d,\n" + 'Open?,"a,b,c,d,A\nLost?,a,b,c,d,A\n'
    layout = read(write(tmp_path, rows=rows), Options(shots=0))
    assert [i.answer for i in layout.questions[FILE]] == [2]
    assert [(r.id, r.reason) for r in layout.rejected] == [
        ("us_foreign_policy_test.csv, line 1", "malformed line"),
        ("us_foreign_policy_test.csv, line 3", "no such answer"),
        ("us_foreign_policy_test.csv, line 4", "no such answer"),
        ("test/us_foreign_policy_test.csv, line 5 to the end", "broken quotes"),
    ]


@pytest.mark.parametrize("answer", ["AB", "ABCD", "BC", ""])
def test_several_letters_are_no_answer(tmp_path, answer):
    layout = read(write(tmp_path, rows=f"Why?,a,b,c,d,{answer}\nWho?,a,b,c,d,D\n"), Options(shots=0))
    assert [i.answer for i in layout.questions[FILE]] == [3]
    assert [r.reason for r in layout.rejected] == ["no such answer"]


def test_missing_examples_and_missing_tests_are_named(tmp_path):
    write(tmp_path)
    write(tmp_path, subject="virology")
    (tmp_path / "test" / "virology_test.csv").unlink()
    layout = read(tmp_path, Options(shots=3))
    assert layout.questions == {}
    assert [(r.id, r.detail) for r in layout.remarks] == [("test/", "1")]
    assert {r.id: r.reason for r in layout.rejected} == {
        "us_foreign_policy/0": "too few examples",
        "test/virology_test.csv": "missing file",
    }
    (tmp_path / "dev").rename(tmp_path / "train")
    assert only(read(tmp_path, Options(shots=0)))
    with pytest.raises(UserError, match="no folder dev"):
        read(tmp_path, Options())
    with pytest.raises(UserError, match="no folder test or val"):
        read(tmp_path / "train", Options())
    with pytest.raises(UserError, match="not a folder"):
        read(tmp_path / "nowhere", Options())


def test_the_real_files_are_read_whole(shared):
    layout = read(shared("mmlu"), Options(split="val"))
    assert len(layout.questions[FILE]) == 1542
    assert len({i.group for i in layout.questions[FILE]}) == 57
    assert layout.rejected == layout.remarks == []
    for item in layout.questions[FILE]:
        assert item.written.startswith(
            "The following are multiple choice questions (with answers) about  " + item.group
        )
        assert item.written.count("\nAnswer: ") >= 5
        assert item.written.endswith("\nAnswer:")
