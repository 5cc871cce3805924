"""The tiny LLM's tokenizer: a byte-level BPE of the world's text."""

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

BOS, EOS, PAD = "<|begin|>", "<|end|>", "<|pad|>"
BLANK = "Ġ"  # how a byte-level vocabulary writes a blank
VOCABULARY_TOKENS = 2048  # that of the tiny worlds: a quarter of their words and more are several tokens


def train_tokenizer(texts: Iterable[str], vocabulary_tokens: int = VOCABULARY_TOKENS) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE in the manner of Llama 3: no blank is put before a text, and encoding gives a BOS first.

    ``vocabulary_tokens`` counts the 256 bytes and the three special tokens. Raises ValueError where it is too small
    for them.
    """
    if vocabulary_tokens < 256 + 3:
        raise ValueError(f"a byte-level vocabulary has at least 259 tokens, not {vocabulary_tokens}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_tokens,
        special_tokens=[BOS, EOS, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A",
        pair=f"{BOS} $A {BOS} $B",
        special_tokens=[(BOS, tokenizer.token_to_id(BOS))],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
    )


def split_share(tokenizer: PreTrainedTokenizerFast, words: list[str]) -> float:
    """The share of words, each with a blank before it, that are several tokens."""
    encoded = tokenizer([f" {word}" for word in words], add_special_tokens=False)["input_ids"]
    return sum(len(ids) > 1 for ids in encoded) / len(words)
