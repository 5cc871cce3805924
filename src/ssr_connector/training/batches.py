"""Batches of speech and of text, in an order that follows from the seed, the epoch and the number of the batch."""

import contextlib
import itertools
import re
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from lhotse import MonoCut
from torch import Tensor

from ssr_connector.data.audio import AudioError
from ssr_connector.data.augment import Augmentation, perturbed_s
from ssr_connector.data.packing import PackedText
from ssr_connector.encoders.source import FrameSource, UnreadableError
from ssr_connector.errors import UserError
from ssr_connector.training.prefetch import prefetched
from ssr_connector.training.unreadable import Unreadable
from ssr_connector.types import Alignment, Frames, SpeechEmbeds


@dataclass(frozen=True)
class SpeechBatch:
    """Utterances with their frames, their speech text, and their alignments where there are any."""

    ids: list[str]
    frames: Frames
    transcripts: list[str]
    alignments: list[Alignment]
    connected: list[SpeechEmbeds] = field(default_factory=list, init=False, compare=False)  # by the first objective


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


SAMPLED = 10_000  # utterances that buckets are made for
Placed = tuple[int, int, Batch]  # epoch, index within it, and the batch there


@dataclass(frozen=True)
class TokenBound:
    """How many tokens of transcripts a batch may hold, each transcript padded to the longest."""

    most: int
    count: Callable[[str], int]  # of a transcript


class SpeechBatches:
    """Cuts in buckets of similar length, at most `batch_s` seconds of audio each, padding counted (lhotse's sampler).

    With a bound of tokens, a transcript that fills such a share of it as other recordings of `batch_s` takes as much
    room in its batch as these; one that is longer than the bound is a batch of its own.
    """

    def __init__(
        self,
        cuts: Mapping[str, Any],
        source: FrameSource,
        transcripts: Mapping[str, str],
        alignments: Mapping[str, Alignment] | None,
        batch_s: float,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        augmentation: Augmentation | None = None,
        unreadable: Unreadable | None = None,
        tokens: TokenBound | None = None,
    ) -> None:
        shortest = augmentation.shortest if augmentation else lambda cut: cut
        self.lengths = Lengths()
        self.n_alone = 0
        for key, cut in cuts.items():
            if (alignments is None or key in alignments) and source.has(shortest(cut)):
                self.lengths.add(key, cut)
                if tokens is not None:
                    share = tokens.count(transcripts[key]) / tokens.most
                    self.lengths.least_s.append(batch_s * min(1.0, share))
                    self.n_alone += share > 1
        usable = self.lengths.ids
        if not usable:
            raise UserError("no utterance is left to train on: no cut has frames and an alignment")
        slowest = augmentation.slowest if augmentation else 1.0
        too_long = [k for k, s in zip(usable, self.lengths.seconds, strict=True) if s / slowest > batch_s]
        if too_long:
            raise UserError(f"{too_long[0]} alone is longer than training.batch_s={batch_s:g} s ({len(too_long)} such)")
        self.n_left_out = len(cuts) - len(usable)
        self.cuts, self.source, self.transcripts, self.alignments = cuts, source, transcripts, alignments
        self.batch_s, self.seed, self.rank, self.world_size = batch_s, seed, rank, world_size
        self.augmentation, self.unreadable = augmentation, unreadable

    def epoch(self, number: int, workers: int = 0) -> Generator[SpeechBatch]:
        """The batches of an epoch that have a recording that can be read; to be closed where workers read them."""
        with contextlib.closing(prefetched(partial(self.read, epoch=number), self.plan(number), workers)) as ready:
            for make in ready:
                if (batch := make()) is not None:
                    yield batch

    def plan(self, epoch: int) -> Iterator[list[str]]:
        """The ids of each batch; it is their durations at the epoch's speeds that fill one."""
        from lhotse import CutSet
        from lhotse.dataset import DynamicBucketingSampler, SimpleCutSampler
        from lhotse.dataset.sampling.dynamic_bucketing import estimate_duration_buckets

        from ssr_connector.training.bucket import WithinBucket

        shared = {"shuffle": True, "seed": self.seed, "drop_last": False}
        shared |= {"rank": self.rank, "world_size": self.world_size}
        lengths, slowest = self.lengths, 1.0
        if self.augmentation and self.augmentation.section.speed:
            lengths = replace(lengths, speed=partial(self.augmentation.speed, epoch=epoch))
            slowest = self.augmentation.slowest
        n_buckets = min(20, len(lengths.ids) // 50)
        if n_buckets > 1:
            # Within a bucket lhotse shuffles what is in its buffer, which may all be of one corpus of several.
            lengths = replace(lengths, order=np.random.default_rng([self.seed, epoch]).permutation(len(lengths.ids)))
            ends = estimate_duration_buckets(itertools.islice(lengths, SAMPLED), n_buckets)
            full = WithinBucket(self.batch_s, longest=(*ends, max(lengths.longest_s(slowest), *ends)))
            sampler = DynamicBucketingSampler(CutSet(lengths), duration_bins=ends, constraint=full, **shared)
        else:
            sampler = SimpleCutSampler(CutSet.from_cuts(lengths), max_duration=self.batch_s, **shared)
        sampler.set_epoch(epoch)
        for group in sampler:  # where processes outnumber what is left, lhotse hands some out twice, renamed
            yield [c.id if c.id in self.cuts else re.sub(r"_dup\d+$", "", c.id) for c in group]

    def read(self, ids: Sequence[str], epoch: int) -> Callable[[], SpeechBatch | None]:
        """Read some cuts as an epoch hears them, in any thread; what it returns makes their batch, in the main one.

        That names those that cannot be read; None stands for a batch of nothing else. It takes the encoder once for
        every other batch: processes that divide its weights must run it equally often. Raises UnreadableError where
        there is no table to name recordings in.
        """
        cuts = [self.cuts[i] for i in ids]
        change = None if self.augmentation is None else partial(self.augmentation, epoch)
        table = self.unreadable
        errors: Mapping[str, AudioError] = {}
        frames: Callable[[], Frames] | None = None
        try:
            frames = self.source.read(cuts, change)
        except UnreadableError as error:
            if table is None:
                raise
            errors = error.errors
            cuts = [cut for cut in cuts if cut.id not in errors]
            if cuts:
                frames = self.source.read(cuts, change)
        ids = [i for i in ids if i not in errors]
        found = [] if self.alignments is None else [self.alignments[i] for i in ids]
        transcripts = [self.transcripts[i] for i in ids]
        speeds = None if self.augmentation is None else [self.augmentation.speed(i, epoch) for i in ids]

        def made() -> SpeechBatch | None:
            if table is not None:
                for key, reason in errors.items():
                    table.add(key, str(reason))
            if frames is None:
                return None
            batch = SpeechBatch(ids, frames(), transcripts, found)
            if found:
                refuse_other_frames(batch, speeds or [1.0] * len(ids))
            return batch if speeds is None else at_speeds(batch, speeds)

        return made


@dataclass(frozen=True)
class Lengths:
    """What fills batches: lhotse's cuts without recordings, at a speed each, made whenever it is iterated."""

    ids: list[str] = field(default_factory=list)
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    rates: "array[int]" = field(default_factory=lambda: array("I"))  # Hz; 0: no recording
    least_s: "array[float]" = field(default_factory=lambda: array("d"))  # that each counts as; empty: as it is
    speed: Callable[[str], float] | None = None  # of an id
    order: Iterable[int] | None = None  # in which they are made, again and again; None: as they were added

    def add(self, key: str, cut: Any) -> None:
        """One more."""
        self.ids.append(key)
        self.seconds.append(cut.duration)
        self.rates.append(cut.sampling_rate if cut.has_recording else 0)

    def __iter__(self) -> Iterator[MonoCut]:
        for i in range(len(self.ids)) if self.order is None else self.order:
            key, seconds = self.ids[i], self.seconds[i]
            heard_s = perturbed_s(seconds, self.rates[i], self.speed(key)) if self.speed else seconds
            yield MonoCut(key, 0, max(heard_s, self.least_s[i] if self.least_s else 0.0), 0)

    def longest_s(self, slowest: float) -> float:
        """That any can count as, at this speed or a faster one."""
        seconds = max(self.seconds)
        heard_s = max(perturbed_s(seconds, rate, slowest) for rate in set(self.rates))
        return max(heard_s, max(self.least_s, default=0.0))


def refuse_other_frames(batch: SpeechBatch, speeds: Sequence[float]) -> None:
    """Raises UserError where an alignment is of other frames than those that are heard, though under the same id.

    At a speed of 1: at others there are about as many as there should be.
    """
    lengths = batch.frames.lengths.tolist()
    for key, alignment, n, speed in zip(batch.ids, batch.alignments, lengths, speeds, strict=True):
        if speed == 1 and alignment.n_frames != n:
            raise UserError(
                f"{key} has {n} frames, and its alignment is of {alignment.n_frames}: was it cut or encoded anew? "
                "run `ssr align` again, and `ssr encode` before it where its frames are stored"
            )


def at_speeds(batch: SpeechBatch, speeds: Sequence[float]) -> SpeechBatch:
    """The batch with its alignments, where there are any, scaled to its frames, which are at these speeds already."""
    frames = batch.frames
    found = [
        alignment if speed == 1 else alignment.at_speed(speed, frames.clock, n)
        for alignment, speed, n in zip(batch.alignments, speeds, frames.lengths.tolist(), strict=False)
    ]
    return replace(batch, alignments=found)


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
    """Speech, text, or both in every step; `workers` threads read the speech of the next ones."""

    def __init__(self, speech: SpeechBatches | None, text: TextBatches | None, workers: int = 0) -> None:
        if speech is None and text is None:
            raise UserError("there is nothing to train on: neither speech nor text")
        self.speech, self.text, self.workers = speech, text, workers

    def from_position(self, step: int, epoch: int, index: int, n: int | None = None) -> Generator[Placed]:
        """Batches, beginning at a position: `n` of them, or for ever; to be closed.

        Those that have no recording that can be read are passed over, and others are read for them.
        """
        end = None if n is None else step + n
        if self.speech is None:
            for k in range(n) if n is not None else itertools.count():
                yield epoch, index + k, Batch(None, self._text(step + k))
            return
        speech, heard = self.speech, index > 0  # anything of this epoch

        def read(group: tuple[int, int, list[str]]) -> tuple[int, int, Callable[[], SpeechBatch | None]]:
            epoch, index, ids = group
            return epoch, index, speech.read(ids, epoch)

        groups = groups_from(speech, epoch, index)
        while end is None or step < end:
            wanted = itertools.islice(groups, None if end is None else end - step)
            with contextlib.closing(prefetched(read, wanted, self.workers)) as ready:
                for number, at, make in ready:
                    if number != epoch:
                        if not heard:
                            raise UserError("no recording can be read; rejected.tsv beside the run says why of each")
                        epoch, heard = number, False
                    if (batch := make()) is not None:
                        heard = True
                        yield number, at, Batch(batch, self._text(step))
                        step += 1

    def _text(self, step: int) -> Tensor | None:
        return None if self.text is None else self.text.batch(step)


def groups_from(speech: SpeechBatches, epoch: int, index: int) -> Iterator[tuple[int, int, list[str]]]:
    """(epoch, index within it, ids of the batch) for ever; of those before the position nothing is read."""
    while True:
        k = -1
        for k, ids in enumerate(speech.plan(epoch)):
            if k >= index:
                yield epoch, k, ids
        if k < 0:
            raise UserError("an epoch has no batch: fewer utterances than processes")
        epoch, index = epoch + 1, 0
