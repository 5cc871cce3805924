"""Tiny random models on disk, loaded by every test exactly as a hub model would be."""

import os
import signal
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is downloaded, nor waited for
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: many tiny operations are slower on more threads
if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"  # before anything imports Triton: without a GPU kernels run as Python

import pytest

signal.signal(signal.SIGINT, signal.default_int_handler)  # `make test &` ignores it, and so would every child

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


@pytest.fixture(scope="session")
def tiny_aligner(tmp_path_factory: pytest.TempPathFactory, tiny_llm: str, tiny_encoder: str) -> Path:
    """Folder of a random CHAR-CTC aligner for the two, that spells the sentences."""
    import torch

    from ssr_connector.aligners import CharCTC, CharCTCConfig
    from ssr_connector.aligners.bundle import save_aligner
    from ssr_connector.config import EncoderSection

    alphabet = "".join(sorted(set("".join(SENTENCES))))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        aligner = CharCTC(CharCTCConfig(width=16, layers=1, heads=2, kernel=5, alphabet=alphabet), 32)
    folder = tmp_path_factory.mktemp("tiny_aligner") / "aligner"
    save_aligner(folder, aligner, EncoderSection(tiny_encoder), tiny_llm, "cased")
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, tiny_llm: str, tiny_encoder: str, tiny_aligner: Path) -> Path:
    """Folder of a whole SpeechLM with a random SSR connector of one layer."""
    import dataclasses

    import torch

    from ssr_connector.aligners.bundle import read_aligner
    from ssr_connector.config import ConnectorConfig
    from ssr_connector.model import SSRConfig, SSRForConditionalGeneration
    from ssr_connector.model.checkpoint import build

    aligner, _ = read_aligner(tiny_aligner)
    config = SSRConfig(
        encoder_name=tiny_encoder,
        llm_name=tiny_llm,
        aligner=aligner.to_dict(),
        connector=dataclasses.asdict(ConnectorConfig(layers=1)),
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = build(SSRForConditionalGeneration, config)
    model.aligner.load_state_dict(aligner.state_dict())
    folder = tmp_path_factory.mktemp("tiny_model") / "model"
    model.save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of `ssr prepare`: train.jsonl.gz and dev.jsonl.gz, 12 and 4 noisy recordings that "say" the sentences."""
    import numpy as np
    import soundfile

    from ssr_connector.data.preparation import prepare

    folder = tmp_path_factory.mktemp("tiny_corpus")
    lines = ["audio\ttext\tid"]
    for k in range(16):
        text = SENTENCES[k % len(SENTENCES)]
        rng = np.random.default_rng(k)
        time_s = np.arange(round(16000 * (len(text) / 25 + 0.05 * k))) / 16000
        wave = np.sin(2 * np.pi * (200 + 40 * k) * time_s) * np.sin(7 * time_s)
        soundfile.write(folder / f"u{k:02}.wav", 0.3 * wave + 0.02 * rng.standard_normal(len(time_s)), 16000)
        lines.append(f"u{k:02}.wav\t{text}\tu{k:02}")
    (folder / "table.tsv").write_text("\n".join(lines))
    prepare(folder / "table.tsv", folder / "cuts", dev=4)
    return folder / "cuts"
