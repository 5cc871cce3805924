import time

import pytest

from ssr_connector.evaluation.choice import Choice, Example, Spoken
from ssr_connector.evaluation.controls import NO_CONTEXT, ORACLE, OTHER_AUDIO, oracles, rotated, without_context
from ssr_connector.evaluation.hearing import Hearing
from ssr_connector.evaluation.tasks import SPEECH, SPEECH_TO_HEARD, SPEECH_TO_TEXT, TEXT_TO_SPEECH
from ssr_connector.model.sequence import Speech

MODES = (SPEECH_TO_TEXT, SPEECH_TO_HEARD, TEXT_TO_SPEECH, SPEECH)


@pytest.fixture
def items(recordings):
    """Two questions: a recording each as context, and the two others as choices of both."""
    choices = (Spoken("The dog.", recordings[2]), Spoken("A king.", recordings[3]))
    return [Choice(f"q{k}", "", Spoken(text, recordings[k]), choices, 0) for k, text in enumerate(("Anna.", "Tom."))]


@pytest.fixture
def hearing(model, items):
    found = Hearing(model.ears, 10)
    choices = {choice.audio for choice in items[0].choices}
    found.add(found.files(choices | {item.context.audio for item in items}), continuing=choices)
    return found


def scored(rows, items):
    """By mode and system: context and choices of every item."""
    return {(row.mode, row.system): [row.parts(item) for item in items] for row in rows}


def tokens(part):
    return list(part.alignment.token_ids)


def test_the_oracle_hears_the_tokens_of_the_true_texts(model, hearing, items):
    found = scored(oracles(hearing, model, items, MODES), items)
    assert set(found) == {(mode, ORACLE) for mode in (SPEECH_TO_TEXT, TEXT_TO_SPEECH, SPEECH)}
    own, going_on = (model.tokenize(text)[0] for text in ("Anna.", " The dog."))
    (context,), endings = found[SPEECH_TO_TEXT, ORACLE][0]
    assert tokens(context) == own != tokens(hearing.speech(model, [items[0].context.audio])[items[0].context.audio])
    assert endings == [[" The dog."], [" A king."]]
    (context,), endings = found[TEXT_TO_SPEECH, ORACLE][0]
    assert (context, tokens(endings[0][0])) == ("Anna.", going_on)
    (context,), endings = found[SPEECH, ORACLE][0]
    assert (tokens(context), tokens(endings[0][0])) == (own, going_on)


def test_without_all_texts_there_is_no_oracle(model, hearing, items):
    nameless = [Choice("q", "", Spoken("Anna.", items[0].context.audio), (Spoken("", items[0].choices[0].audio),), 0)]
    assert [row.mode for row in oracles(hearing, model, nameless, MODES)] == [SPEECH_TO_TEXT]


def test_a_recording_that_is_too_short_for_its_text_stays_as_heard_and_is_counted(model, hearing, items):
    long = [Choice("q", "", Spoken("Anna found the lamp. " * 30, items[0].context.audio), items[0].choices, 0)]
    (row,) = oracles(hearing, model, long, [SPEECH_TO_TEXT])
    (heard,), _ = row.parts(long[0])
    assert heard.alignment == hearing.heard[items[0].context.audio].alignment
    assert row.n_unforced() == 1


def test_controls_change_the_context_alone(model, hearing, items):
    found = scored(without_context(hearing, model, items, MODES), items)
    assert set(found) == {(m, s) for m in MODES for s in (OTHER_AUDIO, NO_CONTEXT)} - {(TEXT_TO_SPEECH, OTHER_AUDIO)}
    speech = hearing.speech(model, [i.context.audio for i in items])
    (context,), endings = found[SPEECH, OTHER_AUDIO][0]
    assert tokens(context) == tokens(speech[items[1].context.audio])
    assert [tokens(e[0]) for e in endings] == [
        list(hearing.heard[c.audio].alignment.token_ids) for c in items[0].choices
    ]
    written = [hearing.heard[c.audio].alignment.text for c in items[0].choices]
    assert found[SPEECH_TO_HEARD, NO_CONTEXT][0] == ([], [[text] for text in written])
    assert found[SPEECH_TO_HEARD, OTHER_AUDIO][0][1] == [[f" {text}" if text else ""] for text in written]
    assert found[SPEECH_TO_TEXT, NO_CONTEXT][0] == ([], [["The dog."], ["A king."]])
    context, endings = found[SPEECH, NO_CONTEXT][0]
    assert context == []
    assert all(isinstance(e, Speech) for (e,) in endings)


def test_another_items_audio_comes_after_the_items_own_examples(model, hearing, items):
    labels = Spoken("slow"), Spoken("fast")
    shown = [
        Choice(i.id, "", i.context, labels, 0, " It is", examples=(Example(i.context, " It is slow\n"),)) for i in items
    ]
    found = scored(without_context(hearing, model, shown, [SPEECH_TO_TEXT]), shown)
    speech = hearing.speech(model, [i.context.audio for i in items])
    example, answered, context, prompt = found[SPEECH_TO_TEXT, OTHER_AUDIO][0][0]
    assert (tokens(example), tokens(context)) == tuple(tokens(speech[i.context.audio]) for i in items)
    assert (answered, prompt) == (" It is slow\n", " It is")
    (example, *_), _ = scored(oracles(hearing, model, shown, [SPEECH_TO_TEXT]), shown)[SPEECH_TO_TEXT, ORACLE][0]
    assert tokens(example) == model.tokenize("Anna.")[0]  # along its text, too


def test_pairs_without_context_have_no_controls(model, hearing, items):
    pairs = [Choice("p", "", Spoken(""), items[0].choices, 0)]
    assert list(without_context(hearing, model, pairs, [SPEECH])) == []
    assert [row.system for row in oracles(hearing, model, pairs, [SPEECH])] == [ORACLE]


def test_controls_never_hear_their_own_audio():
    items = [Choice(str(k), "", Spoken("x", f"{k}.wav"), (Spoken("a"), Spoken("b")), 0) for k in range(5)]
    heard = rotated(items)
    assert sorted(heard) == sorted(i.context.audio for i in items)
    assert all(h != i.context.audio for h, i in zip(heard, items, strict=True))


def test_controls_of_many_items_are_found_at_once():
    items = [Choice(str(k), "", Spoken("x", f"{k}.wav"), (Spoken("a"), Spoken("b")), 0) for k in range(20_000)]
    started = time.process_time()
    assert rotated(items)[0] == "10000.wav"
    assert time.process_time() - started < 5  # a list of all others for each took half a minute


def test_controls_never_hear_another_recording_of_their_own_question():
    items = [
        Choice(str(k), "", Spoken("x", f"{k}.wav"), (Spoken("a"), Spoken("b")), 0, cluster=cluster)
        for k, cluster in enumerate("pqpqrp")
    ]
    clusters = {i.context.audio: i.cluster for i in items}
    assert all(clusters[h] != i.cluster for h, i in zip(rotated(items), items, strict=True))
    assert rotated(items)[0] == "3.wav"  # half-way round, where that is another's
