import dataclasses
import json
import shutil
from types import SimpleNamespace

import pytest

from ssr_connector.config import EvaluationSection
from ssr_connector.errors import UserError
from ssr_connector.evaluation.choice import Choice, Example, Outcome, Spoken
from ssr_connector.evaluation.controls import NO_CONTEXT, ORACLE, OTHER_AUDIO
from ssr_connector.evaluation.hearing import Hearing
from ssr_connector.evaluation.suite import CASCADE, TEXT_MODEL, Suite, spoken_modes, with_examples
from ssr_connector.evaluation.tasks import TASKS


@pytest.fixture
def suite(model, recordings, tmp_path):
    rows = [
        {
            "id": f"q{k}",
            "group": "even" if k % 2 == 0 else "odd",
            "context": {"text": "Anna found the lamp.", "audio": recordings[k]},
            "choices": [
                {"text": "The dog barks.", "audio": recordings[(k + 1) % 4]},
                {"text": "The king sleeps.", "audio": recordings[(k + 2) % 4]},
            ],
            "answer": k % 2,
        }
        for k in range(4)
    ]
    (tmp_path / "storycloze.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    bundle = model.ears
    hearings = {"clean": Hearing(bundle, 10), "5 dB": Hearing(bundle, 10, 5.0)}
    return Suite(tmp_path, EvaluationSection(bootstrap=50), ["storycloze"], hearings)


def test_every_mode_system_and_condition_gets_its_row(suite, model):
    suite.listen(lambda *_: None)
    assert len(suite.hearings["clean"].heard) == 4
    suite.score_text(model, TEXT_MODEL)
    suite.score_cascade(model)
    suite.score_speech(model, "ssr")
    suite.score_controls(model)
    found = {(r.mode, r.system, r.condition) for r in suite.rows}
    assert found == {
        ("T", TEXT_MODEL, "clean"),
        *((m, s, "clean") for m in ("S→T", "S→H", "T→S", "S") for s in ("ssr", CASCADE)),
        *(("S→T", s, "5 dB") for s in ("ssr", CASCADE)),
        *((m, ORACLE, "clean") for m in ("S→T", "T→S", "S")),
        *((m, NO_CONTEXT, "clean") for m in ("S→T", "S→H", "T→S", "S")),
        *((m, OTHER_AUDIO, "clean") for m in ("S→T", "S→H", "S")),
    }
    assert all(r.n == 4 and r.chance == 50 for r in suite.rows)
    heard, read = (suite.scores["storycloze", mode, CASCADE, "clean"] for mode in ("S→H", "S"))
    assert heard == read  # it reads what was recognised either way
    assert spoken_modes(SimpleNamespace(connector=SimpleNamespace(needs_segments=False)), TASKS["storycloze"]) == [
        "S→T",
        "S→H",
    ]


def test_rows_that_need_texts_are_left_out_without_them_and_those_that_lack_some_room_are_counted(
    suite, model, tmp_path
):
    path = tmp_path / "storycloze.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["context"]["text"] = "Anna found the lamp. " * 30
    rows[0]["choices"][0]["text"] = ""
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    suite.listen(lambda *_: None)
    suite.score_controls(model)
    (line,) = suite.unforced
    assert line == "storycloze S→T oracle alignment: 1 recordings are too short for their texts: as heard"
    assert suite.left_out[1:] == [
        f"storycloze {mode} oracle alignment is left out: not every recording has its text" for mode in ("T→S", "S")
    ]


def test_rows_and_differences_are_counted_right(suite):
    items = [Choice(str(k), "aabb"[k], Spoken(""), (Spoken("a"), Spoken("b")), 0, speaker="x") for k in range(4)]
    suite.keep(Outcome([1, 1, 1, 0], 0), items, "storycloze", "T", TEXT_MODEL, "clean", 0.0)
    suite.keep(Outcome([1, 0, 1, 0.5], 1), items, "storycloze", "T", "tuned", "clean", 0.0)
    first, second = suite.rows
    assert (first.value, first.groups, first.voices) == (75, {"a": 100, "b": 50}, {})
    assert (second.value, second.ties) == (62.5, 25)
    name, drop = suite.worst_text_drop("tuned")
    assert (name, drop.value) == ("storycloze", -12.5)
    assert suite.worst_text_drop("nobody") is None


def test_voices_are_shown_singly_and_drawn_together_where_they_are_many(suite):
    def spoken_by(n_speakers):
        return [
            Choice(str(k), "", Spoken(""), (Spoken("a"), Spoken("b")), 0, speaker=f"s{k % n_speakers}")
            for k in range(80)
        ]

    suite.config = EvaluationSection(bootstrap=2000)
    right = [float(k % 40 < 20) for k in range(80)]  # the same for all items of a speaker where there are 40
    suite.keep(Outcome(right, 0), spoken_by(2), "storycloze", "S", "ssr", "clean", 0.0)
    suite.keep(Outcome(right, 0), spoken_by(40), "storycloze", "S", "ssr", "5 dB", 0.0)
    few, many = suite.rows
    assert few.voices == {"s0": 50, "s1": 50}
    assert (many.voices["s0"], many.voices["s20"]) == (100, 0)
    assert many.ci95[1] - many.ci95[0] > 1.2 * (few.ci95[1] - few.ci95[0])


def test_as_many_examples_as_asked_for_are_kept(tmp_path):
    plain = Choice("p", "", Spoken("x"), (Spoken("a"), Spoken("b")), 0)
    one, two = (Example(Spoken(""), text) for text in ("one", "two"))
    shown = dataclasses.replace(plain, examples=(one, two))
    assert [i.examples for i in with_examples([shown, shown], 1, tmp_path)] == [(one,), (one,)]
    assert with_examples([shown], 0, tmp_path)[0].examples == ()
    assert with_examples([plain], 5, tmp_path) == [plain]
    assert with_examples([shown, plain], 2, tmp_path) == [shown, plain]
    with pytest.raises(UserError, match=r"no question has more than 2 examples, evaluation\.shots asks for 3"):
        with_examples([shown, plain], 3, tmp_path)


@pytest.fixture
def quiz(recordings, tmp_path):
    """The file of spoken MMLU: three questions in one recording, the first two with the same two examples."""
    examples = [
        {"context": {"text": "Anna found the lamp.", "audio": recordings[k]}, "written": f" So: {'AB'[k]}\n\n"}
        for k in range(2)
    ]
    rows = [
        {
            "id": f"q{k}",
            "context": {"text": "Tom.", "audio": recordings[3]},
            "choices": [{"text": "A"}, {"text": "B"}],
            "answer": 0,
            "examples": examples if k < 2 else [],
        }
        for k in range(3)
    ]
    path = tmp_path / "mmlu.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_examples_are_heard_once_in_every_condition_and_change_every_spoken_row(suite, model, quiz, recordings):
    values = {}
    for shots, heard in ((0, {3}), (2, {0, 1, 3})):
        asked = dataclasses.replace(suite.config, shots=shots)
        hearings = {"clean": Hearing(model.ears, 10), "5 dB": Hearing(model.ears, 10, 5.0)}
        found = Suite(quiz.parent, asked, ["spoken_mmlu"], hearings)
        found.listen(lambda *_: None)
        assert all(h.heard.keys() == {recordings[k] for k in heard} for h in hearings.values())
        assert found.drop_unheard() == {}
        found.score_text(model, TEXT_MODEL)
        found.score_cascade(model)
        found.score_speech(model, "ssr")
        found.score_controls(model)
        values[shots] = found.scores
        few = ["mmlu.jsonl: 1 of 3 questions have fewer than 2 examples (evaluation.shots): they come after those that"]
        assert [line[: len(few[0])] for line in found.few_examples()] == (few if shots else [])
    assert len(values[0]) == len(values[2]) == 8
    for row, without in values[0].items():
        same = [a == pytest.approx(b, abs=1e-5) for a, b in zip(without, values[2][row], strict=True)]
        assert same == [False, False, True], row
    spoken, noisy = values[2]["spoken_mmlu", "S→T", "ssr", "clean"], values[2]["spoken_mmlu", "S→T", "ssr", "5 dB"]
    assert spoken[0] != noisy[0]


def test_the_key_of_a_spoken_row_holds_the_recordings_of_its_examples(suite, model, quiz, recordings, tmp_path):
    copy = tmp_path / "copy.wav"
    shutil.copy(recordings[0], copy)
    quiz.write_text(quiz.read_text().replace(recordings[0], str(copy)))
    suite.config = dataclasses.replace(suite.config, shots=1)
    keys = []
    for _ in range(2):
        keys.append([suite.key(model, "spoken_mmlu", mode, "ssr", "clean")["items"] for mode in ("T", "S→T")])
        copy.write_bytes(copy.read_bytes() + b"more")
    (text, speech), (text_again, speech_again) = keys
    assert text == text_again
    assert speech != speech_again


def test_an_example_that_cannot_be_heard_is_taken_from_all_questions_and_counted(suite, quiz, recordings):
    quiz.write_text(quiz.read_text().replace(recordings[0], "missing.wav"))
    suite.names, suite.config = ["spoken_mmlu"], dataclasses.replace(suite.config, shots=2)
    suite.listen(lambda *_: None)
    assert "missing.wav" in next(iter(suite.drop_unheard().values()))
    assert [[e.context.audio for e in i.examples] for i in suite.items(TASKS["spoken_mmlu"])] == [
        [recordings[1]],
        [recordings[1]],
        [],
    ]
    (line,) = suite.few_examples()
    assert line.startswith("mmlu.jsonl: 3 of 3 questions have fewer than 2 examples")


def test_an_item_that_cannot_be_heard_is_dropped_for_all_and_named(suite, recordings, tmp_path):
    lines = (tmp_path / "storycloze.jsonl").read_text().splitlines()
    broken = json.loads(lines[0]) | {"id": "broken"}
    broken["context"]["audio"] = "missing.wav"
    (tmp_path / "storycloze.jsonl").write_text("\n".join([*lines, json.dumps(broken)]) + "\n")
    suite.listen(lambda *_: None)
    rejected = suite.drop_unheard()
    assert "missing.wav" in next(iter(rejected.values()))
    assert [i.id for i in suite.items(TASKS["storycloze"])] == ["q0", "q1", "q2", "q3"]


def test_a_sample_of_deliveries_is_shown_others_of_its_file_that_were_heard(suite, recordings, tmp_path):
    rows = [
        {
            "id": f"{label}-{k}",
            "context": {"text": f"Line {k}.", "audio": audio},
            "choices": [{"text": "slow"}, {"text": "fast"}],
            "answer": ("slow", "fast").index(label),
        }
        for label, audios in (("slow", ["missing.wav", *recordings[:2]]), ("fast", recordings[2:]))
        for k, audio in enumerate(audios)
    ]
    (tmp_path / "style.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    suite.names = ["style"]
    for seed in range(8):  # the missing one is drawn, or shown, or neither
        suite.config = dataclasses.replace(suite.config, items=1, style_shots=1, seed=seed)
        suite._items.clear()
        suite.listen(lambda *_: None)
        if len([i for i in suite.items(TASKS["style"]) if i.context.audio.endswith("missing.wav")]) == 1:
            with pytest.raises(UserError, match=r"no recording of .* could be heard"):
                suite.drop_unheard()
            continue
        suite.drop_unheard()
        (item,) = suite.items(TASKS["style"])
        assert sorted(example.written.strip() for example in item.examples) == ["fast", "slow"]
        assert not any(example.context.audio.endswith("missing.wav") for example in item.examples)


def test_items_that_the_llm_has_no_room_for_are_counted_and_named(suite, model, monkeypatch):
    suite.score_text(model, TEXT_MODEL)
    assert suite.cut == []
    monkeypatch.setattr(model.llm.config, "max_position_embeddings", 12)
    suite.score_text(model, "short")
    (line,) = suite.cut
    assert line.startswith("storycloze T short: 4 of 4 items are longer than the 12 positions of the LLM")


def test_an_item_without_a_needed_recording_is_an_error(suite, tmp_path):
    row = json.loads((tmp_path / "storycloze.jsonl").read_text().splitlines()[0])
    del row["choices"][1]["audio"]
    (tmp_path / "storycloze.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(UserError, match=r"storycloze: the item q0 has a choice without a recording"):
        suite.listen(lambda *_: None)


def test_a_file_without_recordings_is_read_and_what_is_left_out_is_noted_once(suite, model, tmp_path):
    row = {"id": "q", "context": {"text": "Anna ran."}, "choices": [{"text": "So."}, {"text": "No."}], "answer": 0}
    (tmp_path / "storycloze.jsonl").write_text(json.dumps(row) + "\n")
    notes = []
    suite.note = notes.append
    suite.listen(lambda *_: None)
    assert suite.hearings["clean"].heard == {}
    assert suite.drop_unheard() == {}
    suite.score_text(model, TEXT_MODEL)
    suite.score_cascade(model)
    suite.score_speech(model, "ssr")
    suite.score_controls(model)
    assert [(r.mode, r.system, r.n) for r in suite.rows] == [("T", TEXT_MODEL, 1)]
    assert suite.left_out == notes[:4]
    assert suite.left_out == [
        "storycloze S→T is left out: it holds no recordings of contexts",
        "storycloze S→H is left out: it holds no recordings of contexts",
        "storycloze T→S is left out: it holds no recordings of choices",
        "storycloze S is left out: it holds no recordings of choices",
    ]


def test_a_pair_counts_once_however_many_voices_say_it(suite):
    def said(pair, voice):
        parts = (Spoken("a", "a.wav"), Spoken("b", "b.wav"))
        return Choice(f"{pair}{voice}", pair, Spoken(""), parts, 0, cluster=pair, speaker=voice, kinds=("all",))

    items = [said("p", "A"), said("p", "B"), said("p", "C"), said("q", "A")]
    suite._items = {"swuggy.jsonl": items, "pairs.jsonl": items}
    for task, value, n in (("swuggy", 100 * (1 / 3 + 1) / 2, 2), ("pairs", 50, 4)):
        suite.keep(Outcome([1, 0, 0, 1], 0), items, task, "S", "ssr", "clean", 0.0)
        row = suite.rows[-1]
        assert row.value == pytest.approx(value)
        assert row.groups["all"] == pytest.approx(value)
        assert row.groups["p"] == pytest.approx(100 / 3)
        assert row.voices == {"A": 100, "B": 0, "C": 0}
        assert (row.n, row.chance) == (n, 50)
    suite.keep(Outcome([0, 0, 0, 0], 0), items, "swuggy", "S", CASCADE, "clean", 0.0)
    change = suite.difference("swuggy", "S", "ssr", CASCADE)
    assert (change.value, change.n) == (pytest.approx(200 / 3), 2)
