"""Base models by name or folder: how checkpoints find them, and the tokens of a text with its characters."""

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from ssr_connector.base_models import load_llm, load_tokenizer, loading, offset_tokenize, relative, resolve
from ssr_connector.errors import UserError
from ssr_connector.model.processing import prompt_ids


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


def sentencepiece(sentences):
    """As Llama 2 and Gemma: a mark for the space, bytes for what is not known, `<s>` and `</s>`."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    special = ["<unk>", "<s>", "</s>"]
    tokenizer.train_from_iterator([*sentences, "<s>/|pad|end|begin"], trainers.BpeTrainer(special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    names = dict(zip(("unk_token", "bos_token", "eos_token"), special, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


@pytest.mark.parametrize("kind", ["byte-level", "sentencepiece"])
def test_special_tokens_named_in_data_are_text_and_in_prompts_are_obeyed(kind, tiny_llm, sentences, tmp_path):
    sentencepiece(sentences).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(tiny_llm if kind == "byte-level" else str(tmp_path))
    tokenize = offset_tokenize(tokenizer)
    for name in (tokenizer.bos_token, tokenizer.eos_token):
        text = f"Tom wanted{name} tea {name}"
        assert prompt_ids(tokenizer, text).count(tokenizer.convert_tokens_to_ids(name)) == 2
        ids, spans = tokenize(text)
        assert not set(ids) & set(tokenizer.all_special_ids)
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
        assert {i for a, b in spans for i in range(a, b)} >= {i for i, c in enumerate(text) if c != " "}
        assert prompt_ids(tokenizer, name) == [tokenizer.convert_tokens_to_ids(name)]  # still, after data


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
    with pytest.raises(UserError, match=expected), loading("an LLM", name, "llm.name"):
        raise OSError("gone\nmore of it")


def test_want_of_memory_is_not_taken_for_a_damaged_model():
    with pytest.raises(torch.OutOfMemoryError), loading("an LLM", "base/llm", "llm.name"):
        raise torch.OutOfMemoryError


def test_a_speech_encoder_is_no_llm(tiny_encoder):
    for load in (load_llm, load_tokenizer):
        with pytest.raises(UserError, match=r"cannot load .*; check llm\.name"):
            load(str(tiny_encoder))
