"""benchmarks/alignment.py: what it makes of TIMIT's files, and of what aligners put out."""

import importlib
from pathlib import Path

import pytest


@pytest.fixture
def alignment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # else it sets it, for all tests
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    return importlib.import_module("alignment")


@pytest.fixture
def corpus(alignment, tmp_path):
    """Two sentences of TIMIT, one in upper case as it was published; the true ends of four words."""
    for name in ("SA1.WRD", "sa2.wrd"):
        (tmp_path / "FCJF0").mkdir(exist_ok=True)
        path = tmp_path / "FCJF0" / name
        path.write_text("0 8000 she\n8000 16000 had\n")
        path.with_suffix(".WAV" if name.isupper() else ".wav").touch()
    return alignment.timit(tmp_path, tmp_path)


def test_word_files_and_recordings_are_found_in_either_case(corpus):
    table, gold = (path.read_text().splitlines() for path in corpus)
    assert [line.split("\t")[0] for line in table] == ["id", "FCJF0-SA1", "FCJF0-sa2"]
    assert [Path(line.split("\t")[1]).name for line in table[1:]] == ["SA1.WAV", "sa2.wav"]
    assert gold[0] == "FCJF0-SA1 1 0.0 0.5 she"
    assert len(gold) == 4


def test_an_aligner_that_fails_is_a_row_of_its_own(alignment, corpus, monkeypatch):
    monkeypatch.setattr(alignment, "ssr", lambda words: 2)
    assert list(alignment.measure(*corpus, ["none"])) == ["| none | none | | | | all | |"]


def test_errors_are_those_of_word_ends(alignment, corpus, monkeypatch):
    def ssr(words):
        Path(words[words.index("--out") + 1], "rejected.tsv").write_text("id\taudio\treason\tdetail\n")
        return 0

    late = {
        key: [alignment.TimedWord(w, k / 2, k / 2 + 0.5 + s) for k, w in enumerate(("she", "had"))]
        for key, s in (("FCJF0-SA1", 0.01), ("FCJF0-sa2", 0.03))
    }
    monkeypatch.setattr(alignment, "ssr", ssr)
    monkeypatch.setattr(alignment, "read_jsonl", lambda path: late)
    (row,) = alignment.measure(*corpus, ["ours"])
    assert row.startswith("| ours | 20.0 (10.0–30.0) | 20.0 | 50, 100, 100 | 4 in 2 | 0 |")
