"""Batches of speech and of text, in an order that follows from the seed, the epoch and the number of the batch."""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ssr_connector.data.augment import Augmentation
from ssr_connector.data.packing import PackedText
from ssr_connector.encoders.source import FrameSource, UnreadableError
from ssr_connector.errors import UserError
from ssr_connector.model.sequence import Speech
from ssr_connector.training.unreadable import Unreadable
from ssr_connector.types import Alignment, Frames


@dataclass(frozen=True)
class SpeechBatch:
    """Utterances with their frames, their speech text, and their alignments where there are any."""

    ids: list[str]
    frames: Frames
    transcripts: list[str]
    alignments: list[Alignment]
    heard: list[Speech] = field(default_factory=list, init=False, compare=False)  # by the first objective, for all


@dataclass(frozen=True)
class Batch:
    """What one step sees."""

    speech: SpeechBatch | None
    text: Tensor | None  # [N, block] int64 token ids

    def to(self, device: torch.device) -> "Batch":
        """The same on a device, not yet heard."""
        speech = self.speech
        if speech is not None:
            speech = replace(speech, frames=speech.frames.to(device))
        return Batch(speech, None if self.text is None else self.text.to(device))


class SpeechBatches:
    """Cuts in buckets of similar duration, at most `batch_s` seconds of audio each (lhotse's sampler)."""

    def __init__(
        self,
        cuts: Sequence[Any],
        source: FrameSource,
        transcripts: Mapping[str, str],
        alignments: Mapping[str, Alignment] | None,
        batch_s: float,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        augmentation: Augmentation | None = None,
        unreadable: Unreadable | None = None,
    ) -> None:
        shortest = augmentation.shortest if augmentation else lambda cut: cut
        usable = [c for c in cuts if source.has(shortest(c)) and (alignments is None or c.id in alignments)]
        if not usable:
            raise UserError("no utterance is left to train on: no cut has frames and an alignment")
        slowest = augmentation.slowest if augmentation else 1.0
        too_long = [c.id for c in usable if c.duration / slowest > batch_s]
        if too_long:
            raise UserError(f"{too_long[0]} alone is longer than training.batch_s={batch_s:g} s ({len(too_long)} such)")
        self.n_left_out = len(cuts) - len(usable)
        self.cuts, self.source, self.transcripts, self.alignments = usable, source, transcripts, alignments
        self.batch_s, self.seed, self.rank, self.world_size = batch_s, seed, rank, world_size
        self.augmentation, self.unreadable = augmentation, unreadable

    def epoch(self, number: int, skip: int = 0) -> Iterator[SpeechBatch | None]:
        """Batches of an epoch, the first `skip` of them passed over without reading anything.

        None stands for one that has no recording that can be read.
        """
        for k, group in enumerate(self.plan(number)):
            if k >= skip:
                yield self.batch(group, number)

    def plan(self, epoch: int) -> Iterator[list[Any]]:
        """The cuts of each batch, as they are; it is their durations at the epoch's speeds that fill a batch."""
        from lhotse import CutSet
        from lhotse.dataset import DynamicBucketingSampler, SimpleCutSampler

        shared = {"max_duration": self.batch_s, "shuffle": True, "seed": self.seed, "drop_last": False}
        shared |= {"rank": self.rank, "world_size": self.world_size}
        cuts = CutSet.from_cuts(self.cuts)
        if self.augmentation and self.augmentation.section.speed:
            cuts = cuts.map(partial(self.augmentation.at_speed, epoch=epoch))
        n_buckets = min(20, len(self.cuts) // 50)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "You are using DynamicBucketingSampler with an eagerly read CutSet")
            if n_buckets > 1:
                sampler = DynamicBucketingSampler(cuts, num_buckets=n_buckets, **shared)
            else:
                sampler = SimpleCutSampler(cuts, **shared)
        sampler.set_epoch(epoch)
        known = {c.id: c for c in self.cuts}
        for group in sampler:  # where processes outnumber what is left, lhotse hands some out twice, renamed
            yield [known[c.id if c.id in known else re.sub(r"_dup\d+$", "", c.id)] for c in group]

    def batch(self, cuts: Sequence[Any], epoch: int) -> SpeechBatch | None:
        """Frames and labels of those cuts that can be read, as an epoch hears them; None where there is none.

        Raises UnreadableError where there is no table to name the others in. It takes the encoder once in any case:
        processes that divide its weights must run it equally often.
        """
        try:
            frames = self.frames(cuts, epoch)
        except UnreadableError as error:
            if self.unreadable is None:
                raise
            for key, reason in error.errors.items():
                self.unreadable.add(key, str(reason))
            cuts = [cut for cut in cuts if cut.id not in error.errors]
            if not cuts:
                return None
            frames = self.frames(cuts, epoch)
        ids = [c.id for c in cuts]
        found = [] if self.alignments is None else [self.alignments[i] for i in ids]
        transcripts = [self.transcripts[i] for i in ids]
        if self.augmentation is None:
            return SpeechBatch(ids, frames, transcripts, found)
        speeds = [self.augmentation.speed(i, epoch) for i in ids]
        found = [
            alignment if speed == 1 else alignment.at_speed(speed, frames.clock, n)
            for alignment, speed, n in zip(found, speeds, frames.lengths.tolist(), strict=False)  # or none is known
        ]
        return SpeechBatch(ids, frames, transcripts, found)

    def frames(self, cuts: Sequence[Any], epoch: int) -> Frames:
        """Of some cuts, as an epoch hears them."""
        if self.augmentation is None:
            return self.source.frames(cuts)
        return self.source.frames(cuts, partial(self.augmentation, epoch))


class TextBatches:
    """Blocks of packed text; each epoch visits every block once, in another order within each window."""

    def __init__(self, text: PackedText, batch_tokens: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        self.text = text
        self.per_batch = max(1, min(text.first_blocks, batch_tokens // text.block))
        self.seed, self.rank, self.world_size = seed, rank, world_size

    @property
    def batch_tokens(self) -> int:
        """Tokens of a batch."""
        return self.per_batch * self.text.block

    def batch(self, step: int) -> Tensor:
        """The batch of a step [N, block]; one at the end of a window goes on into the next."""
        first = (step * self.world_size + self.rank) * self.per_batch
        rows: list[Tensor] = []
        missing = self.per_batch
        while missing:
            epoch, window, at = self.text.find(first + self.per_batch - missing)
            blocks = self.text.blocks(window)
            order = np.random.default_rng([self.seed, epoch, window]).permutation(len(blocks))
            rows.append(blocks[order[at : at + missing]])
            missing -= len(rows[-1])
        return torch.cat(rows)

    def once(self, most_tokens: int) -> Iterator[Tensor]:
        """Every block of a text once, for one process alone; of a long text so many tokens, the same ones each time."""
        n = min(self.text.first_blocks, max(1, most_tokens // self.text.block))
        for step, first in enumerate(range(0, n, self.per_batch)):
            yield self.batch(step)[: n - first]


class Batches:
    """Speech, text, or both in every step."""

    def __init__(self, speech: SpeechBatches | None, text: TextBatches | None) -> None:
        if speech is None and text is None:
            raise UserError("there is nothing to train on: neither speech nor text")
        self.speech, self.text = speech, text

    def from_position(self, step: int, epoch: int, index: int) -> Iterator[tuple[int, int, Batch]]:
        """(epoch, index within it, batch) for ever, beginning at a position."""
        while True:
            if self.speech is None:
                yield epoch, index, Batch(None, self._text(step))
                step, index = step + 1, index + 1
                continue
            seen, heard = index, index > 0
            for k, speech in enumerate(self.speech.epoch(epoch, skip=index), start=index):
                seen = k + 1
                if speech is not None:
                    heard = True
                    yield epoch, k, Batch(speech, self._text(step))
                    step += 1
            if seen == 0:
                raise UserError("an epoch has no batch: fewer utterances than processes")
            if not heard:
                raise UserError("no recording can be read; rejected.tsv beside the run says why of each")
            epoch, index = epoch + 1, 0

    def _text(self, step: int) -> Tensor | None:
        return None if self.text is None else self.text.batch(step)
