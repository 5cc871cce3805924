from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from ssr_connector.tiny.tokenizer import BOS, split_share, train_tokenizer
from ssr_connector.tiny.world import WorldSizes, build_world, words_of


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return build_world(0, WorldSizes(6000, 1, 1, 1, 8, 8, 8, 8, 6, 8)).text_train


@pytest.fixture(scope="module")
def tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    return train_tokenizer(texts, 2048)


def test_a_quarter_of_the_words_are_several_tokens(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> None:
    assert 0.25 <= split_share(tokenizer, words_of(texts)) <= 0.75


def test_encoding_begins_with_bos_and_adds_no_blank(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer("Anna")["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert tokenizer.decode(ids, skip_special_tokens=True) == "Anna"
    assert tokenizer("Anna", add_special_tokens=False)["input_ids"] == ids[1:]
    assert len(tokenizer) == 2048


def test_letters_are_single_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    assert all(len(tokenizer(f" {letter}", add_special_tokens=False)["input_ids"]) == 1 for letter in "ABCD")


def test_any_text_goes_through_a_saved_tokenizer(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    text = "Zoë met  7 owls.\n\nWhy? ünï"
    assert loaded(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert loaded.decode(loaded(text)["input_ids"], skip_special_tokens=True) == text
    assert (loaded.bos_token, loaded.eos_token_id, loaded.pad_token_id) == (BOS, 1, 2)


def test_too_small_a_vocabulary_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 259"):
        train_tokenizer(["a"], 100)
