from copy import deepcopy
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lhotse import MonoCut
from lhotse.dataset import DynamicBucketingSampler

from ssr_connector.config import AugmentSection, EncoderSection, load_recipe
from ssr_connector.data.audio import AudioError
from ssr_connector.data.augment import Augmentation
from ssr_connector.data.cuts import read_cuts
from ssr_connector.data.documents import Documents
from ssr_connector.data.packing import WINDOW_TOKENS, PackedText
from ssr_connector.encoders.source import UnreadableError, frame_source
from ssr_connector.errors import UserError
from ssr_connector.training.batches import Batches, SpeechBatch, SpeechBatches, TextBatches, TokenBound
from ssr_connector.training.data import speech_batches
from ssr_connector.training.unreadable import Unreadable
from ssr_connector.types import Alignment, Frames, Waveform
from ssr_connector.units import FrameClock


class Source:
    """Counts what is read."""

    def __init__(self, without=()):
        self.asked, self.without = [], without

    def has(self, cut):
        return cut.id not in self.without

    def read(self, cuts, change=None):
        self.asked += [c.id for c in cuts]
        return lambda: SimpleNamespace(ids=[c.id for c in cuts])


@pytest.fixture(scope="module")
def cuts(tiny_corpus):
    return list(read_cuts(tiny_corpus / "cuts.jsonl.gz"))


@pytest.fixture(scope="module")
def many(cuts):
    """Enough for several buckets."""
    return [c.truncate(duration=0.5 + (k % 40) / 40).with_id(f"{k:03}") for k in range(110) for c in [cuts[k % 16]]]


def speech(cuts, batch_s=7.0, seed=0, source=None, **kwargs):
    return SpeechBatches(by_id(cuts), source or Source(), {c.id: c.id for c in cuts}, None, batch_s, seed, **kwargs)


def by_id(cuts):
    return {c.id: c for c in cuts}


def plan(batches, epoch):
    return list(batches.plan(epoch))


@pytest.mark.parametrize("which", ["cuts", "many"])
def test_every_cut_comes_once_an_epoch_within_batch_s(which, request):
    cuts = request.getfixturevalue(which)
    batches = speech(cuts)
    for epoch in (0, 1):
        groups = plan(batches, epoch)
        assert sorted(i for g in groups for i in g) == sorted(c.id for c in cuts)
        assert all(sum(batches.cuts[i].duration for i in g) <= 7.0 for g in groups)
        assert len(groups) < len(cuts) / 2


def test_corpora_are_heard_together(monkeypatch):
    # lhotse's own buffer holds 20 000, which would be all of them
    monkeypatch.setattr("lhotse.dataset.DynamicBucketingSampler", partial(DynamicBucketingSampler, buffer_size=200))
    cuts = [MonoCut(f"{corpus}{k:04}", 0, 1.0 + k % 50 / 10, 0) for corpus in "ab" for k in range(1000)]
    batches = speech(cuts, batch_s=60.0)
    groups = plan(batches, 0)
    assert sorted(i for g in groups for i in g) == [c.id for c in cuts]
    early = [i[0] for g in groups[: len(groups) // 4] for i in g]
    assert 0.4 < early.count("a") / len(early) < 0.6


@pytest.fixture(scope="module")
def spread():
    """Utterances of very different lengths, and how many tokens are said in each: up to nine a second."""
    rng = np.random.default_rng(0)
    seconds = rng.lognormal(1.5, 0.6, 400).clip(0.4, 20).round(2)
    said = {f"u{k:03}": "x" * (1 + round(s * rng.uniform(1, 9))) for k, s in enumerate(seconds)}
    return [MonoCut(key, 0, float(s), 0) for key, s in zip(said, seconds, strict=True)], said


@pytest.mark.parametrize("n", [80, 400])  # without and with buckets
@pytest.mark.parametrize("most", [None, 100, 400])
@pytest.mark.parametrize("world_size", [1, 2])
def test_no_batch_exceeds_either_bound_unless_it_is_one_utterance(spread, n, most, world_size):
    cuts, said = {c.id: c for c in spread[0][:n]}, spread[1]
    heard = []
    for rank in range(world_size):
        bound = None if most is None else TokenBound(most, len)
        shared = {"rank": rank, "world_size": world_size, "tokens": bound}
        batches = SpeechBatches(cuts, Source(), said, None, 60.0, 0, **shared)
        for group in plan(batches, 1):
            heard += group
            if len(group) > 1:
                assert len(group) * max(cuts[i].duration for i in group) <= 60.0 + 1e-9
                assert most is None or len(group) * max(len(said[i]) for i in group) <= most
        assert batches.n_alone == sum(len(said[i]) > most for i in cuts) if most else batches.n_alone == 0
    assert set(heard) == set(cuts)
    assert len(heard) < 1.5 * len(cuts)  # lhotse gives some of them out twice, so that all have as many batches


def test_batches_are_filled_up_to_the_bound_of_tokens(spread):
    cuts, said = {c.id: c for c in spread[0]}, spread[1]

    def groups(most):
        return plan(SpeechBatches(cuts, Source(), said, None, 60.0, 0, tokens=TokenBound(most, len)), 0)

    assert groups(10**6) == plan(SpeechBatches(cuts, Source(), said, None, 60.0, 0), 0)
    tokens = sum(map(len, said.values()))
    assert tokens / 200 <= len(groups(200)) < 2 * tokens / 200


def test_a_recipe_bounds_the_tokens_of_the_llm(cuts):
    def batches(most):
        recipe = load_recipe(None, None, [f"--training.batch_transcript_tokens={most}"])
        return speech_batches(recipe, by_id(cuts), Source(), said, lambda text: (text.split(), []), None)

    said = {c.id: "a b c d" for c in cuts}
    assert {len(group) for group in plan(batches(12), 0)} == {3, len(cuts) % 3}
    assert len(plan(batches("null"), 0)) == 1
    assert batches(3).n_alone == len(cuts)
    with pytest.raises(UserError, match="give 1 or more, or null"):
        batches(0)


@pytest.mark.parametrize("which", ["cuts", "many"])
def test_the_plan_follows_from_seed_and_epoch(which, request):
    cuts = request.getfixturevalue(which)
    first = speech(cuts, seed=5)
    assert plan(first, 3) == plan(first, 3) == plan(speech(cuts, seed=5), 3)
    assert plan(first, 3) != plan(first, 4)
    assert plan(first, 3) != plan(speech(cuts, seed=6), 3)


def test_going_on_reads_nothing_of_what_was_before(many):
    whole = [b.ids for b in speech(many).epoch(2)]
    source = Source()
    stream = Batches(speech(many, source=source), None).from_position(3, 2, 3, len(whole) - 3)
    assert [b.speech.ids for _, _, b in stream] == whole[3:]
    assert source.asked == [i for group in whole[3:] for i in group]


def test_processes_share_the_cuts(many):
    seen = [i for rank in (0, 1) for g in plan(speech(many, rank=rank, world_size=2), 0) for i in g]
    assert set(seen) == {c.id for c in many}
    assert len(seen) < 1.2 * len(many)


def test_cuts_without_frames_or_alignment_are_counted(cuts):
    source = Source(without={cuts[0].id})
    alignments = {c.id: "aligned" for c in cuts[:5]}
    batches = SpeechBatches(by_id(cuts), source, {c.id: "" for c in cuts}, alignments, 7.0, 0)
    assert batches.lengths.ids == [c.id for c in cuts[1:5]]
    assert batches.n_left_out == len(cuts) - 4
    with pytest.raises(UserError, match="no utterance is left"):
        SpeechBatches(by_id(cuts), source, {}, {}, 7.0, 0)


def test_an_alignment_of_other_frames_is_named(cuts, tiny_encoder):
    source, _, _ = frame_source([], EncoderSection(tiny_encoder))
    n = source.frames(cuts[:1]).lengths.tolist()[0]
    for n_frames in (n, n + 1):
        alignment = Alignment("a", (1,), (0,), (2,), ((0, 1),), n_frames)
        batches = SpeechBatches(by_id(cuts[:1]), source, {cuts[0].id: "a"}, {cuts[0].id: alignment}, 60.0, 0)
        if n_frames == n:
            assert len(list(batches.epoch(0))) == 1
            continue
        message = rf"{cuts[0].id} has {n} frames, and its alignment is of {n + 1}"
        with pytest.raises(UserError, match=message):
            list(batches.epoch(0))
        noisy = Augmentation(AugmentSection(noise="generated"), 0)
        batches = SpeechBatches(
            batches.cuts, source, batches.transcripts, batches.alignments, 60.0, 0, augmentation=noisy
        )
        with pytest.raises(UserError, match=message):
            list(batches.epoch(0))


class EncodedSource(Source):
    """A frame every 20 ms of the recordings, which are noise."""

    def has(self, cut):
        return cut.duration > 0.3

    def read(self, cuts, change=None):
        rate, lengths = 16_000, []
        for cut in cuts:
            recording = Waveform(np.ones(round(cut.duration * rate), np.float32), rate)
            lengths.append(len((change(cut.id, recording) if change else recording).samples) // 320)
        frames = Frames(torch.zeros(len(cuts), max(lengths), 1), torch.tensor(lengths), FrameClock(rate, 320, 160.0))
        return lambda: frames


@pytest.mark.parametrize("workers", [0, 2])
def test_recordings_that_cannot_be_read_are_named_once_and_the_rest_is_heard(workers, cuts, tmp_path):
    class Damaged(EncodedSource):
        def read(self, cuts, change=None):
            errors = {c.id: AudioError(f"{c.id}.wav", "empty file", "record it again") for c in cuts if c.id in bad}
            if errors:
                raise UnreadableError(errors)
            return super().read(cuts, change)

    def made():
        batches = speech(cuts, source=Damaged(), unreadable=Unreadable(tmp_path, goes_on=True))
        return batches, Batches(batches, None, workers)

    bad = set()
    groups = plan(speech(cuts), 0)
    bad = {groups[0][0], *groups[1]}  # one among others, and a whole batch
    first, stream = made()
    heard = list(stream.from_position(0, 0, 0, 2 * len(groups)))
    assert len(heard) == 2 * len(groups)  # others are read for a batch without any recording
    of_epoch = [(index, batch.speech.ids) for epoch, index, batch in heard if epoch == 0]
    assert of_epoch == [(k, [i for i in g if i not in bad]) for k, g in enumerate(groups) if k != 1]
    assert len(first.unreadable) == len(bad)
    table = (tmp_path / "rejected.tsv").read_text().splitlines()
    assert sorted(table[1:]) == sorted(f"{i}\t{i}.wav: empty file; record it again" for i in bad)
    _, again = made()  # goes on behind the first batch
    rest = again.from_position(1, 0, 1, len(heard) - 1)
    assert [(e, k, b.speech.ids) for e, k, b in rest] == [(e, k, b.speech.ids) for e, k, b in heard[1:]]
    assert len(Unreadable(tmp_path, goes_on=True)) == len(bad)
    with pytest.raises(UnreadableError, match="empty file"):
        list(speech(cuts, source=Damaged()).epoch(0))
    bad = {c.id for c in cuts}
    with pytest.raises(UserError, match="no recording can be read"):
        next(made()[1].from_position(0, 0, 0))
    assert len(Unreadable(tmp_path)) == 0  # a run that has trained nothing may be of other data


def aligned(cut):
    """A token for every quarter of a second."""
    n_frames = round(cut.duration * 16_000) // 320
    ends = tuple(range(12, n_frames, 12))
    n = len(ends)
    spans = tuple((i, i + 1) for i in range(n))
    return Alignment("x" * n, tuple(range(n)), (0, *ends[:-1]), ends, spans, n_frames)


def test_at_other_speeds_alignments_fit_and_batches_hold_what_they_may(many):
    alignments = {c.id: aligned(c) for c in many}
    augmentation = Augmentation(AugmentSection(speed=(0.8, 1.0, 1.25)), 0)

    def batches(**kwargs):
        named, texts = by_id(many), {c.id: "" for c in many}
        return SpeechBatches(named, EncodedSource(), texts, alignments, 7.0, 0, augmentation=augmentation, **kwargs)

    speeds, sums = {}, []
    for batch in batches().epoch(1):
        sums.append(0.0)
        for key, found, n in zip(batch.ids, batch.alignments, batch.frames.lengths.tolist(), strict=True):
            assert found.n_frames == n
            speeds[key] = speed = alignments[key].n_frames / n
            sums[-1] += n * 0.02
            for old, new in zip(alignments[key].ends, found.ends, strict=True):
                assert abs(new - old / augmentation.speed(key, 1)) <= 0.5 + 1e-9
            assert speed == pytest.approx(augmentation.speed(key, 1), rel=0.06)
    assert set(speeds) == {c.id for c in many}
    assert max(sums) <= 7.0
    whole = [(b.ids, b.alignments) for b in batches().epoch(1)]
    rest = Batches(batches(), None).from_position(3, 1, 3, len(whole) - 3)
    assert [(b.speech.ids, b.speech.alignments) for _, _, b in rest] == whole[3:]
    ranks = [batches(rank=rank, world_size=2) for rank in (0, 1)]
    shared = {i: a for r in ranks for b in r.epoch(1) for i, a in zip(b.ids, b.alignments, strict=True)}
    assert shared == {i: a for ids, found in whole for i, a in zip(ids, found, strict=True)}


def test_cuts_that_would_be_too_short_or_too_long_at_a_speed_are_seen_before(many):
    def batches(*speed, cuts=many):
        augmentation = Augmentation(AugmentSection(speed=speed), 0)
        texts = {c.id: "" for c in cuts}
        return SpeechBatches(by_id(cuts), EncodedSource(), texts, None, 2.0, 0, augmentation=augmentation)

    assert batches(0.8, 1.0).n_left_out == 0
    assert batches(1.0, 1.9).n_left_out == sum(c.duration / 1.9 <= 0.3 for c in many) > 0
    with pytest.raises(UserError, match=r"longer than training\.batch_s=2 s"):
        batches(0.5, 1.0)


def test_a_cut_longer_than_a_batch_is_named(cuts):
    with pytest.raises(UserError, match=r"alone is longer than training\.batch_s=1 s"):
        speech(cuts, batch_s=1.0)


def text_batches(folder, n, batch_tokens, *args, block=5, window_tokens=WINDOW_TOKENS):
    """Batches of a text of n numbers, twelve on each line."""
    numbers = [str(i) for i in range(n)]
    lines = [" ".join(numbers[k : k + 12]) for k in range(0, n, 12)]
    (folder / "numbers.txt").write_text("\n".join(lines))
    documents = Documents(folder / "numbers.txt")
    text = PackedText(documents, lambda line: [int(i) for i in line.split()], block, window_tokens=window_tokens)
    return TextBatches(text, batch_tokens, *args)


@pytest.mark.parametrize("window_tokens", [WINDOW_TOKENS, 40, 15])
@pytest.mark.parametrize(("n_blocks", "per_batch"), [(12, 4), (10, 4), (7, 3), (3, 8)])
def test_text_blocks_come_once_an_epoch(n_blocks, per_batch, window_tokens, tmp_path):
    text = text_batches(tmp_path, n_blocks * 5 + 3, per_batch * 5, 1, window_tokens=window_tokens)
    size = min(per_batch, n_blocks, window_tokens // 5)
    assert text.batch(0).shape == (size, 5)
    stream = torch.cat([text.batch(k) for k in range(n_blocks)])[:, 0].tolist()  # `size` epochs
    epochs = [stream[k : k + n_blocks] for k in range(0, len(stream), n_blocks)]
    assert len(epochs) == size
    assert all(sorted(e) == [5 * b for b in range(n_blocks)] for e in epochs)
    assert len({tuple(e) for e in epochs}) > 1
    again = text_batches(tmp_path, n_blocks * 5 + 3, per_batch * 5, 1, window_tokens=window_tokens)
    for step in (4, 0, 7):
        assert torch.equal(text.batch(step), again.batch(step))


def test_text_is_shared_by_processes(tmp_path):
    ranks = [text_batches(tmp_path, 60, 15, 0, rank, 2) for rank in (0, 1)]
    stream = torch.cat([r.batch(k) for k in (0, 1) for r in ranks])[:, 0]
    assert sorted(stream.tolist()) == list(range(0, 60, 5))


def test_too_little_text_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"numbers\.txt is shorter than one block of 8"):
        text_batches(tmp_path, 3, 64, 0, block=8)
    with pytest.raises(UserError, match="neither speech nor text"):
        Batches(None, None)


class Epochs:
    """Stands for SpeechBatches with three batches an epoch."""

    def plan(self, epoch):
        return iter([[f"{epoch}.{k}"] for k in range(3)])

    def read(self, cuts, epoch):
        return lambda: SpeechBatch(cuts, None, [], [])


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_positions_go_on_where_they_were(workers, tmp_path):
    batches = Batches(Epochs(), text_batches(tmp_path, 40, 10, 0), workers)

    def take(n, *position):
        stream = batches.from_position(*position)
        return [(e, i, b.speech.ids, b.text.tolist()) for e, i, b in (next(stream) for _ in range(n))]

    whole = take(8, 0, 0, 0)
    assert [(e, i) for e, i, _, _ in whole] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]
    for done in range(1, 8):
        epoch, index, _, _ = whole[done - 1]
        assert take(8 - done, done, epoch, index + 1) == whole[done:]


def test_an_epoch_without_batches_is_an_error():
    class Nothing:
        def plan(self, epoch):
            return iter(())

    with pytest.raises(UserError, match="no batch"):
        next(Batches(Nothing(), None).from_position(0, 0, 0))


def test_workers_change_no_batch(cuts, tiny_encoder):
    """Real recordings, each changed at random, through the encoder."""
    source, _, _ = frame_source([], EncoderSection(tiny_encoder))
    section = AugmentSection(speed=(0.9, 1.0, 1.1), reverb="generated", noise="generated")
    texts, alignments = {c.id: c.id for c in cuts}, {c.id: along(c, source) for c in cuts}

    def heard(workers):
        batches = SpeechBatches(by_id(cuts), source, texts, alignments, 7.0, 3, augmentation=Augmentation(section, 3))
        return [(e, k, b.speech) for e, k, b in Batches(batches, None, workers).from_position(1, 0, 1, 12)]

    alone = heard(0)
    assert {e for e, _, _ in alone} >= {0, 1}
    for workers in (1, 2):
        for (*position, ours), (*other, theirs) in zip(alone, heard(workers), strict=True):
            assert position == other
            assert (ours.ids, ours.transcripts, ours.alignments) == (theirs.ids, theirs.transcripts, theirs.alignments)
            assert torch.equal(ours.frames.values, theirs.frames.values)


def along(cut, source):
    """One token over all of a recording."""
    n = int(source.frames([cut]).lengths)
    return Alignment("x", (0,), (0,), (n,), ((0, 1),), n)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_recording_is_an_error_where_its_turn_is(workers, cuts, tiny_encoder, tmp_path):
    source, _, _ = frame_source([], EncoderSection(tiny_encoder))
    batches = SpeechBatches(by_id(cuts), source, {c.id: "" for c in cuts}, None, 4.0, 0)
    groups = plan(batches, 0)
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    cut = batches.cuts[groups[2][0]]
    bad = cut.recording = deepcopy(cut.recording)
    bad.sources[0].source = str(tmp_path / "bad.wav")
    stream = Batches(batches, None, workers).from_position(0, 0, 0)
    assert [next(stream)[2].speech.ids for _ in range(2)] == groups[:2]
    with pytest.raises(AudioError, match=r"bad\.wav: not audio; give WAV, FLAC"):
        next(stream)


def test_a_text_is_read_once_and_a_long_one_to_the_same_bound(tmp_path):
    (tmp_path / "numbers.txt").write_text(" ".join(map(str, range(110))))
    text = PackedText(Documents(tmp_path / "numbers.txt"), lambda line: [int(word) for word in line.split()], 5)
    batches = TextBatches(text, 20, seed=0)
    whole = [rows.flatten().tolist() for rows in batches.once(10_000)]
    assert [len(rows) for rows in whole] == [20] * 5 + [10]
    assert sorted(number for numbers in whole for number in numbers) == list(range(110))
    some = [rows.flatten().tolist() for rows in batches.once(30)]
    assert [*some] == [whole[0], whole[1][:10]]
