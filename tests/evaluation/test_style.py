from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from ssr_connector.errors import UserError
from ssr_connector.evaluation.choice import Choice, Spoken
from ssr_connector.evaluation.style import with_shown

LABELS = ("slow", "fast")


def said(k, label, text):
    return Choice(
        f"{k}-{label}", "rate", Spoken(text, f"{k}-{label}.wav"), tuple(map(Spoken, LABELS)), LABELS.index(label)
    )


ITEMS = [said(k, label, f"Line {k}.") for k in range(4) for label in LABELS]
PATH = Path("style.jsonl")


def label(example):
    return example.written.strip()


def test_examples_of_every_label_say_other_words():
    shown = with_shown(ITEMS, ITEMS, 2, 0, PATH)
    for item in shown:
        assert Counter(label(e) for e in item.examples) == {"slow": 2, "fast": 2}
        assert len({e.context.audio for e in item.examples}) == 4
        assert all(e.context.audio.endswith(f"-{label(e)}.wav") for e in item.examples)
        assert all(e.context.text != item.context.text for e in item.examples)
    assert len({tuple(label(e) for e in item.examples) for item in shown}) > 1  # their order gives nothing away


def test_they_are_drawn_without_end_whatever_the_ids():
    """Recordings under one id, which no file of questions has: each is drawn for itself."""
    same = [replace(item, id="q") for item in ITEMS]
    assert all(
        Counter(label(e) for e in item.examples) == {"slow": 3, "fast": 3}
        for item in with_shown(same, same, 3, 0, PATH)
    )


def test_each_of_the_others_is_drawn_as_often():
    drawn = Counter(e.context.audio for seed in range(300) for e in with_shown(ITEMS, ITEMS, 1, seed, PATH)[0].examples)
    assert drawn.keys() == {f"{k}-{label}.wav" for k in (1, 2, 3) for label in LABELS}
    assert all(70 <= n <= 130 for n in drawn.values())


def test_they_follow_from_the_seed_and_the_item():
    assert with_shown(ITEMS, ITEMS, 1, 0, PATH) == with_shown(ITEMS[::1], ITEMS, 1, 0, PATH)
    assert with_shown(ITEMS, ITEMS, 1, 0, PATH) != with_shown(ITEMS, ITEMS, 1, 1, PATH)
    assert with_shown(with_shown(ITEMS, ITEMS, 2, 0, PATH), ITEMS, 1, 0, PATH) == with_shown(ITEMS, ITEMS, 1, 0, PATH)
    assert with_shown(ITEMS, ITEMS, 0, 0, PATH) == ITEMS


def test_too_few_are_named():
    with pytest.raises(UserError, match=r"style.jsonl: 0-slow needs 4 examples of 'slow' .* there are 3: .* at most 3"):
        with_shown(ITEMS, ITEMS, 4, 0, PATH)
    with pytest.raises(UserError, match=r"needs 1 examples of 'slow' .* there are 0"):
        with_shown(ITEMS, ITEMS[:1], 1, 0, PATH)


def test_without_texts_any_other_recording_will_do():
    items = [said(k, label, "") for k in range(2) for label in LABELS]
    for item in with_shown(items, items, 1, 0, PATH):
        assert item.context.audio not in {e.context.audio for e in item.examples}
