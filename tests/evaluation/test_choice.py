import json

import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.choice import Choice, Example, Spoken, read_choices, score_choices, value
from ssr_connector.model.scoring import Score


class Planted:
    """Stands for a model whose log-likelihoods are written in the continuation: "sum/tokens"."""

    def loglikelihood(self, pairs, batch_tokens):
        out = []
        for _, (continuation,) in pairs:
            total, n = continuation.split("/")
            out.append(Score(float(total), int(n)))
        return out


def item(*choices, answer=0, group=""):
    return Choice("q", group, Spoken(""), tuple(Spoken(c) for c in choices), answer)


def parts(question):
    return [], [[c.text] for c in question.choices]


def test_right_wrong_and_ties():
    items = [
        item("-1/1", "-2/1"),
        item("-1/1", "-2/1", answer=1),
        item("-3/1", "-3/1"),
        item("-3/1", "-3/1", "-9/1", answer=2),
    ]
    outcome = score_choices(Planted(), items, parts, "sum", 100)
    assert outcome.correct == [1.0, 0.0, 0.5, 0.0]
    assert outcome.ties == 2


def test_mean_and_sum_can_disagree():
    long_ending = [item("-4/4", "-3/1")]
    assert score_choices(Planted(), long_ending, parts, "mean", 100).correct == [1.0]
    assert score_choices(Planted(), long_ending, parts, "sum", 100).correct == [0.0]


def test_silence_never_wins_either_way():
    assert value(Score(0.0, 0), "sum") == value(Score(0.0, 0), "mean") == float("-inf")


def test_reading_resolves_recordings_beside_the_file(tmp_path):
    row = {
        "id": "a",
        "group": "g",
        "context": {"text": "Hello.", "audio": "audio/a.flac"},
        "choices": [{"text": "A"}, {"text": "B", "audio": "b.wav"}],
        "answer": 1,
        "prompt": " So:",
        "kinds": ["3 phones", "long"],
    }
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (found,) = read_choices(path)
    assert found.context == Spoken("Hello.", str(tmp_path / "audio" / "a.flac"))
    assert found.choices == (Spoken("A"), Spoken("B", str(tmp_path / "b.wav")))
    assert (found.answer, found.prompt, found.group) == (1, " So:", "g")
    assert found.kinds == ("3 phones", "long")


def test_examples_are_heard_or_as_older_files_have_them_written(tmp_path):
    row = {"id": "a", "choices": [{"text": "A"}, {"text": "B"}], "answer": 0}
    row["examples"] = [{"context": {"text": "Up?", "audio": "e.flac"}, "written": " So: A\n\n"}, "Down? So: B\n\n"]
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (found,) = read_choices(path)
    heard, written = found.examples
    assert heard == Example(Spoken("Up?", str(tmp_path / "e.flac")), " So: A\n\n")
    assert written == Example(Spoken(""), "Down? So: B\n\n")
    assert found.contexts == (heard.context, written.context, found.context)


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        '{"id": "a"}',
        '{"id": "a", "choices": [{"text": "x"}], "answer": 0}',
        '{"id": "a", "choices": [{"text": "x"}, {"text": "y"}], "answer": 2}',
        '{"id": "a", "choices": [{"text": "x"}, {"text": "y"}], "answer": "0"}',
        "[]",
        '{"id": "a", "choices": [{"text": "x"}, {"text": "y"}], "answer": 0, "kinds": "long"}',
        '{"id": 7, "choices": [{"text": "x"}, {"text": "y"}], "answer": 0}',
        '{"id": "a", "group": null, "choices": [{"text": "x"}, {"text": "y"}], "answer": 0}',
        '{"id": "a", "prompt": 1, "choices": [{"text": "x"}, {"text": "y"}], "answer": 0}',
        '{"id": "a", "written": [], "choices": [{"text": "x"}, {"text": "y"}], "answer": 0}',
        '{"id": "a", "cluster": 3, "choices": [{"text": "x"}, {"text": "y"}], "answer": 0}',
        '{"id": "a", "speaker": null, "choices": [{"text": "x"}, {"text": "y"}], "answer": 0}',
        '{"id": "a", "context": {"text": null}, "choices": [{"text": "x"}, {"text": "y"}], "answer": 0}',
        '{"id": "a", "context": {"audio": 1}, "choices": [{"text": "x"}, {"text": "y"}], "answer": 0}',
        '{"id": "a", "choices": [{"text": 1}, {"text": "y"}], "answer": 0}',
        '{"id": "a", "choices": [{"text": "x"}, {"text": "y"}], "answer": 0, "examples": "Up? A"}',
        '{"id": "a", "choices": [{"text": "x"}, {"text": "y"}], "answer": 0, "examples": [3]}',
        '{"id": "a", "choices": [{"text": "x"}, {"text": "y"}], "answer": 0, "examples": [{"context": {"text": "x"}}]}',
    ],
)
def test_a_bad_line_is_named(tmp_path, line):
    path = tmp_path / "t.jsonl"
    path.write_text('{"id": "ok", "choices": [{"text": "x"}, {"text": "y"}], "answer": 0}\n' + line + "\n")
    with pytest.raises(UserError, match="line 2"):
        read_choices(path)


def test_an_id_that_comes_twice_is_named_with_both_lines(tmp_path):
    row = {"choices": [{"text": "x"}, {"text": "y"}], "answer": 0}
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps({"id": name, **row}) + "\n" for name in "abca"))
    with pytest.raises(UserError, match=r"t.jsonl, line 4, is not a question \(line 1 has the id 'a', too\)"):
        read_choices(path)


def test_missing_and_empty_files(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        read_choices(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(UserError, match="no questions"):
        read_choices(tmp_path / "empty.jsonl")


def test_line_separators_inside_of_a_text_end_no_line(tmp_path):
    row = {"id": "a", "choices": [{"text": "x\u2028y\x85z"}, {"text": "y\x0cz"}], "answer": 1}
    path = tmp_path / "t.jsonl"
    for end in ("", "\n", "\r\n"):
        path.write_bytes((json.dumps(row, ensure_ascii=False) + end).encode())
        (found,) = read_choices(path)
        assert [c.text for c in found.choices] == ["x\u2028y\x85z", "y\x0cz"]
