import dataclasses

import numpy as np
import pytest
import soundfile
import torch

SEED_WORDS = ("Anna found the lamp.", "The dog barks at noon.", "Tom wanted some tea.", "The king sleeps.")


@pytest.fixture(scope="session")
def model(tiny_llm, tiny_encoder):
    """A whole SpeechLM at random."""
    from ssr_connector.aligners import CharCTCConfig
    from ssr_connector.config import ConnectorConfig
    from ssr_connector.model import SSRConfig, SSRForConditionalGeneration
    from ssr_connector.model.checkpoint import build

    torch.manual_seed(0)
    alphabet = "".join(sorted(set("".join(SEED_WORDS))))
    aligner = CharCTCConfig(width=32, layers=1, heads=2, alphabet=alphabet)
    config = SSRConfig(
        encoder_name=tiny_encoder,
        llm_name=tiny_llm,
        aligner=dataclasses.asdict(aligner),
        connector=dataclasses.asdict(ConnectorConfig(layers=1)),
    )
    return build(SSRForConditionalGeneration, config).eval()


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """Four noises as WAV files, 0.5 to 1.1 s."""
    folder = tmp_path_factory.mktemp("recordings")
    paths = []
    for k in range(4):
        rng = np.random.default_rng(k)
        samples = 0.1 * rng.normal(size=8000 + 3200 * k) * np.sin(np.arange(8000 + 3200 * k) / (5 + k))
        path = folder / f"r{k}.wav"
        soundfile.write(path, samples, 16000)
        paths.append(str(path))
    return paths
