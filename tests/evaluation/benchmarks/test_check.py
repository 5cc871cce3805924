import shutil

import pytest
from rich.console import Console

from ssr_connector.engine import LocalEngine
from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.check import AT_A_GLANCE, UTTERANCES, check_folder
from ssr_connector.evaluation.benchmarks.salmon import PARTS
from ssr_connector.evaluation.benchmarks.words import faults


def checked(folder, tasks=()):
    found = list(check_folder(folder, tasks, LocalEngine(), Console(quiet=True)))
    return {f"{f.name} {f.folder.relative_to(folder)}".removesuffix(" ."): f for f in found}


@pytest.fixture
def downloads(tmp_path, record, monkeypatch):
    """One of each, whole: as small as they can be."""
    monkeypatch.setattr("ssr_connector.evaluation.benchmarks.mmlu.SUBJECTS", 1)
    monkeypatch.setitem(UTTERANCES, "test-clean", 2)
    root = tmp_path / "downloads"
    texts = {
        "mmlu/test/virology_test.csv": "Who?,a,b,c,d,A\n",
        "mmlu/dev/virology_dev.csv": "Who?,a,b,c,d,A\n" * 5,
        "zr/lexical/dev/gold.csv": "id,filename,voice,frequency,word,correct\n1,x,A,9,bird,1\n1,y,A,9,berp,0\n",
        "zr/syntactic/dev/gold.csv": (
            "id,filename,voice,type,subtype,transcription,correct\n1,x,A,t,s,a,1\n1,y,A,t,s,b,0\n"
        ),
        "sc/test.csv": (
            "InputStoryid,InputSentence1,InputSentence2,InputSentence3,InputSentence4,RandomFifthSentenceQuiz1,"
            "RandomFifthSentenceQuiz2,AnswerRightEnding\ns,a,b,c,d,e,f,1\n"
        ),
        "blimp/data/x.jsonl": '{"sentence_good": "a", "sentence_bad": "b", "UID": "x", "pairID": "0"}\n',
        "mc/arc.jsonl": '{"query": "q", "choices": ["a", "b"], "gold": 0}\n',
        "LibriSpeech/test-clean/84/121/84-121.trans.txt": "84-121-0000 ANNA\n84-121-0001 TOM\n",
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    names = [f"zr/{part}/dev/{stem}.wav" for part in ("lexical", "syntactic") for stem in "xy"]
    names += [f"salmon/{part}/sample_0_{k}.wav" for part in PARTS for k in (0, 1)]
    names += [f"sc/sSC/0_s_{kind}.wav" for kind in ("correct", "incorrect")]
    names += [f"LibriSpeech/test-clean/84/121/84-121-000{k}.flac" for k in (0, 1)]
    for name in names:
        record(root / name)
    return root


def test_every_download_in_a_folder_is_recognised_and_whole(downloads):
    found = checked(downloads)
    assert set(found) == {
        "mmlu mmlu",
        "storycloze sc",
        "swuggy zr",
        "sblimp zr",
        "salmon salmon",
        "blimp blimp",
        "multiple_choice mc",
        "librispeech",
    }
    assert {name.split()[0] for name in found} == {*AT_A_GLANCE, "librispeech"}
    assert all(f.is_whole for f in found.values()), [(f.name, f.fault, f.rejected, f.remarks) for f in found.values()]
    assert found["librispeech"].usable == ["2 utterances of 1 speakers"]
    assert found["swuggy zr"].usable == ["swuggy.jsonl: 1 questions, from dev"]


FAULTS = {
    "mmlu mmlu": ("mmlu/test/virology_test.csv", "Who?,a,b,c\n", "malformed line: 1: virology_test.csv, line 1"),
    "swuggy zr": ("zr/lexical/dev/y.wav", None, "missing file: 1: 1-A"),
    "sblimp zr": ("zr/syntactic/dev/gold.csv", None, "gold.csv does not exist"),
    "salmon salmon": (f"salmon/{PARTS[0]}/sample_0_1.wav", "", "empty file: 1: bg_alignment/0"),
    "storycloze sc": ("sc/sSC/0_s_incorrect.wav", None, "unpaired: 1: s (one correct and one incorrect"),
    "blimp blimp": ("blimp/data/x.jsonl", '{"sentence_good": "a"}\n', "no sentence_good and sentence_bad: 1: x/1"),
    "multiple_choice mc": ("mc/arc.jsonl", '{"query": "q", "choices": ["a", "b"], "gold": 2}\n', "no such answer: 1"),
    "librispeech": ("LibriSpeech/test-clean/84/121/84-121-0001.flac", None, "missing file: 1: 84-121-0001"),
}


def test_what_is_missing_or_malformed_in_any_is_named_with_its_number(downloads):
    for path, text, _ in FAULTS.values():
        (downloads / path).unlink()
        if text is not None:
            (downloads / path).write_text(text)
    found = checked(downloads)
    for name, (_, _, said) in FAULTS.items():
        lines = [found[name].fault, *faults(found[name].rejected, found[name].remarks)]
        assert any(said in line for line in lines), (name, lines)
        assert not found[name].is_whole


def test_librispeech_is_counted_and_recordings_without_transcripts_are_named(downloads, record):
    record(downloads / "LibriSpeech/test-clean/84/121/84-121-0002.flac")
    (downloads / "LibriSpeech/test-clean/84/121/84-121.trans.txt").write_text("84-121-0000 ANNA\n")
    found = checked(downloads)["librispeech"]
    assert faults(found.rejected, found.remarks) == [
        "to note: a recording without a transcript: 2: 84-121-0001.flac, 84-121-0002.flac",
        "to note: fewer utterances than were published: 1: test-clean (1 of 2)",
    ]


def test_a_sample_of_salmon_that_is_not_there_at_all_is_noted(downloads, record):
    for k in (0, 1):
        record(downloads / f"salmon/{PARTS[0]}/sample_2_{k}.wav")
    (remark,) = checked(downloads)["salmon salmon"].remarks
    assert (remark.id, remark.reason) == ("bg_alignment/1", "a number that no sample has, below those of others")


def test_what_tasks_need_must_be_there(downloads):
    shutil.rmtree(downloads / "salmon")
    found = checked(downloads, ["salmon", "swuggy", "mmlu"])
    assert {name: f.is_whole for name, f in found.items()} == {"mmlu mmlu": True, "swuggy zr": True, "salmon": False}
    assert found["salmon"].fault.startswith("it is not there: wanted is SALMon's eight folders")
    for task in ("wugs", "style", "spoken_mmlu"):
        with pytest.raises(UserError, match=f"--tasks {task}: no download is known for it .*sblimp"):
            checked(downloads, [task])


def test_speech_to_be_transcribed_is_looked_for_as_librispeech(downloads, tmp_path):
    found = checked(downloads, ["asr", "mmlu"])
    assert {name: f.is_whole for name, f in found.items()} == {"mmlu mmlu": True, "librispeech": True}
    (lacking,) = checked(downloads / "mmlu", ["asr"]).values()
    assert lacking.fault == "it is not there: wanted is a folder of LibriSpeech, with *.trans.txt"


def test_other_files_that_lie_in_a_download_are_nobodys_business(downloads):
    (downloads / "other").mkdir()
    (downloads / "other" / "x.jsonl").write_bytes('{"é": 1}\n'.encode("latin-1"))
    assert all(f.is_whole for f in checked(downloads).values())


def test_nothing_that_is_known_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"holds none of the layouts .*swuggy.*librispeech"):
        checked(tmp_path)
    with pytest.raises(UserError, match="give the folder of a download"):
        checked(tmp_path / "nowhere")
