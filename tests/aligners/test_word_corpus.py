"""A corpus through aligners that need no training: resumed, in processes, nothing lost."""

import json
import os
import shutil

import pytest
from lhotse import AudioSource
from lhotse.utils import fastcopy

from ssr_connector.aligners import word_corpus
from ssr_connector.aligners.base import Unalignable
from ssr_connector.aligners.word_corpus import JOURNAL, align_cuts
from ssr_connector.data.cuts import read_manifests
from ssr_connector.errors import UserError


def quiet(done, total, figures):
    """No progress."""


@pytest.fixture
def cuts(tiny_corpus):
    return read_manifests([tiny_corpus / "train.jsonl.gz"])


def test_what_is_interrupted_goes_on_and_ends_as_if_it_had_not_been(cuts, tmp_path, monkeypatch):
    whole = align_cuts(cuts, "uniform", tmp_path / "whole", 1, quiet)
    done = []

    def stops_at_5(one, cut):
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(cut.id)
        return genuine(one, cut)

    genuine = word_corpus.align_one
    monkeypatch.setattr(word_corpus, "align_one", stops_at_5)
    with pytest.raises(KeyboardInterrupt):
        align_cuts(cuts, "uniform", tmp_path / "cut", 1, quiet)
    journal = tmp_path / "cut" / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-9])  # as a killed process leaves it: the last line is not whole
    again = []
    monkeypatch.setattr(word_corpus, "align_one", lambda one, cut: again.append(cut.id) or genuine(one, cut))
    assert align_cuts(cuts, "uniform", tmp_path / "cut", 1, quiet) == whole
    assert again == [cut.id for cut in cuts][4:]
    with pytest.raises(UserError, match="interrupted run with uniform"):
        align_cuts(cuts, "pocketsphinx", tmp_path / "cut", 1, quiet)
    journal.write_text(json.dumps({"aligner": "uniform"}) + '\n{"id": "x"}\n')
    with pytest.raises(UserError, match="damaged"):
        align_cuts(cuts, "uniform", tmp_path / "cut", 1, quiet)


def test_a_changed_transcript_is_aligned_again(cuts, tmp_path, monkeypatch):
    align_cuts(cuts, "uniform", tmp_path, 1, quiet)  # not finished: the journal stays
    changed = [fastcopy(cuts[0], supervisions=[fastcopy(cuts[0].supervisions[0], text="Other words.")]), *cuts[1:]]
    again = []
    genuine = word_corpus.align_one
    monkeypatch.setattr(word_corpus, "align_one", lambda one, cut: again.append(cut.id) or genuine(one, cut))
    done, _ = align_cuts(changed, "uniform", tmp_path, 1, quiet)
    assert again == [cuts[0].id]
    assert done[0].text == "Other words."


def test_what_could_not_be_aligned_is_tried_again_and_so_is_what_was_mended(cuts, tmp_path, monkeypatch):
    ctm, wave = tmp_path / "w.ctm", tmp_path / "u.wav"
    cut = cuts[0]
    spoken = cut.supervisions[0].text.split()
    moved = fastcopy(cut, recording=fastcopy(cut.recording, sources=[AudioSource("file", [0], str(wave))]))
    tried = []
    genuine = word_corpus.align_one
    monkeypatch.setattr(word_corpus, "align_one", lambda one, cut: tried.append(cut.id) or genuine(one, cut))

    def align():
        tried.clear()
        return align_cuts([moved], f"imported:{ctm}", tmp_path / "out", 1, quiet)  # never finished

    def write(start_s):
        ctm.write_text("".join(f"{cut.id} 1 {start_s + 0.05 * k} 0.05 {word}\n" for k, word in enumerate(spoken)))

    write(9.0)
    assert "missing file" in align()[1][0][1]
    shutil.copy(cut.recording.sources[0].source, wave)
    assert "after its end" in align()[1][0][1]
    write(0.25)
    assert align()[0][0].words[0].start_s == 0.25
    align()
    assert not tried
    write(0.5)
    assert align()[0][0].words[0].start_s == 0.5
    os.utime(wave, (1000, 1000))  # as of another recording
    align()
    assert tried == [cut.id]


def test_processes_change_nothing(cuts, tmp_path):
    alone = align_cuts(cuts, "uniform", tmp_path / "1", 1, quiet)
    assert align_cuts(cuts, "uniform", tmp_path / "2", 2, quiet) == alone
    assert [u.id for u in alone[0]] == [cut.id for cut in cuts]


def test_a_recording_that_is_gone_is_named_and_the_rest_is_done(cuts, tmp_path):
    gone = [AudioSource("file", [0], str(tmp_path / "gone.wav"))]
    broken = fastcopy(cuts[3], recording=fastcopy(cuts[3].recording, sources=gone))
    done, rejected = align_cuts([*cuts[:3], broken, *cuts[4:]], "uniform", tmp_path / "out", 1, quiet)
    assert len(done) == len(cuts) - 1
    ((key, reason),) = rejected
    assert key == cuts[3].id
    assert "gone.wav" in reason


@pytest.mark.parametrize("spec", ["magic", "runs/nothing"])
def test_an_unknown_aligner_is_named(spec):
    with pytest.raises(UserError, match=spec):
        word_corpus.word_aligner(spec)


def test_pocketsphinx_finds_words_where_espeak_said_them(tmp_path):
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("espeakng_loader")
    import numpy as np

    from ssr_connector.aligners.pocketsphinx import PocketSphinxAligner
    from ssr_connector.data.audio import load_audio
    from ssr_connector.data.words import read_ctm
    from ssr_connector.tiny.speak import render
    from ssr_connector.tiny.voices import TEST_VOICES
    from ssr_connector.tiny.world import Utterance

    texts = ["The children walked to the market in the morning.", "Nobody saw the old brontal behind the house."]
    render([Utterance(f"u{i}", t, "x") for i, t in enumerate(texts)], TEST_VOICES[:1], tmp_path, 0, None)
    gold = read_ctm(tmp_path / "words.ctm")
    aligner = PocketSphinxAligner()
    errors_s = []
    for line in (tmp_path / "table.tsv").read_text().splitlines()[1:]:
        key, audio, text, *_ = line.split("\t")
        words = aligner.align_words(key, load_audio(tmp_path / audio), text)
        assert not isinstance(words, Unalignable), words
        assert [w.text for w in words] == text.split()
        errors_s += [abs(w.end_s - g.end_s) for w, g in zip(words, gold[key], strict=True)]
    assert np.median(errors_s) < 0.05
    silence = load_audio(tmp_path / audio)
    assert isinstance(aligner.align_words("x", silence, "..."), Unalignable)
    assert isinstance(aligner.align_words("x", silence, "日本"), Unalignable)
