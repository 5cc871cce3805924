import json

import pytest
import torch

from ssr_connector.config import EncoderSection
from ssr_connector.data.cuts import cut_audio, read_cuts
from ssr_connector.encoders.corpus import REJECTED, encode_cuts, encode_shard
from ssr_connector.encoders.pretrained import PretrainedEncoder
from ssr_connector.encoders.source import EncodedFrames, StoredFrames, frame_source
from ssr_connector.encoders.store import FrameStore
from ssr_connector.errors import UserError


def quiet(*_):
    pass


@pytest.fixture(scope="module")
def frames(tiny_corpus, tiny_encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames") / "frames"
    n, rejected = encode_cuts([tiny_corpus / "train.jsonl.gz"], EncoderSection(tiny_encoder), folder, 5.0, quiet)
    assert (n, rejected) == (12, [])
    return folder


def test_stored_and_encoded_frames_agree(frames, tiny_corpus, tiny_encoder):
    stored, width, clock = frame_source([frames], EncoderSection(tiny_encoder))
    encoded, other_width, other_clock = frame_source([], EncoderSection(tiny_encoder))
    assert isinstance(stored, StoredFrames)
    assert isinstance(encoded, EncodedFrames)
    assert (width, clock) == (other_width, other_clock)
    cuts = list(read_cuts(tiny_corpus / "train.jsonl.gz"))[:3]
    a, b = stored.frames(cuts), encoded.frames(cuts)
    assert torch.equal(a.lengths, b.lengths)
    assert torch.allclose(a.values, b.values, atol=1e-2)  # float16 on disk


def test_frames_of_another_layer_are_refused(frames, tiny_encoder):
    with pytest.raises(UserError, match=r"was not made by .* layer 1"):
        frame_source([frames], EncoderSection(tiny_encoder, 1))


def test_a_cut_that_was_not_encoded_has_no_frames(frames, tiny_corpus, tiny_encoder):
    stored, _, _ = frame_source([frames], EncoderSection(tiny_encoder))
    (other, *_) = read_cuts(tiny_corpus / "dev.jsonl.gz")
    assert not stored.has(other)
    with pytest.raises(UserError, match=other.id):
        stored.frames([other])


def test_every_store_says_what_it_left_out(frames):
    assert (frames / REJECTED).read_text() == "id\treason\n"


@pytest.mark.parametrize("bad", [1e6, float("nan")])
def test_a_recording_whose_frames_float16_cannot_hold_is_left_out_with_its_reason(
    tiny_corpus, tiny_encoder, tmp_path, bad
):
    honest = PretrainedEncoder.from_pretrained(tiny_encoder, None)
    cuts = sorted(read_cuts(tiny_corpus / "train.jsonl.gz"), key=lambda c: c.duration)[:4]
    loud = len(cut_audio(cuts[2], 16000).samples)

    class Loud:
        clock, hears = honest.clock, honest.hears

        def __call__(self, recordings):
            frames = honest(recordings)
            for row, recording in zip(frames.values, recordings, strict=True):
                if len(recording.samples) == loud:
                    row[3, 0] = bad
            return frames

    for batch_s in (100.0, 0.1):  # among others, and alone
        encode_shard(Loud(), "key", batch_s, cuts, tmp_path / str(batch_s), quiet)
        store = FrameStore(tmp_path / str(batch_s))
        assert [cut.id in store for cut in cuts] == [True, True, False, True]
        ((key, reason),) = json.loads((tmp_path / str(batch_s) / "rejected.json").read_text())
        assert key == cuts[2].id
        assert reason == f"its frames do not fit into float16 (the largest value is {bad:g})"
        kept = [cuts[i] for i in (0, 1, 3)]
        stored, own = store.read([c.id for c in kept]), honest([cut_audio(c, 16000) for c in kept])
        assert torch.allclose(stored.values, own.values, atol=1e-2)
