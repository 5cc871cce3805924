"""Speech of every language: who says what, and that tests sound alike."""

from pathlib import Path

import pytest
from rich.console import Console

from ssr_connector.tiny.languages import LANGUAGES
from ssr_connector.tiny.languages.base import TaleBase
from ssr_connector.tiny.speak import choose_delivery
from ssr_connector.tiny.voices import DEV_VOICES, TEST_VOICES, TRAIN_ACCENTS

SMOKE = Path(__file__).parents[3] / "recipes" / "smoke.yaml"


@pytest.fixture
def base(tmp_path):
    return TaleBase(SMOKE, tmp_path, [], Console(quiet=True))


def test_every_language_has_its_parts_in_one_accent(base):
    assert {part.name for part in base.parts} == {
        f"{role}-{code}" for role in ("train", "dev", "test", "tests") for code in LANGUAGES
    }
    kinds = {"train": TRAIN_ACCENTS[0], "dev": DEV_VOICES, "test": TEST_VOICES, "tests": TEST_VOICES}
    for part in base.parts:
        code = part.name.split("-")[1]
        assert {voice.accent for voice in part.voices} == {LANGUAGES[code].voice}
        assert [voice.variant for voice in part.voices] == [voice.variant for voice in kinds[part.role]]
    assert base.named("dev") == tuple(f"dev-{code}" for code in LANGUAGES)


def test_an_item_has_the_same_voice_in_every_language(base):
    tests = [part for part in base.parts if part.role == "tests"]
    assert tests[0].utterances[3].id == tests[1].utterances[3].id
    deliveries = [choose_delivery(p.voice_keys[p.utterances[3].id], p.voices, base.recipe.seed) for p in tests]
    assert {d.voice.accent for d in deliveries} == {language.voice for language in LANGUAGES.values()}
    assert len({(d.voice.variant, d.rate_wpm, d.pitch, d.lead_s) for d in deliveries}) == 1


def test_stages_hear_every_language_unless_told_otherwise(base):
    recipe = base.stage_recipe("aligner")
    assert recipe.data.train == ",".join(str(base.cuts(f"train-{code}")) for code in LANGUAGES)
    assert recipe.llm.name == str(base.tokenizer)
    assert base.stage_recipe("distill").llm.name == str(base.llm)


def test_a_word_changed_in_a_language_changes_what_the_world_follows_from(base):
    content = base.content()
    assert TaleBase(SMOKE, base.out, [], Console(quiet=True)).content() == content
    said = base.world.said["ru"]
    base.world.said["ru"] = type(said)(said.train[1:], said.dev, said.test, said.items)
    assert base.content() != content


def test_its_stages_are_planned_before_anything_is_made(base):
    names = base.stages.plan(base.all_stages())
    assert names == ["world", "voices", "tokenizer", "LLM", "encoder", "prepare", "encode"]
    assert list(base.stages.keys) == names
    assert list(base.out.iterdir()) == []
