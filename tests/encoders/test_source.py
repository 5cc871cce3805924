import pytest
import torch

from ssr_connector.data.cuts import read_cuts
from ssr_connector.encoders.corpus import REJECTED, encode_cuts
from ssr_connector.encoders.source import EncodedFrames, StoredFrames, frame_source
from ssr_connector.errors import UserError


def quiet(*_):
    pass


@pytest.fixture(scope="module")
def frames(tiny_corpus, tiny_encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames") / "frames"
    n, rejected = encode_cuts([tiny_corpus / "train.jsonl.gz"], tiny_encoder, None, folder, 5.0, quiet)
    assert (n, rejected) == (12, [])
    return folder


def test_stored_and_encoded_frames_agree(frames, tiny_corpus, tiny_encoder):
    stored, width, clock = frame_source([frames], tiny_encoder, None)
    encoded, other_width, other_clock = frame_source([], tiny_encoder, None)
    assert isinstance(stored, StoredFrames)
    assert isinstance(encoded, EncodedFrames)
    assert (width, clock) == (other_width, other_clock)
    cuts = list(read_cuts(tiny_corpus / "train.jsonl.gz"))[:3]
    a, b = stored.frames(cuts), encoded.frames(cuts)
    assert torch.equal(a.lengths, b.lengths)
    assert torch.allclose(a.values, b.values, atol=1e-2)  # float16 on disk


def test_frames_of_another_layer_are_refused(frames, tiny_encoder):
    with pytest.raises(UserError, match=r"was not made by .* layer 1"):
        frame_source([frames], tiny_encoder, 1)


def test_a_cut_that_was_not_encoded_has_no_frames(frames, tiny_corpus, tiny_encoder):
    stored, _, _ = frame_source([frames], tiny_encoder, None)
    (other, *_) = read_cuts(tiny_corpus / "dev.jsonl.gz")
    assert not stored.has(other)
    with pytest.raises(UserError, match=other.id):
        stored.frames([other])


def test_every_store_says_what_it_left_out(frames):
    assert (frames / REJECTED).read_text() == "id\treason\n"
