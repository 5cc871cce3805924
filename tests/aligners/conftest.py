"""A toy language whose every letter has a sound of its own, for aligners that learn."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from ssr_connector.types import Frames
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)
WORDS = {"go": 1, "bed": 2, "dog": 3, "a": 4}


@dataclass(frozen=True)
class Toy:
    """Utterances of known words, the frames of each, and where each word ends."""

    frames: Frames
    texts: list[str]
    ends: list[list[int]]


def words_tokenize(text):
    """A token for each known word; any other word is token 9."""
    ids, spans, at = [], [], 0
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        ids.append(WORDS.get(word, 9))
        spans.append((start, at))
    return ids, spans


def speak(texts: list[str], width: int, seed: int) -> Toy:
    """Three frames a letter, three of silence between words and at both ends; a little noise."""
    torch.manual_seed(0)
    sounds = {char: torch.randn(width) for char in sorted({*"".join(texts), " "})}
    torch.manual_seed(seed)
    rows: list[Tensor] = []
    ends = []
    for text in texts:
        row, last = [], []
        for char in f" {text} ":
            if char == " " and len(row) > 3:
                last.append(len(row))
            row += [sounds[char]] * 3
        rows.append(torch.stack(row) + 0.05 * torch.randn(len(row), width))
        ends.append(last)
    values = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return Toy(Frames(values, torch.tensor([len(r) for r in rows]), CLOCK), texts, ends)


@pytest.fixture(scope="session")
def toy() -> Toy:
    return speak(["go bed dog a", "a dog bed go", "go dog go a bed", "bed a go go", "dog dog a a", "bed bed"], 12, 1)


@pytest.fixture(scope="session")
def unheard_toy() -> Toy:
    return speak(["dog bed go", "a dog", "go go bed"], 12, 2)


@pytest.fixture(scope="session")
def tokenize():
    return words_tokenize


@pytest.fixture(scope="session")
def fit():
    return train


def train(aligner, toy: Toy, steps: int, alignments=()):
    """Train on the toy; returns what was logged last."""
    optimiser = torch.optim.AdamW(aligner.parameters(), lr=5e-3)
    logged = {}
    for _ in range(steps):
        loss, logged = aligner.loss(toy.frames, toy.texts, words_tokenize, alignments)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    aligner.eval()
    return logged
