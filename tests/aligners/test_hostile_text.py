"""Characters to tokens on hostile text, through tokenizers of every convention: none moves another word's boundary."""

from pathlib import Path

import pytest
from tokenizers import ByteLevelBPETokenizer, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from ssr_connector.aligners.placement import place_tokens, place_words
from ssr_connector.base_models import offset_tokenize

GPT2 = Path(__file__).parents[3] / "shared" / "data" / "tokenizers" / "gpt2"  # beside the checkout, where there is one
TEXTS = [
    "In 1984, 25,000 people paid £3.50 each.",
    "Party 🎉🎉 time 👩‍👩‍👧 now!",
    "Don't say “rock 'n' roll” to the O'Briens' dog.",
    "我喜欢猫 and 東京 2 times",
    "Cafe\u0301 na\u00efve Z\u0324ürich",  # combining marks
    "two  spaces   and\ta tab",
    "  leading and trailing  ",
    "e-mail: a.b@c.org/x?y=1",
    "ﬁne ½ cup",  # a ligature, a fraction
    "İstanbul STRASSE straße",
    "नमस्ते दुनिया",
    "x",
]
CORPUS = ["the people said time and again that two dogs paid for a cup", "rock and roll in the street", *TEXTS[:2]]


def trained(model, pre_tokenizer, decoder, trainer):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoder
    tokenizer.train_from_iterator(CORPUS, trainer)
    return offset_tokenize(PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]"))


def byte_level():
    """Llama 3, Qwen, GPT-2: bytes, the space in front belongs to the token."""
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, special_tokens=["[UNK]"])
    return trained(models.BPE(), pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel(), trainer)


def sentencepiece():
    """Llama 2, Gemma: a mark for the space, what is not known is one unknown token."""
    trainer = trainers.UnigramTrainer(vocab_size=80, unk_token="[UNK]", special_tokens=["[UNK]"])
    return trained(models.Unigram(), pre_tokenizers.Metaspace(), decoders.Metaspace(), trainer)


def wordpiece():
    """BERT: words and their continuations; white space is in no token."""
    trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=["[UNK]"])
    model = models.WordPiece(unk_token="[UNK]")
    return trained(model, pre_tokenizers.BertPreTokenizer(), decoders.WordPiece(), trainer)


def gpt2():
    """The real one."""
    if not GPT2.is_dir():
        pytest.skip(f"there is no {GPT2}")
    found = ByteLevelBPETokenizer(str(GPT2 / "gpt2_vocab.json"), str(GPT2 / "gpt2_merges.txt"))
    return offset_tokenize(PreTrainedTokenizerFast(tokenizer_object=found._tokenizer))


@pytest.mark.parametrize("make", [byte_level, sentencepiece, wordpiece, gpt2])
def test_every_token_has_frames_and_no_word_gives_any_away(make):
    tokenize = make()
    for text in TEXTS:
        char_frames, at = [], 0
        for char in text:  # letters take three frames, what is between them two of pause
            spoken = char.isalnum()
            char_frames.append((at, at + 3) if spoken else None)
            at += 3 if spoken else 2
        ids, spans = tokenize(text)
        found = place_tokens(text, char_frames, ids, spans, at)
        assert list(found.token_ids) == ids
        words = place_words(text, char_frames)
        touched = [[k for k, (a, b) in enumerate(spans) if a < word.core[1] and b > word.core[0]] for word in words]
        assert all(touched), text  # every word is in some token
        for word, tokens in zip(words, touched, strict=True):
            others = {
                k for k, (a, b) in enumerate(spans) for w in words if w is not word and a < w.core[1] and b > w.core[0]
            }
            if not others & set(tokens):  # a token that joins words makes them one
                assert (found.starts[tokens[0]], found.ends[tokens[-1]]) == (word.start, word.end), text
        for k in range(1, len(ids)):
            if found.starts[k] < found.ends[k - 1]:  # a shared frame: within a word, or a mark with no pause
                apart = {w for w, tokens in enumerate(touched) for t in (k - 1, k) if t in tokens}
                assert len(apart) <= 1, text
