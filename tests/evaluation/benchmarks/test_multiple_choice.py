import json

import pytest

from ssr_connector.evaluation.benchmarks.layout import Options
from ssr_connector.evaluation.benchmarks.multiple_choice import FILE, parts, read
from ssr_connector.evaluation.tasks import TASKS, text_parts


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("query", "context"),
    [
        ("Question: Why?", "Question: Why?\nAnswer:"),
        ("Question: Why?\n", "Question: Why?\nAnswer:"),
        ("Question: Why?\nChoices:\nA. x\nAnswer:", "Question: Why?\nChoices:\nA. x\nAnswer:"),
        ("Predators eat", "Predators eat"),
    ],
)
def test_queries_ask_for_an_answer(query, context):
    assert parts({"query": query, "choices": ["a", " b "], "gold": 0}) == (context, ["a", "b"])


def test_questions_and_schemas_are_read_and_bad_ones_named(tmp_path):
    write(
        tmp_path / "arc.jsonl",
        {"query": "Question: Why?", "choices": ["so", "thus"], "gold": 1},
        {"query": "Why?", "choices": ["so", "thus"], "gold": 2},
        {"query": "Why?", "choices": ["so"], "gold": 0},
        {"query": "Why?", "choices": ["so", 3], "gold": 0},
    )
    write(tmp_path / "wsc.jsonl", {"context_options": ["As he", "As she"], "continuation": "ran.", "gold": 0})
    write(tmp_path / "lambada.jsonl", {"context": "In my", "continuation": "palm"})
    layout = read(tmp_path, Options())
    question, schema = layout.questions[FILE]
    assert text_parts(TASKS["multiple_choice"])(question) == (["Question: Why?\nAnswer:"], [[" so"], [" thus"]])
    assert text_parts(TASKS["multiple_choice"])(schema) == ([""], [["As he ran."], ["As she ran."]])
    assert (question.id, question.group, question.answer, schema.answer) == ("arc/1", "arc", 1, 0)
    assert {r.id: r.reason for r in layout.rejected} == {
        "arc/2": "no such answer",
        "arc/3": "no choices",
        "arc/4": "no choices",
        "lambada/1": "no choices",
    }


def test_the_real_files_are_read_whole(shared):
    layout = read(shared("multiple_choice"), Options())
    counts: dict[str, int] = {}
    for item in layout.questions[FILE]:
        counts[item.group] = counts.get(item.group, 0) + 1
    assert counts["piqa"] == 1838
    assert counts["arc_easy"] == 2376
    assert counts["winograd_wsc"] == 273
    assert {r.id.partition("/")[0] for r in layout.rejected} == {"lambada_openai"}
    assert len(layout.rejected) == 5153
