"""Base models by name or folder: how checkpoints find them, and the tokens of a text with its characters."""

import pytest
from transformers import AutoTokenizer

from ssr_connector.base_models import load_llm, load_tokenizer, offset_tokenize, relative, resolve, unloadable
from ssr_connector.errors import UserError


def test_tokens_have_no_bos_and_their_characters_are_those_of_the_text(tiny_llm, sentences):
    tokenizer = AutoTokenizer.from_pretrained(tiny_llm)
    tokenize = offset_tokenize(tokenizer)
    for text in [*sentences, "né 🙂 你好"]:
        ids, spans = tokenize(text)
        assert tokenizer.bos_token_id not in ids
        assert tokenizer.decode(ids) == text
        assert len(ids) == len(spans)
        assert {i for a, b in spans for i in range(a, b)} >= {i for i, c in enumerate(text) if not c.isspace()}
    assert tokenize("") == ([], [])


def test_a_folder_is_found_from_the_checkpoint_and_a_hub_name_stays(tmp_path):
    (tmp_path / "base" / "llm").mkdir(parents=True)
    checkpoint = tmp_path / "run" / "model"
    assert relative(str(tmp_path / "base" / "llm"), checkpoint) == "../../base/llm"
    assert resolve("../../base/llm", checkpoint) == str(tmp_path / "base" / "llm")
    assert relative("org/llm", checkpoint) == resolve("org/llm", checkpoint) == "org/llm"
    with pytest.raises(UserError, match=r"needs its base model at .*gone, which is missing"):
        resolve("../../gone", checkpoint)


def test_a_tokenizer_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot load a tokenizer from .*check llm\.name"):
        load_tokenizer(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", r"there is no llm\.name: name a recipe with --config, or give --llm\.name"),
        (
            "base/llm",
            r"from 'base/llm'; there is no folder of that name here; check llm\.name \(gone\)",
        ),
        (".", r"cannot load an LLM from '\.'; check llm\.name \(gone\)"),
    ],
)
def test_what_cannot_be_loaded_says_where_to_look(name, expected):
    with pytest.raises(UserError, match=expected):
        raise unloadable("an LLM", name, "llm.name", OSError("gone\nmore of it"))


def test_a_speech_encoder_is_no_llm(tiny_encoder):
    for load in (load_llm, load_tokenizer):
        with pytest.raises(UserError, match=r"cannot load .*; check llm\.name"):
            load(str(tiny_encoder))
