"""The demo's tests spoken otherwise: what is heard, what counts as the text, and that items pair."""

from pathlib import Path

import pytest
from rich.console import Console

from ssr_connector.data.cuts import known_words, read_cuts
from ssr_connector.evaluation.choice import read_choices
from ssr_connector.studies.speaking import CUTS, TESTS, Domain, speak_tests, voices_of
from ssr_connector.tiny.demo import Demo
from ssr_connector.tiny.spontaneous import FILLERS
from ssr_connector.tiny.unseen import renamed
from ssr_connector.tiny.voices import TEST_VOICES, TRAIN_ACCENTS

SMOKE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"
TASKS = ["storycloze", "mmlu_cloze"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    small = [f"--tiny.world.{key}=2" for key in ("storycloze", "swuggy", "sblimp", "mmlu", "style")]
    sizes = ["--tiny.world.text_documents=200", "--tiny.world.speech_train=20", "--tiny.world.speech_dev=8"]
    return Demo(SMOKE, tmp_path_factory.mktemp("demo"), [*small, *sizes], Console(quiet=True))


@pytest.fixture(scope="module")
def spontaneous(demo, tmp_path_factory):
    """A folder in which every second word has a filler before it, and words are repeated and broken off."""
    out = tmp_path_factory.mktemp("spontaneous")
    domain = Domain(fillers=0.5, repetitions=0.2, false_starts=0.2)
    return out, speak_tests(demo, domain, TASKS, out, lambda *_: None)


def spoken_words(folder):
    """The words of every recording, as eSpeak said them."""
    words = {}
    for line in (folder / "words.ctm").read_text().splitlines():
        key, _, start, duration, word = line.split(" ")
        words.setdefault(key, []).append((word, float(start), float(start) + float(duration)))
    return words


def test_fillers_are_in_the_audio_and_not_in_the_text(spontaneous, demo):
    out, facts = spontaneous
    texts = {u.id: u.text for u in demo.world.speech_dev}
    spoken = spoken_words(out / "test")
    cuts = list(read_cuts(out / CUTS))
    assert {cut.id for cut in cuts} == set(spoken)
    said = [word for words in spoken.values() for word, _, _ in words]
    assert sum(word in FILLERS for word in said) > 0.2 * len(said)
    for cut in cuts:
        (supervision,) = cut.supervisions
        assert supervision.text == texts[cut.id]
        known = known_words(cut)
        assert [w.text for w in known] == texts[cut.id].split()  # the true times of the text's words alone
        times = {(word, round(start, 3), round(end, 3)) for word, start, end in spoken[cut.id]}
        assert {(w.text, round(w.start_s, 3), round(w.end_s, 3)) for w in known} <= times
        assert cut.duration >= spoken[cut.id][-1][2]
    n_text = sum(len(texts[cut.id].split()) for cut in cuts)
    assert len(said) > n_text
    assert 25 < facts["not_text"] < 60


def test_items_are_the_demo_s_and_name_their_recordings(spontaneous, demo):
    out, _ = spontaneous
    for task in TASKS:
        items = read_choices(out / TESTS / f"{task}.jsonl")
        for item, usual in zip(items, demo.world.tests[task], strict=True):
            assert (item.id, item.answer, item.context.text) == (usual.id, usual.answer, usual.spoken)
            assert [c.text for c in item.choices] == list(usual.choices)
            assert Path(item.context.audio).is_file()
            assert all(Path(c.audio).is_file() for c in item.choices if c.audio)


def test_unseen_words_are_said_and_written(demo, tmp_path):
    facts = speak_tests(demo, Domain(unseen_words=True), ["storycloze"], tmp_path, lambda *_: None)
    table = (tmp_path / TESTS / "table.tsv").read_text()
    items = read_choices(tmp_path / TESTS / "storycloze.jsonl")
    for item, usual in zip(items, demo.world.tests["storycloze"], strict=True):
        assert item.context.text == renamed(usual.spoken) != usual.spoken
        assert f"\t{item.context.text}\t" in table
        assert usual.spoken not in table
    assert facts["not_text"] == 0


def test_voices_differ_from_training_in_one_thing():
    training = voices_of("training", 2)
    accents, kinds = ({v.accent for v in training}, {v.variant for v in training})
    assert accents == {voice.accent for accent in TRAIN_ACCENTS[:2] for voice in accent}
    other_kinds, other_accents = voices_of("other kinds", 2), voices_of("other accents", 2)
    assert {v.accent for v in other_kinds} == accents
    assert {v.variant for v in other_kinds} == {v.variant for v in TEST_VOICES}
    assert kinds.isdisjoint(v.variant for v in other_kinds)
    assert {v.variant for v in other_accents} == kinds
    assert {v.accent for v in other_accents} == {v.accent for v in TEST_VOICES}
    assert accents.isdisjoint(v.accent for v in other_accents)
    for voices in (training, other_kinds, other_accents):
        assert len(set(voices)) == len(voices)
