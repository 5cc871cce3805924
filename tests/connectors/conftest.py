"""A small LLM's shape, batches of noise, and alignments of them."""

import pytest
import torch
import transformers

from ssr_connector.connectors import ConnectorConfig, build_connector
from ssr_connector.types import Alignment, Frames, Segments
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)
LLM = transformers.LlamaConfig(
    vocab_size=64,
    hidden_size=32,
    intermediate_size=48,
    num_attention_heads=4,
    num_key_value_heads=2,
    initializer_range=0.3,  # large, so that what a frame sees shows
)


def noise_of(*lengths: int, seed: int = 0) -> Frames:
    """Frames [B, T, 12] of given lengths."""
    values = torch.randn(len(lengths), max(lengths), 12, generator=torch.Generator().manual_seed(seed))
    return Frames(values, torch.tensor(lengths), CLOCK)


def segments_of(*spans: list[tuple[int, int]]) -> Segments:
    """Segments from half-open frames of each utterance."""
    return Segments.collate(
        [
            Alignment(
                "x" * len(row),
                tuple(range(len(row))),
                tuple(a for a, _ in row),
                tuple(b for _, b in row),
                tuple((i, i + 1) for i in range(len(row))),
                max((b for _, b in row), default=1),
            )
            for row in spans
        ]
    )


def connector_of(kind: str, seed: int = 0, **options):
    """A connector from 12-wide frames to the LLM, in evaluation mode; two decoder layers unless told otherwise."""
    torch.manual_seed(seed)
    config = ConnectorConfig(type=kind, **({"layers": 2, "dropout": 0.0} | options))
    return build_connector(config, 12, LLM).eval()


@pytest.fixture(scope="session")
def noise():
    return noise_of


@pytest.fixture(scope="session")
def spans():
    return segments_of


@pytest.fixture(scope="session")
def make():
    return connector_of
