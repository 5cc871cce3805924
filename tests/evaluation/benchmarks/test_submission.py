import pytest
import yaml

from ssr_connector.config import EvaluationSection
from ssr_connector.evaluation.benchmarks.submission import write_submission
from ssr_connector.evaluation.choice import Choice, Outcome, Spoken
from ssr_connector.evaluation.suite import Suite
from ssr_connector.model import SSRForConditionalGeneration


@pytest.fixture(scope="module")
def model(tiny_model):
    return SSRForConditionalGeneration.from_pretrained(str(tiny_model)).eval()


def test_a_sample_has_a_line_for_each_of_its_recordings_in_the_file_of_its_folder(tmp_path, record, model):
    def item(name, part, split, *stems):
        audio = [record(tmp_path / "zr" / part / split / f"{stem}.wav") for stem in stems]
        return Choice(name, "", Spoken(""), tuple(Spoken("", str(path)) for path in audio), 0, cluster=name)

    words = [item("1", "lexical", "dev", "b", "a"), item("2", "lexical", "test", "c", "d")]
    notes = []
    suite = Suite(tmp_path, EvaluationSection(bootstrap=20, items=2), ["swuggy"], {}, notes.append)
    suite._items = {"swuggy.jsonl": words, "sblimp.jsonl": [item("3", "syntactic", "dev", "e", "f")]}
    suite.keep(Outcome([1, 0], 0, [[-1.5, -2.0], [-3.0, float("-inf")]]), words, "swuggy", "S", "ssr", "clean", 0.0)
    notes.clear()
    record(tmp_path / "zr" / "lexical" / "test" / "unpaired.wav")
    write_submission(suite, model, "ssr", tmp_path / "out", lambda *_: None)
    assert (tmp_path / "out" / "lexical" / "dev.txt").read_text() == "a -2.0\nb -1.5\n"
    assert (tmp_path / "out" / "lexical" / "test.txt").read_text() == "c -3.0\nd -inf\n"
    assert not (tmp_path / "out" / "syntactic").exists()  # this system was not asked
    assert "lexical/test: 1 recordings have no score" in notes[0]
    assert "meta.yaml: fill in author" in notes[1]
    assert len(notes) == 2


def test_meta_has_the_entries_of_the_challenge_and_stays_as_it_was_filled_in(tmp_path, model):
    suite = Suite(tmp_path, EvaluationSection(), ["swuggy"], {})
    write_submission(suite, model, "ssr", tmp_path, lambda *_: None)
    found = yaml.safe_load((tmp_path / "meta.yaml").read_text())
    parts = found["parameters"]
    types = {"author": str, "affiliation": str, "description": str, "open_source": bool, "train_set": str}
    assert {name: type(entry) for name, entry in found.items()} == {**types, "gpu_budget": float, "parameters": dict}
    assert all(found[name] for name in ("author", "affiliation", "description", "train_set"))
    assert {name: set(part) for name, part in parts.items()} == {
        "phonetic": {"metric", "frame_shift"},
        "semantic": {"metric", "pooling"},
    }
    assert parts["phonetic"]["frame_shift"] == pytest.approx(1 / model.encoder.clock.rate_hz)
    (tmp_path / "meta.yaml").write_text("author: me\n")
    write_submission(suite, model, "ssr", tmp_path, lambda *_: None)
    assert (tmp_path / "meta.yaml").read_text() == "author: me\n"
