"""Tiny random models on disk, loaded by every test exactly as a hub model would be."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: many tiny operations are slower on more threads

import pytest

SENTENCES = (
    "Anna found the old lamp in the garden.",
    "The king sleeps, and the dog barks at the moon.",
    "Velka is the capital of Norland; its river is blue.",
    "Tom wanted tea. He boiled some water and sat down.",
    "Who took the silver key? Nobody knows.",
    "The cats near the river sing every morning.",
    'She said: "I\'ll be back before noon!"',
    "A red boat sailed slowly over the quiet lake.",
)


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    """A few spoken lines, cased and punctuated."""
    return list(SENTENCES)


@pytest.fixture(scope="session")
def tiny_llm(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a random two-layer Llama, 32 wide, with a byte-level BPE tokenizer (BOS is put before a text)."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from ssr_connector.tiny.tokenizer import train_tokenizer

    folder = tmp_path_factory.mktemp("tiny_llm")
    tokenizer = train_tokenizer(SENTENCES, 320)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a random two-layer wav2vec2-BERT, 32 wide, 50 frames a second, with its feature extractor."""
    import torch
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertModel

    folder = tmp_path_factory.mktemp("tiny_encoder")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = Wav2Vec2BertConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            feature_projection_input_dim=160,
            conv_depthwise_kernel_size=5,
            layerdrop=0.0,
            mask_time_prob=0.0,
            apply_spec_augment=False,
        )
        Wav2Vec2BertModel(config).eval().save_pretrained(folder)
    SeamlessM4TFeatureExtractor().save_pretrained(folder)
    return str(folder)
