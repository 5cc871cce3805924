"""The published shapes of the models that recipes name, as configurations: a plan needs no weights, and no hub."""

from pathlib import Path
from typing import Any


def shapes() -> dict[str, Any]:
    """Configurations by the names in recipes, from the models' own cards and config files."""
    from transformers import Data2VecAudioConfig, HubertConfig, LlamaConfig, Qwen3Config, Wav2Vec2Config, WhisperConfig

    qwen: dict[str, Any] = {"num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8}
    qwen |= {"head_dim": 128, "vocab_size": 151936, "tie_word_embeddings": True}
    whisper: dict[str, Any] = {"d_model": 768, "encoder_layers": 12, "decoder_layers": 12, "num_mel_bins": 80}
    whisper |= {"encoder_attention_heads": 12, "decoder_attention_heads": 12}
    large: dict[str, Any] = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
    return {
        "facebook/hubert-base-ls960": HubertConfig(),
        "openai/whisper-small": WhisperConfig(**whisper, encoder_ffn_dim=3072, decoder_ffn_dim=3072),
        "facebook/wav2vec2-xls-r-300m": Wav2Vec2Config(
            **large, intermediate_size=4096, feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True
        ),
        "base/dinosr": Data2VecAudioConfig(  # 25 frames a second
            conv_dim=(512,) * 8,
            conv_kernel=(10, 3, 3, 3, 3, 2, 2, 2),
            conv_stride=(5, 2, 2, 2, 2, 2, 2, 2),
            num_feat_extract_layers=8,
        ),
        "HuggingFaceTB/SmolLM2-135M": LlamaConfig(
            hidden_size=576,
            intermediate_size=1536,
            num_hidden_layers=30,
            num_attention_heads=9,
            num_key_value_heads=3,
            vocab_size=49152,
            tie_word_embeddings=True,
        ),
        "Qwen/Qwen3-0.6B-Base": Qwen3Config(hidden_size=1024, intermediate_size=3072, **qwen),
        "Qwen/Qwen3-1.7B-Base": Qwen3Config(hidden_size=2048, intermediate_size=6144, **qwen),
        "meta-llama/Meta-Llama-3-8B": LlamaConfig(
            hidden_size=4096,
            intermediate_size=14336,
            num_hidden_layers=32,
            num_attention_heads=32,
            num_key_value_heads=8,
            vocab_size=128256,
        ),
    }


def write_shape(name: str, folder: Path) -> str:
    """A folder with a model's configuration, and its feature extractor where it is a speech encoder."""
    from transformers import Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

    config = shapes()[name]
    config.save_pretrained(folder)
    if config.model_type == "whisper":
        WhisperFeatureExtractor(feature_size=config.num_mel_bins).save_pretrained(folder)
    elif hasattr(config, "conv_stride"):
        Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    return str(folder)
