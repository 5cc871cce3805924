"""An evaluation that is stopped goes on, and ends as if it never had been."""

import dataclasses
import gzip
import json
import shutil
from pathlib import Path

import pytest
import soundfile
import torch

from ssr_connector.aligners.bundle import load_bundle, save_aligner
from ssr_connector.config import EvaluationSection
from ssr_connector.data.cuts import read_cuts
from ssr_connector.evaluation import suite as suite_module
from ssr_connector.evaluation.comparison import Spec, compare, hear
from ssr_connector.evaluation.hearing import Hearing
from ssr_connector.evaluation.measures import Measures
from ssr_connector.model import SSRForConditionalGeneration

CONFIG = EvaluationSection(bootstrap=20, snr_db=(5,), batch_s=1.5)


class Killed(BaseException):
    """Not to be caught, like the signal."""


@pytest.fixture
def spec(model, recordings, tmp_path):
    """Two systems that differ in their connectors, and two tasks on the same recordings."""
    model.save_pretrained(str(tmp_path / "a"))
    change(tmp_path / "a", tmp_path / "b")
    for path in recordings:
        shutil.copy(path, tmp_path)
    names = [Path(path).name for path in recordings]
    rows = []
    for k in range(4):
        choices = [{"text": t, "audio": names[k - j]} for j, t in ((1, "The dog barks."), (2, "The king sleeps."))]
        context = {"text": "Anna found the lamp.", "audio": names[k]}
        rows.append({"id": f"q{k}", "context": context, "choices": choices, "answer": k % 2})
    for file in ("storycloze.jsonl", "mmlu_cloze.jsonl"):
        (tmp_path / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    systems = {"ssr": tmp_path / "a", "other": tmp_path / "b"}
    return Spec(systems, ["storycloze"], tmp_path, None, CONFIG, tmp_path / "journal")


def change(old, new):
    """Another model: its connector's first weights are turned about."""
    model = SSRForConditionalGeneration.from_pretrained(str(old))
    with torch.no_grad():
        next(model.connector.parameters()).mul_(-2)
    model.save_pretrained(str(new))


def run(spec):
    """Results as they are written, without what says when they were made."""
    results = json.loads(json.dumps(compare(spec, lambda line: None, lambda *_: None)))
    for row in (results, *results["rows"]):
        row["seconds"] = None
    return {key: value for key, value in results.items() if key != "date"}


def calls(monkeypatch, owner, name, dies_at=None):
    """Counts calls of a function from now on; it dies at the call of that number."""
    honest, seen = getattr(owner, name), []

    def counted(*args, **kwargs):
        seen.append(1)
        if len(seen) == dies_at:
            raise Killed
        return honest(*args, **kwargs)

    monkeypatch.setattr(owner, name, counted)
    return seen


@pytest.fixture
def counts(monkeypatch):
    """Calls so far: batches heard, rows scored, systems measured."""
    places = ((Hearing, "_hear"), (suite_module, "score_choices"), (Measures, "_measure"))
    return [calls(monkeypatch, *place) for place in places]


def numbers(counts):
    """The calls since the last time."""
    found = [len(seen) for seen in counts]
    for seen in counts:
        seen.clear()
    return found


def test_killed_anywhere_it_ends_the_same(spec, tiny_corpus, counts, monkeypatch):
    cuts = spec.folder / "cuts.jsonl"
    cuts.write_bytes(
        b"".join(gzip.decompress((tiny_corpus / "dev.jsonl.gz").read_bytes()).splitlines(keepends=True)[:2])
    )
    spec = dataclasses.replace(spec, cuts=cuts)
    whole = run(dataclasses.replace(spec, journal=None))
    work = numbers(counts)
    assert (work[1], work[2]) == (len(whole["rows"]), 2)
    journal = spec.journal / "results.jsonl"
    for kind, (owner, name, at) in enumerate(
        ((Hearing, "_hear", 3), (suite_module, "score_choices", 9), (Measures, "_measure", 2))
    ):
        shutil.rmtree(spec.journal, ignore_errors=True)
        with monkeypatch.context() as patch:
            calls(patch, owner, name, dies_at=at)
            with pytest.raises(Killed):
                run(spec)
        with journal.open("ab") as out:
            out.write(b'{"key": {"task": "story')  # as kill -9 may leave it
        numbers(counts)
        assert run(spec) == whole
        assert numbers(counts)[kind] == work[kind] - at + 1
    assert run(spec) == whole
    assert numbers(counts) == [0, 0, 0]


def test_what_was_heard_beforehand_is_not_heard_again(spec, model, tiny_corpus, tiny_llm, counts, tmp_path):
    spec = dataclasses.replace(spec, cuts=tiny_corpus / "dev.jsonl.gz")
    whole, work = run(dataclasses.replace(spec, journal=None)), numbers(counts)
    config = model.config
    save_aligner(tmp_path / "aligner", model.aligner, config.heard, str(tiny_llm), "cased")
    n = hear(dataclasses.replace(spec, systems={}), load_bundle(tmp_path / "aligner"), lambda *_: None)
    assert n == 2 * 4 + len(list(read_cuts(spec.cuts)))  # at both ratios, and the cuts as they are
    assert numbers(counts) == [work[0], 0, 0]
    assert run(spec) == whole
    assert numbers(counts)[0] == 0


def test_what_changed_is_scored_anew_and_the_rest_taken_up(spec, counts):
    def scored(spec):
        rows = run(spec)["rows"]
        return numbers(counts)[1], rows

    first, rows = scored(dataclasses.replace(spec, systems={"ssr": spec.systems["ssr"]}))
    assert first == len(rows)
    with_task = dataclasses.replace(spec, tasks=["storycloze", "spoken_mmlu_cloze"])
    added, rows = scored(with_task)
    assert added == len(rows) - first
    renamed = dataclasses.replace(with_task, systems={"x": spec.systems["ssr"], "y": spec.systems["other"]})
    assert scored(renamed)[0] == 0
    change(spec.systems["other"], spec.systems["other"])
    again, rows = scored(with_task)
    assert again == sum(row["system"] == "other" for row in rows)
    file = spec.folder / "mmlu_cloze.jsonl"
    file.write_text(file.read_text().replace("The dog barks.", "The dog sings."))
    again, rows = scored(with_task)
    assert again == sum(row["task"] == "spoken_mmlu_cloze" for row in rows)


def test_a_changed_recording_is_heard_and_scored_again(spec, counts):
    run(spec)
    numbers(counts)
    path = spec.folder / "r0.wav"
    samples, rate = soundfile.read(path)
    soundfile.write(path, samples[::-1], rate)
    rows = run(spec)["rows"]
    assert numbers(counts)[:2] == [2, sum(row["mode"] != "T" for row in rows)]  # clean and at 5 dB


def test_a_damaged_batch_is_heard_again(spec, counts):
    whole = run(spec)
    numbers(counts)
    file = sorted((spec.journal / "heard").rglob("*.safetensors"))[0]
    file.write_bytes(file.read_bytes()[:-7])
    (file.parent / "x.safetensors.tmp-host-1").write_bytes(b"half")
    (spec.journal / "results.jsonl").unlink()
    assert run(spec) == whole
    assert numbers(counts)[:2] == [1, len(whole["rows"])]
    assert not list(file.parent.glob("*tmp*"))
