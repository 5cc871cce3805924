import numpy as np
import pytest

from ssr_connector.types import Waveform


def noise(seed, duration_s):
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(16000 * duration_s)) / 16000
    wave = np.sin(2 * np.pi * (150 + 60 * seed) * time_s) * np.sin(9 * time_s) + 0.05 * rng.standard_normal(len(time_s))
    return Waveform((0.3 * wave).astype(np.float32), 16000)


@pytest.fixture(scope="session")
def recordings():
    """Three recordings of different lengths."""
    return [noise(0, 0.7), noise(1, 1.3), noise(2, 0.4)]


@pytest.fixture(scope="session")
def model(tiny_model):
    from ssr_connector.model import SSRForConditionalGeneration

    return SSRForConditionalGeneration.from_pretrained(str(tiny_model))


@pytest.fixture(scope="session")
def processor(tiny_model):
    from ssr_connector.model import SSRProcessor

    return SSRProcessor.from_pretrained(str(tiny_model))
