"""A rendered corpus as log-mel features and the phone of every encoder frame."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ssr_connector.data.words import read_ctm, word_key
from ssr_connector.encoders.front_end import FastConformer, pad_frames
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16_000, 320, 0.0)  # a convolution over mel frames of 10 ms, centred on every other one
IGNORED = -100  # target of padding, and of phones that have no label
Interval = tuple[str, float, float]  # label, start_s, end_s
Pronunciations = Mapping[str, tuple[str, ...]]  # word, as `word_key` writes it: phones


@dataclass(frozen=True)
class PhoneCorpus:
    """Features and frame targets of all utterances, in memory (0.06 GB an hour)."""

    labels: tuple[str, ...]
    pronunciations: Pronunciations
    features: list[npt.NDArray[np.float16]]  # each [M, mels], one every 10 ms
    targets: list[npt.NDArray[np.int16]]  # each [T]; -1 for a phone that has no label
    texts: list[str]

    @classmethod
    def load(
        cls,
        corpus_dir: Path,
        front_end: FastConformer,
        labels: Sequence[str] | None = None,
        pronunciations: Pronunciations | None = None,
    ) -> "PhoneCorpus":
        """Read what ``tiny.speak.render`` wrote; labels and pronunciations are those of training (default: its own)."""
        words, phones = intervals(corpus_dir / "words.ctm"), intervals(corpus_dir / "phones.ctm")
        usual = pronunciations or usual_pronunciations(words, phones)
        features, names, texts = [], [], []
        for line in (corpus_dir / "table.tsv").read_text(encoding="utf-8").splitlines()[1:]:
            utterance_id, audio, text, *_ = line.split("\t")
            texts.append(text)
            samples, _ = soundfile.read(corpus_dir / audio, dtype="float32")
            inputs = front_end.inputs([samples])
            n_mel_frames, n_frames = int(inputs["attention_mask"].sum()), front_end.n_frames(len(samples))
            features.append(inputs["input_features"][0, :n_mel_frames].numpy().astype(np.float16))
            named = usual_phones(words[utterance_id], phones[utterance_id], usual)
            names.append(frame_labels(words[utterance_id], named, n_frames))
        labels = tuple(labels or sorted({name for row in names for name in row}))
        index = {label: i for i, label in enumerate(labels)}
        targets = [np.array([index.get(name, -1) for name in row], np.int16) for row in names]
        return cls(labels, usual, features, targets, texts)

    @classmethod
    def joined(cls, corpora: Sequence["PhoneCorpus"]) -> "PhoneCorpus":
        """Several as one, under the labels of all. No pronunciations: languages say the same word differently."""
        labels = tuple(sorted({label for corpus in corpora for label in corpus.labels}))
        index = {label: i for i, label in enumerate(labels)}
        targets = []
        for corpus in corpora:
            renumbered = np.array([*(index[label] for label in corpus.labels), -1], np.int16)  # no label stays none
            targets += [renumbered[row] for row in corpus.targets]
        features = [row for corpus in corpora for row in corpus.features]
        return cls(labels, {}, features, targets, [text for corpus in corpora for text in corpus.texts])

    def batches(self, batch_s: float, rng: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
        """Every utterance once, in batches of like length and about ``batch_s`` seconds, in random order."""
        lengths = np.array([len(t) for t in self.targets])
        order = np.argsort(lengths * rng.uniform(0.9, 1.1, len(lengths)))  # neighbours change from pass to pass
        budget = batch_s * CLOCK.rate_hz
        groups: list[list[int]] = [[]]
        longest = 0
        for i in order:
            longest = max(longest, int(lengths[i]))
            if groups[-1] and longest * (len(groups[-1]) + 1) > budget:
                groups.append([])
                longest = int(lengths[i])
            groups[-1].append(int(i))
        for g in rng.permutation(len(groups)):
            yield np.array(groups[g])

    def collate(self, batch: npt.NDArray[np.int64]) -> "PhoneBatch":
        """Some utterances, padded to the longest."""
        features, mel_lengths = pad_frames([torch.from_numpy(self.features[i]).float() for i in batch])
        known = [torch.from_numpy(self.targets[i]).long() for i in batch]
        targets = pad_sequence([row.where(row >= 0, IGNORED) for row in known], batch_first=True, padding_value=IGNORED)
        mask = (torch.arange(features.shape[1]) < mel_lengths[:, None]).long()
        return PhoneBatch(features, mask, targets, torch.tensor([len(row) for row in known]))


@dataclass(frozen=True)
class PhoneBatch:
    """What an encoder hears at once, and what it should name."""

    features: Tensor  # [B, M, mels]
    mask: Tensor  # [B, M]: 1 where there is sound
    targets: Tensor  # [B, T]: phones, IGNORED where there is none
    lengths: Tensor  # [B]: frames of each


def usual_pronunciations(
    words: Mapping[str, Sequence[Interval]], phones: Mapping[str, Sequence[Interval]]
) -> Pronunciations:
    """Each word's most frequent phones over all voices."""
    counts: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for key, row in words.items():
        for word, inside in phones_by_word(row, phones[key]):
            counts[word_key(word)][tuple(phone for phone, _, _ in inside)] += 1
    return {word: min(c, key=lambda p: (-c[p], p)) for word, c in counts.items()}


def usual_phones(words: Sequence[Interval], phones: Sequence[Interval], usual: Pronunciations) -> list[Interval]:
    """An utterance's phones under the names that most voices give them.

    Accents name the sounds of a word differently; a target that follows the accent would teach the encoder to tell
    accents apart, which nobody needs. Where an accent has more or fewer phones, the word's time is divided evenly.
    """
    named: list[Interval] = []
    for word, inside in phones_by_word(words, phones):
        names = usual.get(word_key(word), tuple(phone for phone, _, _ in inside))
        if len(names) == len(inside):
            named += [(name, start, end) for name, (_, start, end) in zip(names, inside, strict=True)]
        elif inside:
            edges = np.linspace(inside[0][1], inside[-1][2], len(names) + 1)
            named += [(name, float(a), float(b)) for name, a, b in zip(names, edges[:-1], edges[1:], strict=True)]
    return named


def phones_by_word(words: Sequence[Interval], phones: Sequence[Interval]) -> Iterator[tuple[str, list[Interval]]]:
    """The phones whose middle lies within each word."""
    for word, start_s, end_s in words:
        yield word, [p for p in phones if start_s <= (p[1] + p[2]) / 2 < end_s]


def frame_labels(words: Sequence[Interval], phones: Sequence[Interval], n_frames: int) -> list[str]:
    """The phone at each frame's centre; in a pause, a space and the punctuation mark that calls for it."""
    centres = (np.arange(n_frames) * CLOCK.hop_samples + CLOCK.first_centre_samples) / CLOCK.sampling_rate_hz
    labels = [" "] * n_frames
    for word, _, end_s in words:
        mark = word.rstrip("\"')”’")[-1:]
        for i in range(int(np.searchsorted(centres, end_s)), n_frames):
            labels[i] = " " if mark.isalnum() else f" {mark}"
    for phone, start_s, end_s in phones:
        for i in range(int(np.searchsorted(centres, start_s)), int(np.searchsorted(centres, end_s))):
            labels[i] = phone
    return labels


def intervals(path: Path) -> dict[str, list[Interval]]:
    """What a CTM file says of each utterance, words or phones."""
    return {key: [(w.word, w.start_s, w.end_s) for w in row] for key, row in read_ctm(path).items()}
