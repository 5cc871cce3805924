import json

import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.conversion import read_benchmark, row, write_benchmark
from ssr_connector.evaluation.benchmarks.layout import Options
from ssr_connector.evaluation.choice import Choice, Spoken, read_choices


def table(folder, record, names):
    lines = ["id,positive,negative"]
    for name in names:
        lines.append(f"{name},{name}_0.wav,{name}_1.wav")
        for k in (0, 1):
            record(folder / f"{name}_{k}.wav", k)
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    return folder / "t.csv"


def test_what_is_written_is_what_evaluate_reads(tmp_path):
    item = Choice(
        "q",
        "g",
        Spoken("Hello.", str(tmp_path / "out" / "a" / "c.wav")),
        (Spoken("A"), Spoken("", "/elsewhere/b.wav")),
        1,
        " So:",
        "written",
        "cluster",
        "ann",
        ("3 phones", "long"),
    )
    fields = row(item, tmp_path / "out")
    assert fields["context"]["audio"] == "a/c.wav"
    assert fields["choices"] == [{"text": "A"}, {"audio": "/elsewhere/b.wav"}]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "t.jsonl").write_text(json.dumps(fields))
    assert read_choices(tmp_path / "out" / "t.jsonl") == [item]


def test_bad_recordings_cost_their_question_alone_and_are_named(tmp_path, record):
    source = table(tmp_path, record, ["good", "gone", "broken", "short", "good"])
    (tmp_path / "gone_1.wav").unlink()
    (tmp_path / "broken_0.wav").write_bytes(b"not a recording")
    whole = (tmp_path / "short_0.wav").read_bytes()
    (tmp_path / "short_0.wav").write_bytes(whole[: len(whole) // 2])
    found = read_benchmark("table", source, Options())
    assert [i.id for i in found.questions["pairs.jsonl"]] == ["good"]
    assert [(r.id, r.reason) for r in found.rejected] == [
        ("good", "duplicate id"),
        ("gone", "missing file"),
        ("broken", "not audio"),
        ("short", "truncated or damaged"),
    ]
    assert found.tasks == ["pairs"]
    out = tmp_path / "out"
    write_benchmark(found, out)
    (item,) = read_choices(out / "pairs.jsonl")
    assert item.choices[0].audio == str(tmp_path / "good_0.wav")
    listed = (out / "rejected.tsv").read_text().splitlines()
    assert listed[0] == "id\taudio\treason\tdetail"
    assert [line.split("\t")[0] for line in listed[1:]] == ["table/good", "table/gone", "table/broken", "table/short"]


def test_benchmarks_share_a_folder_and_replace_their_own(tmp_path, record):
    out = tmp_path / "out"
    (tmp_path / "b.jsonl").write_text('{"sentence_good": "a b", "sentence_bad": "b a"}\n{}\n')
    write_benchmark(read_benchmark("table", table(tmp_path, record, ["x", "x"]), Options()), out)
    write_benchmark(read_benchmark("blimp", tmp_path / "b.jsonl", Options()), out)
    names = [line.split("\t")[0] for line in (out / "rejected.tsv").read_text().splitlines()]
    assert names == ["id", "table/x", "blimp/b/2"]
    write_benchmark(read_benchmark("table", table(tmp_path, record, ["x", "y"]), Options()), out)
    names = [line.split("\t")[0] for line in (out / "rejected.tsv").read_text().splitlines()]
    assert names == ["id", "blimp/b/2"]
    assert len(read_choices(out / "pairs.jsonl")) == 2
    assert len(read_choices(out / "blimp.jsonl")) == 1


STORY = (
    "InputStoryid,InputSentence1,InputSentence2,InputSentence3,InputSentence4,"
    "RandomFifthSentenceQuiz1,RandomFifthSentenceQuiz2,AnswerRightEnding\nu,a,b,c,d,e,f,1\n"
)


def test_files_of_an_earlier_import_do_not_outlive_their_recordings(tmp_path, record):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.csv").write_text(STORY)
    paths = [record(tmp_path / "in" / "sSC" / f"0_u_{kind}.wav") for kind in ("correct", "incorrect")]
    write_benchmark(read_benchmark("storycloze", tmp_path / "in", Options()), tmp_path / "out")
    assert (tmp_path / "out" / "storycloze_whole.jsonl").is_file()
    for path in paths:
        path.unlink()
    write_benchmark(read_benchmark("storycloze", tmp_path / "in", Options()), tmp_path / "out")
    assert (tmp_path / "out" / "storycloze.jsonl").is_file()
    assert not (tmp_path / "out" / "storycloze_whole.jsonl").exists()
    assert "storycloze/storycloze_whole.jsonl\t\tremoved\t" in (tmp_path / "out" / "rejected.tsv").read_text()


def test_the_written_and_the_spoken_test_may_be_imported_one_after_the_other(tmp_path, record):
    for folder in ("written", "spoken"):
        (tmp_path / folder).mkdir()
    (tmp_path / "written" / "t.csv").write_text(STORY)
    for kind in ("correct", "incorrect"):
        record(tmp_path / "spoken" / "sSC" / f"0_u_{kind}.wav")
    for folder in ("written", "spoken", "written"):
        write_benchmark(read_benchmark("storycloze", tmp_path / folder, Options()), tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "storycloze.jsonl",
        "storycloze_whole.jsonl",
        "rejected.tsv",
    }


def test_the_tasks_of_a_spoken_benchmark_are_not_replaced(tmp_path, record):
    out = tmp_path / "out"
    out.mkdir()
    (out / "build.json").write_text('{"benchmark": "storycloze"}')
    found = read_benchmark("table", table(tmp_path, record, ["x"]), Options())
    with pytest.raises(UserError, match=r"out holds a benchmark that was spoken \(build.json\): give table another"):
        write_benchmark(found, out)
    assert [path.name for path in out.iterdir()] == ["build.json"]


def test_a_pair_in_fewer_voices_is_kept_and_named(tmp_path, record):
    rows = ["id,filename,voice,word,correct"]
    for pair, voices in (("1", "AB"), ("2", "A"), ("3", "AB")):
        for voice in voices:
            for correct in (1, 0):
                rows.append(f"{pair},{pair}{voice}{correct},{voice},word,{correct}")
                record(tmp_path / "lexical" / "dev" / f"{pair}{voice}{correct}.wav")
    (tmp_path / "lexical" / "dev" / "gold.csv").write_text("\n".join(rows))
    (tmp_path / "lexical" / "dev" / "3B0.wav").write_bytes(b"")
    found = read_benchmark("swuggy", tmp_path, Options())
    assert [i.id for i in found.questions["swuggy.jsonl"]] == ["1-A", "1-B", "2-A", "3-A"]
    assert [(r.id, r.reason) for r in found.rejected] == [("3-B", "empty file")]
    reason = "a pair in fewer voices than others"
    assert [(r.id, r.reason, r.detail) for r in found.remarks] == [("2", reason, "1 of 2"), ("3", reason, "1 of 2")]


def test_nothing_usable_is_an_error_and_leaves_the_reasons(tmp_path, record):
    source = table(tmp_path, record, ["a", "b"])
    for path in tmp_path.glob("*_1.wav"):
        path.unlink()
    found = read_benchmark("table", source, Options())
    with pytest.raises(UserError, match=r"table: there is no usable question: missing file \(2\)"):
        write_benchmark(found, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["rejected.tsv"]
    with pytest.raises(UserError, match="is a file"):
        write_benchmark(found, source)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("arc", Options(), "no benchmark 'arc'; known are mmlu, storycloze"),
        ("table", Options(shots=3), "table does not take --shots: it takes no options"),
        ("swuggy", Options(header=False), "swuggy does not take --no-header: it takes --split"),
        ("blimp", Options(split="dev"), "blimp does not take --split"),
    ],
)
def test_options_of_other_benchmarks_are_refused(tmp_path, name, options, message):
    with pytest.raises(UserError, match=message):
        read_benchmark(name, tmp_path, options)


@pytest.mark.parametrize(
    ("name", "folder"), [("mmlu", "mmlu"), ("blimp", "blimp/subset100"), ("multiple_choice", "multiple_choice")]
)
def test_real_files_come_back_as_they_went_in(tmp_path, shared, name, folder):
    found = read_benchmark(name, shared(folder), Options())
    write_benchmark(found, tmp_path)
    for file, items in found.questions.items():
        assert read_choices(tmp_path / file) == items
