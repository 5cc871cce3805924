import numpy as np

from ssr_connector.encoders.front_end import FastConformer
from ssr_connector.tiny.encoder import EncoderTrainingConfig, build_extractor, build_model
from ssr_connector.tiny.phone_targets import (
    CLOCK,
    IGNORED,
    PhoneCorpus,
    frame_labels,
    usual_phones,
    usual_pronunciations,
)


def test_the_clock_is_the_one_the_front_end_reads_from_the_extractor():
    assert FastConformer.build(build_model(EncoderTrainingConfig()).config, build_extractor()).clock == CLOCK


def test_frames_take_the_phone_at_their_centre_and_pauses_their_punctuation():
    words = [("Oh,", 0.10, 0.20), ("no", 0.26, 0.34)]
    phones = [("oʊ", 0.10, 0.20), ("n", 0.26, 0.30), ("oʊ", 0.30, 0.34)]
    labels = frame_labels(words, phones, 20)  # centres at 0, 20, … ms
    assert labels[:10] == [" "] * 5 + ["oʊ"] * 5
    assert labels[10:18] == [" ,", " ,", " ,", "n", "n", "oʊ", "oʊ", " "]


def corpus() -> PhoneCorpus:
    rng = np.random.default_rng(0)
    lengths = rng.integers(10, 400, 60)
    features = [rng.standard_normal((2 * n, 80)).astype(np.float16) for n in lengths]
    targets = [rng.integers(-1, 3, n).astype(np.int16) for n in lengths]
    return PhoneCorpus(("a", "b", "c"), {}, features, targets, ["abc"] * 60)


def test_a_pass_takes_every_utterance_once_within_the_budget():
    data = corpus()
    batches = list(data.batches(20.0, np.random.default_rng(1)))
    assert sorted(i for batch in batches for i in batch) == list(range(60))
    assert all(len(b) == 1 or len(b) * max(len(data.targets[i]) for i in b) <= 1000 for b in batches)
    assert len(batches) < 30


def test_padding_and_unknown_phones_are_no_targets():
    data = corpus()
    batch = data.collate(np.array([3, 7]))
    for row, i in enumerate((3, 7)):
        n = len(data.targets[i])
        assert batch.mask[row].sum() == 2 * n
        assert batch.lengths[row] == n
        assert (batch.targets[row, n:] == IGNORED).all()
        assert ((batch.targets[row, :n] == IGNORED).numpy() == (data.targets[i] < 0)).all()
        assert (batch.features[row, 2 * n :] == 0).all()


def test_targets_follow_the_usual_pronunciation_not_the_accent():
    words = {k: [("Bath,", 0.0, 0.3)] for k in "abc"}
    phones = {
        "a": [("b", 0.0, 0.1), ("æ", 0.1, 0.2), ("θ", 0.2, 0.3)],
        "b": [("b", 0.0, 0.1), ("æ", 0.1, 0.2), ("θ", 0.2, 0.3)],
        "c": [("b", 0.0, 0.1), ("ɑː", 0.1, 0.25), ("θ", 0.25, 0.3)],
    }
    usual = usual_pronunciations(words, phones)
    assert usual == {"bath": ("b", "æ", "θ")}
    assert usual_phones(words["c"], phones["c"], usual) == [("b", 0.0, 0.1), ("æ", 0.1, 0.25), ("θ", 0.25, 0.3)]
    fewer = [("b", 0.0, 0.1), ("ɑː", 0.1, 0.3)]
    assert [name for name, _, _ in usual_phones(words["c"], fewer, usual)] == ["b", "æ", "θ"]
    assert usual_phones([("new", 0.0, 0.3)], fewer, usual) == fewer


def test_corpora_of_several_languages_keep_their_own_words_and_share_labels():
    one = PhoneCorpus(("b", "d"), {"in": ("b",)}, [np.zeros((3, 160))], [np.array([0, 1, -1], np.int16)], ["in"])
    two = PhoneCorpus(("a", "b"), {"in": ("a",)}, [np.ones((2, 160))], [np.array([1, 0], np.int16)], ["in"])
    joined = PhoneCorpus.joined([one, two])
    assert joined.labels == ("a", "b", "d")
    assert [row.tolist() for row in joined.targets] == [[1, 2, -1], [1, 0]]
    assert joined.texts == ["in", "in"]
    alone = PhoneCorpus.joined([one])
    assert (alone.labels, alone.targets[0].tolist()) == (one.labels, one.targets[0].tolist())
