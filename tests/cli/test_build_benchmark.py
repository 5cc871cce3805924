import json
import shlex
import sys
from pathlib import Path

import pytest
import soundfile

from ssr_connector.cli import main
from ssr_connector.cli.build_benchmark import EPILOG
from ssr_connector.evaluation.choice import read_choices
from ssr_connector.evaluation.spoken.question import SOURCES

FAKE = """\
import sys, numpy as np, soundfile
text = sys.stdin.read()
if "unlucky" in text:
    sys.exit("no such word")
with open(sys.argv[0] + ".log", "a") as log:
    log.write(text)
rng = np.random.default_rng(len(text))
soundfile.write(sys.argv[1], 0.1 * rng.normal(size=800 * len(text.split()) + 4000), 16000)
"""
DEV = "Is snow white?,yes,no,maybe,never,A\nIs 2 > 1?,no,so,yes,2%,C\n"
VAL = (
    "What is 5% of $20?,$1,$2,$3,$4,A\n"
    "The ____ sings,bird,dog,cat,cow,A\n"
    "The capital of Norland is,Velka,Tom,Anna,Oslo,A\n"
    "Who is unlucky?,a man,a dog,a cat,a cow,B\n"
)


@pytest.fixture
def fake(tmp_path):
    """A command that logs what it is given, and the log."""
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    return shlex.join([sys.executable, str(script), "{out}"]), tmp_path / "fake.py.log"


@pytest.fixture
def mmlu(tmp_path):
    folder = tmp_path / "mmlu"
    for name, text in (("dev", DEV), ("val", VAL)):
        (folder / name).mkdir(parents=True)
        (folder / name / f"virology_{name}.csv").write_text(text)
    return folder


def test_the_help_knows_every_source():
    assert all(name in EPILOG for name in SOURCES)


def test_from_mmlu_to_the_scores_of_both_modes(mmlu, fake, tmp_path, tiny_model, capsys):
    command, log = fake
    out = tmp_path / "spoken"
    words = ["build-benchmark", "speech-mmlu", str(mmlu), "--out", str(out), "--command", command, "--shots", "2"]
    assert main([*words, "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert "mmlu.jsonl: 2 of 4 questions, from val" in said
    assert "left out: blank: 1: virology/1" in said
    assert "left out: not spoken: 1: virology/3" in said
    rejected = (out / "rejected.tsv").read_text()
    assert "speech-mmlu/virology/1" in rejected
    assert "no such word" in rejected
    whole, second = read_choices(out / "mmlu.jsonl")
    assert whole.context.text == "What is five percent of twenty dollars? A, one dollar. B, two dollars. " + (
        "C, three dollars. D, four dollars."
    )
    assert second.context.text.startswith("The capital of Norland is: A, Velka. B, Tom.")
    assert (whole.prompt, whole.answer, whole.group, whole.speaker) == (" The answer is:", 0, "virology", "command")
    assert whole.written.endswith("What is 5% of $20?\nA. $1\nB. $2\nC. $3\nD. $4\nAnswer:")
    first = whole.examples[0]
    assert first.context.text == "Is snow white? A, yes. B, no. C, maybe. D, never."
    assert (first.written, first.context.audio) == (
        " The answer is: A\n\n",
        str(out / "audio" / "virology-dev0-voice0.flac"),
    )
    assert whole.examples == second.examples
    alone = read_choices(out / "mmlu_text_options.jsonl")[0]
    assert alone.context.text == "What is five percent of twenty dollars?"
    assert alone.prompt == "\nA. $1\nB. $2\nC. $3\nD. $4\nAnswer:"
    assert [e.context.text for e in alone.examples] == ["Is snow white?", "Is two is greater than one?"]
    assert alone.examples[1].written == "\nA. no\nB. so\nC. yes\nD. 2%\nAnswer: C\n\n"
    spoken = log.read_text().splitlines()
    assert all(spoken.count(part) == 1 for e in (*whole.examples, *alone.examples) for part in (e.context.text,))
    assert soundfile.info(alone.context.audio).frames < soundfile.info(whole.context.audio).frames
    assert json.loads((out / "build.json").read_text())["left_out"]["counts"] == {"blank": 1, "not spoken": 1}
    n = len(log.read_text().splitlines())
    (out / "audio" / "virology-0.flac").unlink()
    assert main([*words, "--jobs", "1"]) == 0
    assert len(log.read_text().splitlines()) == n + 1  # what is there is kept; what failed is tried again, in vain
    for shots in (0, 2):
        results = tmp_path / f"results{shots}"
        evaluate = ["evaluate", str(tiny_model), "--data", str(out), "--out", str(results)]
        assert main([*evaluate, "--evaluation.bootstrap", "20", "--evaluation.shots", str(shots)]) == 0
        rows = {(r["task"], r["mode"]): r for r in json.loads((results / "results.json").read_text())["rows"]}
        modes = {(t, m) for t in ("spoken_mmlu", "spoken_mmlu_text_options") for m in ("T", "S→T")}
        assert set(rows) == modes | {("mmlu", "T")}
        assert all(r["n"] == 2 for r in rows.values())
    assert main([*evaluate, "--evaluation.shots", "3"]) == 2
    assert "no question has more than 2 examples, evaluation.shots asks for 3" in capsys.readouterr().err


def test_examples_are_spoken_in_the_voice_of_the_question_and_the_next_is_taken_for_one_that_cannot_be(
    mmlu, fake, tmp_path, capsys
):
    (mmlu / "dev" / "virology_dev.csv").write_text("A ____ flies,bird,dog,cat,cow,A\n" + DEV)
    (mmlu / "dev" / "logic_dev.csv").write_text("Who sings?,an unlucky man,a,b,c,A\nIs x^2 + 1 even?,a,b,c,d,B\n")
    (mmlu / "val" / "logic_val.csv").write_text("Who runs?,I,you,we,they,A\n")
    out = tmp_path / "spoken"
    words = ["build-benchmark", "speech-mmlu", str(mmlu), "--out", str(out), "--jobs", "1", "--shots", "2"]
    assert main([*words, "--command", f"{fake[0]} {{voice}}", "--voices", "amy,joe"]) == 0
    said = capsys.readouterr().out
    assert "left out: example: blank: 1: virology/dev0" in said
    assert "left out: example: formula: 1: logic/dev1" in said
    assert "left out: example: not spoken: 1: logic/dev0-voice" in said
    assert "speech-mmlu/virology/dev0" in (out / "rejected.tsv").read_text()
    assert "to note: fewer than 2 examples can be asked aloud: 1: logic (1)" in said
    spoken = [json.loads(line) for line in (out / "recordings.jsonl").read_text().splitlines() if line]
    voices = {row["id"]: row["voice"] for row in spoken}
    assert len(voices) == len(spoken)  # each once, however many questions it stands before
    for file in ("mmlu.jsonl", "mmlu_text_options.jsonl"):
        items = read_choices(out / file)
        assert {i.speaker for i in items} == {"amy", "joe"}
        for item in items:
            assert all(voices[Path(e.context.audio).stem] == item.speaker for e in item.examples)
            asked = [e.context.text.partition("?")[0] for e in item.examples]
            assert asked == (["Is snow white", "Is two is greater than one"] if item.group == "virology" else [])
    counts = json.loads((out / "build.json").read_text())["left_out"]["counts"]
    assert counts["example: blank"] == counts["blank"] == 1


def test_where_the_test_set_is_asked_the_next_examples_are_of_val(mmlu, fake, tmp_path, capsys):
    (mmlu / "test").mkdir()
    (mmlu / "test" / "virology_test.csv").write_text("Who coughs?,I,you,we,they,A\n")
    (mmlu / "dev" / "virology_dev.csv").write_text("A ____ flies,bird,dog,cat,cow,A\nIs snow white?,yes,no,so,or,A\n")
    out = tmp_path / "spoken"
    words = ["build-benchmark", "speech-mmlu", str(mmlu), "--out", str(out), "--jobs", "1", "--command", fake[0]]
    assert main([*words, "--shots", "2"]) == 0
    (item,) = read_choices(out / "mmlu_text_options.jsonl")
    assert [e.context.text for e in item.examples] == [
        "Is snow white?",
        "What is five percent of twenty dollars?",
    ]
    assert "fewer than" not in capsys.readouterr().out
    (written,) = (i.written for i in read_choices(out / "mmlu.jsonl"))
    assert "A ____ flies" in written  # what is only read stays as published
    assert "5% of $20" not in written


def test_blimp_and_multiple_choice_are_spoken_and_scored(fake, tmp_path, tiny_model, capsys):
    (tmp_path / "b.jsonl").write_text('{"sentence_good": "a dog runs", "sentence_bad": "a dog run", "UID": "x"}\n')
    listed = "Question: What do cats do?\\nChoices:\\nA. sing\\nB. bark\\nAnswer:"
    rows = [
        '{"query": "Question: What do dogs do?", "choices": ["bark", "sing"], "gold": 0}',
        f'{{"query": "{listed}", "choices": ["A", "B"], "gold": 0}}',
        '{"context_options": ["The dog", "The king"], "continuation": "barks.", "gold": 0}',
    ]
    (tmp_path / "m.jsonl").write_text("\n".join(rows))
    for name, file, tasks in (
        ("speech-blimp", "b.jsonl", {"spoken_sentences"}),
        ("speech-multiple-choice", "m.jsonl", {"spoken_multiple_choice", "spoken_sentences"}),
    ):
        out = tmp_path / name
        words = ["build-benchmark", name, str(tmp_path / file), "--out", str(out), "--command", fake[0]]
        assert main([*words, "--jobs", "1"]) == 0
        results = tmp_path / f"results-{name}"
        evaluate = ["evaluate", str(tiny_model), "--data", str(out), "--out", str(results)]
        assert main([*evaluate, "--evaluation.bootstrap", "20"]) == 0
        found = json.loads((results / "results.json").read_text())["rows"]
        assert {r["task"] for r in found} == tasks
        assert {r["mode"] for r in found if r["task"] == "spoken_sentences"} == {"T", "S"}
    cats = read_choices(tmp_path / "speech-multiple-choice" / "spoken_multiple_choice.jsonl")[1]
    assert (cats.context.text, [c.text for c in cats.choices]) == ("What do cats do?", ["sing", "bark"])
    assert cats.prompt == " The answer is:"


def test_stories_are_spoken_and_scored_in_all_modes(fake, tmp_path, tiny_model):
    sentences = "InputSentence1,InputSentence2,InputSentence3,InputSentence4"
    endings = "RandomFifthSentenceQuiz1,RandomFifthSentenceQuiz2"
    rows = ["u-1,He ran.,He fell.,He rose.,Did he win?,He ate 5 plums.,He won.,2", "u-2,A.,B.,C.,D.,So.,No.,1"]
    header = f"InputStoryid,{sentences},{endings},AnswerRightEnding"
    (tmp_path / "cloze").mkdir()
    (tmp_path / "cloze" / "cloze_test.csv").write_text("\n".join([header, *rows]) + "\n")
    out, results = tmp_path / "spoken", tmp_path / "results"
    words = ["build-benchmark", "speech-storycloze", str(tmp_path / "cloze"), "--out", str(out), "--command", fake[0]]
    assert main([*words, "--jobs", "2"]) == 0
    first = read_choices(out / "storycloze.jsonl")[0]
    assert (first.context.text, first.prompt, first.answer) == ("He ran. He fell. He rose. Did he win?", "", 1)
    assert [c.text for c in first.choices] == ["He ate five plums.", "He won."]
    evaluate = ["evaluate", str(tiny_model), "--data", str(out), "--out", str(results)]
    assert main([*evaluate, "--evaluation.bootstrap", "20"]) == 0
    found = json.loads((results / "results.json").read_text())["rows"]
    assert {r["mode"] for r in found} == {"T", "S→T", "S→H", "T→S", "S"}


def test_what_is_refused(mmlu, fake, tmp_path, capsys):
    start = ["build-benchmark", "speech-mmlu", str(mmlu), "--shots", "0", "--command", fake[0], "--jobs", "1"]
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    blimp = ["build-benchmark", "speech-blimp", str(mmlu), "--shots", "0", "--out", str(tmp_path / "x")]
    for words, why in (
        ([*start, "--out", str(tmp_path / "notes")], "no spoken benchmark"),
        (
            [*start, "--out", str(tmp_path / "x"), "--max-words", "1"],
            "left to speak: too long (3), blank (1)",
        ),
        ([*start, "--out", str(tmp_path / "x"), "--max-words", "0"], "give 1 or more"),
        (blimp, "does not take --shots"),
        (["build-benchmark", "mmlu", *start[2:], "--out", str(tmp_path / "x")], "known are speech-mmlu"),
    ):
        assert main(words) == 2
        assert why in capsys.readouterr().err
    assert main([*start, "--out", str(tmp_path / "x")]) == 0
    assert main(["build-benchmark", "speech-blimp", str(mmlu), "--out", str(tmp_path / "x")]) == 2
    assert "give speech-blimp a folder of its own" in capsys.readouterr().err


def test_espeak_writes_true_word_times(mmlu, tmp_path):
    pytest.importorskip("espeakng_loader")
    out = tmp_path / "spoken"
    words = ["build-benchmark", "speech-mmlu", str(mmlu), "--out", str(out), "--shots", "0", "--jobs", "1"]
    assert main([*words, "--items", "2", "--seed", "1"]) == 0
    times = [line.split() for line in (out / "words.ctm").read_text().splitlines()]
    for item in read_choices(out / "mmlu.jsonl"):
        name = item.id.replace("/", "-")
        assert " ".join(t[4] for t in times if t[0] == name) == item.context.text
        last = [t for t in times if t[0] == name][-1]
        assert float(last[2]) + float(last[3]) <= soundfile.info(item.context.audio).duration
        assert item.speaker.startswith("en")
