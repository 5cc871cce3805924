from ssr_connector.config import EvaluationSection
from ssr_connector.evaluation.benchmarks.submission import write_submission
from ssr_connector.evaluation.choice import Choice, Outcome, Spoken
from ssr_connector.evaluation.suite import Suite


def test_every_recording_has_a_line_in_the_file_of_its_folder(tmp_path, record):
    def item(name, part, split, *stems):
        audio = [record(tmp_path / "zr" / part / split / f"{stem}.wav") for stem in stems]
        return Choice(name, "", Spoken(""), tuple(Spoken("", str(path)) for path in audio), 0, cluster=name)

    words = [item("1", "lexical", "dev", "b", "a"), item("2", "lexical", "test", "c", "d")]
    notes = []
    suite = Suite(tmp_path, EvaluationSection(bootstrap=20), ["swuggy"], {}, notes.append)
    suite._items = {"swuggy.jsonl": words, "sblimp.jsonl": [item("3", "syntactic", "dev", "e", "f")]}
    suite.keep(Outcome([1, 0], 0, [[-1.5, -2.0], [-3.0, float("-inf")]]), words, "swuggy", "S", "ssr", "clean", 0.0)
    notes.clear()
    record(tmp_path / "zr" / "lexical" / "test" / "unpaired.wav")
    write_submission(suite, "ssr", tmp_path / "out")
    assert (tmp_path / "out" / "lexical" / "dev.txt").read_text() == "a -2.0\nb -1.5\n"
    assert (tmp_path / "out" / "lexical" / "test.txt").read_text() == "c -3.0\nd -inf\n"
    assert not (tmp_path / "out" / "syntactic").exists()  # this system was not asked
    (note,) = notes
    assert "lexical/test: 1 recordings have no score" in note
