import dataclasses
import gzip
import json

import pytest
from lhotse.utils import fastcopy

from ssr_connector.config import EvaluationSection
from ssr_connector.data.cuts import read_cuts
from ssr_connector.errors import UserError
from ssr_connector.evaluation.hearing import Hearing
from ssr_connector.evaluation.journal import Journal
from ssr_connector.evaluation.measures import Measures, word_error_changes
from ssr_connector.studies.results import over_seeds
from ssr_connector.word_errors import WordErrors


@pytest.fixture
def measured(model, tiny_corpus):
    hearing = Hearing(model.ears, 5.0)
    measures = Measures(tiny_corpus / "dev.jsonl.gz", EvaluationSection(bootstrap=20), hearing, lambda line: None)
    measures.hear(lambda *_: None)
    return measures


def test_figures_of_a_random_model_are_all_there(measured, model):
    measured.add("ssr", model, detailed=True)
    named = {f["name"]: f for f in measured.figures}
    expected = {"cosine", "squared_error", "embedding_wer_forced", "embedding_wer", "ctc_wer", "asr_wer_ssr"}
    assert expected <= set(named)
    assert -1 <= named["cosine"]["value"] <= 1
    assert named["length_error"]["value"] > 0
    assert [d["system"] for d in measured.density] == ["encoder frames", "ssr"]
    assert named["positions_per_s_ssr"]["n"] == 4


def test_a_connector_without_a_vector_per_token_is_measured_all_the_same(measured, model, monkeypatch):
    monkeypatch.setattr(type(model.connector), "needs_segments", False)
    measured.add("stack", model, detailed=True)
    named = {f["name"] for f in measured.figures}
    assert {"ctc_wer", "asr_wer_stack", "positions_per_s_stack"} <= named
    assert "cosine" not in named


def test_an_aligner_that_hears_nothing_is_measured_all_the_same(measured, model):
    one = next(iter(measured.hearing.heard.values())).alignment
    silent = dataclasses.replace(one, text="", token_ids=(), starts=(), ends=(), char_spans=(), scores=())
    for key, heard in measured.hearing.heard.items():
        nothing = dataclasses.replace(silent, n_frames=heard.alignment.n_frames)
        measured.hearing.heard[key] = dataclasses.replace(heard, alignment=nothing)
    measured.forced = {}
    measured.add("ssr", model, detailed=True)
    named = {f["name"]: f["value"] for f in measured.figures}
    assert "cosine" not in named
    assert "cosine_best_path" not in named
    assert named["ctc_wer"] == 100
    assert named["length_error"] == 100
    assert named["positions_per_s_ssr"] == 0


def test_recognition_with_beams_and_examples(measured, model):
    measured.config = dataclasses.replace(measured.config, beams=2, asr_shots=1, hallucination=1.5)
    measured.add("ssr", model, detailed=False)
    assert not [f for f in measured.figures if f["name"].startswith("asr_")]  # an LLM that was never taught it
    measured.add("ssr", model, detailed=True)
    named = {f["name"]: f for f in measured.figures}
    for shots, n in (("", 4), ("_1_shot", 3)):
        for measure in ("wer", "cer", "hallucination"):
            assert named[f"asr_{measure}_ssr{shots}"]["n"] == n
    assert any("above 150 % of those said" in row["measure"] for row in measured.rows)
    measured.config = dataclasses.replace(measured.config, asr_shots=4)
    with pytest.raises(UserError, match="some must be left"):
        measured.add("ssr", model, detailed=True)


def test_transcripts_beyond_the_positions_of_the_llm_are_noted_also_when_they_are_looked_up(
    measured, model, monkeypatch, tmp_path
):
    monkeypatch.setattr(model.llm.config, "max_position_embeddings", 2)
    measured.journal = Journal(tmp_path / "journal", code="c", ears="e")
    before = len(measured.notes)
    for _ in range(2):
        measured.add("ssr", model, detailed=True)
    said = "transcription by prompt, ssr: 4 of 4 test cuts may take more than the 2 positions of the LLM, which it was"
    assert [note.startswith(said) for note in measured.notes[before:]] == [True, True]


def test_what_was_not_heard_of_the_cuts_is_noted_and_not_what_tasks_lack(model, tiny_corpus):
    hearing = Hearing(model.ears, 5.0)
    hearing.rejected["task.wav"] = "task.wav is too short for the encoder"
    measures = Measures(tiny_corpus / "dev.jsonl.gz", EvaluationSection(bootstrap=20), hearing, lambda line: None)
    gone = next(iter(measures.cuts))
    hearing.rejected[gone] = f"{gone} is silent"
    measures.hear(lambda *_: None)
    assert [n for n in measures.notes if n.startswith("not heard")] == [f"not heard, and left out: {gone} is silent"]


def test_word_error_changes_are_paired(measured):
    measured.errors = {
        "asr_wer_a": [WordErrors(2, 4), WordErrors(1, 4)],
        "asr_wer_b": [WordErrors(1, 4), WordErrors(1, 4)],
    }
    measured.items["asr_wer_a"] = {"ids": list(measured.cuts)[:2]}
    (change,) = word_error_changes(measured, {"a": None, "b": None}, "a", 50)
    assert change["name"] == "asr_wer_change_b"
    assert change["value"] == -12.5


def test_voices_are_shown_singly_and_drawn_together_where_they_are_many(measured):
    keys = [f"u{k}" for k in range(80)]
    wrong = {key: float(k % 40 < 20) for k, key in enumerate(keys)}  # the same for both of a speaker where there are 40
    found = []
    for n_speakers in (2, 40):
        measured.speakers = {key: f"s{k % n_speakers:02d}" for k, key in enumerate(keys)}
        measured.config = dataclasses.replace(measured.config, bootstrap=2000)
        measured.keep_ratio("f", "a measure", "ssr", wrong, [1] * 80)
        found.append(measured.rows[-1])
        in_studies = over_seeds([{"value": 0.5, "unit": "", **measured.items["f"]}], 2000)  # draws the same clusters
        assert in_studies.ci95 == pytest.approx(found[-1]["ci95"], abs=0.01)
    few, many = found
    assert few["value"] == many["value"] == 0.5
    assert few["n"] == many["n"] == 80
    assert (few["voices"], many["voices"]) == ({"s00": 0.5, "s01": 0.5}, {})
    widths = [row["ci95"][1] - row["ci95"][0] for row in found]
    assert widths[1] > 1.2 * widths[0]


def test_every_cut_is_compared_as_its_language_wants(measured):
    keys = sorted(measured.cuts)
    measured.languages = dict.fromkeys(keys, "en") | {keys[0]: "de", keys[1]: "zh"}
    measured.texts = dict.fromkeys(keys, "um") | {keys[1]: "我们去"}
    measured._words("f", "word errors", "ssr", keys[:3], ["", "我们", ""])
    assert [e.words for e in measured.errors["f"]] == [1, 3, 0]  # "um" is a word in German
    assert [e.errors for e in measured.errors["f"]] == [1, 1, 0]


def test_the_notes_say_how_words_are_compared(measured):
    assert measured.notes == ["word errors: 4 test cuts taken as en, by Whisper's English normaliser"]


def manifest(cuts, path):
    with gzip.open(path, "wt") as stream:
        stream.writelines(json.dumps(cut.to_dict()) + "\n" for cut in cuts)
    return path


def test_test_cuts_of_one_id_are_an_error(model, tiny_corpus, tmp_path):
    cuts = list(read_cuts(tiny_corpus / "dev.jsonl.gz"))
    twice = manifest([*cuts, cuts[0]], tmp_path / "twice.jsonl.gz")
    with pytest.raises(UserError, match=f"the id {cuts[0].id} is in .* twice"):
        Measures(twice, EvaluationSection(), Hearing(model.ears, 5.0), lambda line: None)


def test_cuts_without_a_transcript_are_left_out_and_counted(model, tiny_corpus, tmp_path):
    cuts = list(read_cuts(tiny_corpus / "dev.jsonl.gz"))
    mute = [fastcopy(cut, supervisions=[fastcopy(cut.supervisions[0], text="")]) for cut in cuts]
    for some, n in (([mute[0], *cuts[1:]], len(cuts) - 1), (mute, 0)):
        path = manifest(some, tmp_path / f"{n}.jsonl.gz")
        measures = Measures(path, EvaluationSection(bootstrap=20), Hearing(model.ears, 5.0), lambda line: None)
        if not n:
            with pytest.raises(UserError, match="none of the test cuts was heard and has a transcript"):
                measures.hear(lambda *_: None)
            continue
        measures.hear(lambda *_: None)
        assert len(measures.cuts) == n
        assert "1 test cuts have no letter or digit in their transcripts, and are left out" in measures.notes
