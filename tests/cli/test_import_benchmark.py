import json
import shutil

import numpy as np
import pytest
import soundfile

from ssr_connector.cli import main
from ssr_connector.cli.import_benchmark import EPILOG
from ssr_connector.evaluation.benchmarks import BENCHMARKS


@pytest.fixture
def swuggy(tmp_path):
    """Two pairs in two voices; one recording is missing."""
    folder = tmp_path / "zerospeech" / "lexical" / "dev"
    folder.mkdir(parents=True)
    rows = ["id,filename,voice,frequency,word,phones,length,correct"]
    for pair in "12":
        for voice in "AB":
            for correct in (1, 0):
                name = f"w{pair}{voice}{correct}"
                rows.append(f"{pair},{name},{voice},12,{'bird' if correct else 'berp'},x,3,{correct}")
                wave = np.sin(np.arange(8000) / (5 + len(rows))) * np.sin(np.arange(8000) / 900)
                soundfile.write(folder / f"{name}.wav", 0.3 * wave, 16000)
    (folder / "w2B0.wav").unlink()
    (folder / "gold.csv").write_text("\n".join(rows))
    return tmp_path / "zerospeech"


def test_the_help_knows_every_benchmark():
    for name in BENCHMARKS:
        assert name in EPILOG


def test_a_check_says_what_is_wrong_and_writes_nothing(swuggy, tmp_path, capsys):
    before = sorted(tmp_path.rglob("*"))
    assert main(["import-benchmark", "swuggy", str(swuggy), "--check"]) == 1
    out = capsys.readouterr().out
    assert "swuggy.jsonl: 3 questions, 2 pairs in 2 voices, from dev" in out
    assert "left out: missing file: 1: 2-B" in out
    assert "to note: a pair in fewer voices than others: 1: 2" in out
    for path in swuggy.rglob("*0.wav"):
        path.unlink()
    assert main(["import-benchmark", "swuggy", str(swuggy), "--check"]) == 2
    assert "no usable question: missing file (4)" in capsys.readouterr().err
    assert {p for p in tmp_path.rglob("*") if p not in before} == set()


def test_a_folder_of_downloads_is_checked_without_a_model(swuggy, tmp_path, capsys):
    assert main(["evaluate", "--check", str(swuggy)]) == 1
    out = capsys.readouterr().out
    assert f"swuggy in {swuggy}:\n  swuggy.jsonl: 3 questions" in out
    assert "\n  left out: missing file: 1: 2-B" in out
    assert out.endswith("0 of 1 are there and well-formed, 1 not: see above\n")
    assert main(["evaluate", "--check", str(tmp_path / "zerospeech"), "--tasks", "sblimp"]) == 1
    assert "sblimp in" in capsys.readouterr().out
    assert main(["evaluate", "model", "--check", str(swuggy)]) == 2
    assert main(["evaluate", "--data", str(swuggy)]) == 2
    assert "give a MODEL" in capsys.readouterr().err


def test_long_lists_are_shortened(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text("{}\n" * 9)
    assert main(["import-benchmark", "blimp", str(tmp_path), "--check"]) == 2
    assert "a/1, a/2, a/3, a/4, a/5 and 4 more" in capsys.readouterr().out


def test_from_the_download_to_the_scores(swuggy, tmp_path, tiny_model, capsys):
    """sWUGGY with recordings, MMLU and BLiMP without: each is scored in what it has, and what is left out is said."""
    (tmp_path / "mmlu" / "val").mkdir(parents=True)
    (tmp_path / "mmlu" / "val" / "virology_val.csv").write_text("Who?,a,b,c,d,A\nWhat?,a,b,c,d,B\n")
    (tmp_path / "b.jsonl").write_text('{"sentence_good": "a dog runs", "sentence_bad": "a dog run", "UID": "x"}\n' * 2)
    out = tmp_path / "tasks"
    for words in (
        ["swuggy", str(swuggy), "--out", str(out)],
        ["mmlu", str(tmp_path / "mmlu"), "--shots", "0", "--out", str(out)],
        ["blimp", str(tmp_path / "b.jsonl"), "--out", str(out)],
    ):
        assert main(["import-benchmark", *words]) == 0
    assert "--tasks blimp_original" in capsys.readouterr().out
    assert sorted(p.name for p in out.iterdir()) == ["blimp.jsonl", "mmlu.jsonl", "rejected.tsv", "swuggy.jsonl"]
    (swuggy / "lexical" / "test").mkdir()
    shutil.copy(swuggy / "lexical" / "dev" / "w1A0.wav", swuggy / "lexical" / "test" / "known.wav")
    words = ["evaluate", str(tiny_model), "--data", str(out), "--out", str(tmp_path / "results")]
    words += ["--submission", str(tmp_path / "submission")]
    assert main([*words, "--evaluation.bootstrap", "20"]) == 0
    assert "have no score" not in capsys.readouterr().out
    submitted, unpaired = (
        dict(line.split() for line in (tmp_path / "submission" / "lexical" / f"{split}.txt").read_text().splitlines())
        for split in ("dev", "test")
    )
    assert list(submitted) == ["w1A0", "w1A1", "w1B0", "w1B1", "w2A0", "w2A1", "w2B1"]  # of the pair that is no pair
    assert all(float(score) <= 0 for score in submitted.values())
    assert {name: float(score) for name, score in unpaired.items()} == {
        "known": pytest.approx(float(submitted["w1A0"]), abs=1e-4)
    }
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    rows = {(r["task"], r["mode"], r["system"]): r for r in results["rows"]}
    assert {(task, mode) for task, mode, _ in rows} == {
        ("swuggy", "S"),
        ("wuggy", "T"),
        ("mmlu", "T"),
        ("blimp_original", "T"),
    }
    assert all(r["n"] == 2 for r in rows.values())  # of sWUGGY pairs, not recordings
    spoken = next(r for (task, _, system), r in rows.items() if task == "swuggy" and system != "hard cascade")
    assert set(spoken["voices"]) == {"A", "B"}
    assert set(spoken["groups"]) == {"frequency 6-20", "3 phones"}
    assert any("spoken_mmlu S→T is left out: it holds no recordings" in note for note in results["notes"])


def test_files_without_anything_to_score_are_an_error(tmp_path, tiny_model, capsys):
    (tmp_path / "mmlu" / "val").mkdir(parents=True)
    (tmp_path / "mmlu" / "val" / "virology_val.csv").write_text("Who?,a,b,c,d,A\n")
    out = tmp_path / "tasks"
    assert main(["import-benchmark", "mmlu", str(tmp_path / "mmlu"), "--shots", "0", "--out", str(out)]) == 0
    words = ["evaluate", str(tiny_model), "--data", str(out), "--tasks", "spoken_mmlu", "--out", str(tmp_path / "r")]
    assert main(words) == 2
    assert "nothing in" in capsys.readouterr().err
    assert main([*words[:5], "mmlu", *words[6:], "--submission", str(tmp_path / "s")]) == 2
    assert "nothing to submit" in capsys.readouterr().err
