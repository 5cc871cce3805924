"""Frames on disk: round trip, what is refused, what is noticed."""

import json
from pathlib import Path

import pytest
import torch

from ssr_connector.config import EncoderSection
from ssr_connector.encoders.store import FrameStore, encoder_key, join_shards, write_frames
from ssr_connector.errors import UserError
from ssr_connector.types import Frames
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)


def frames(*lengths, width=4, seed=0):
    values = torch.randn(len(lengths), max(lengths), width, generator=torch.Generator().manual_seed(seed))
    return Frames(values, torch.tensor(lengths), CLOCK)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "frames"
    n = write_frames(path, "hub/name#3", CLOCK, [(["a", "b"], frames(5, 2)), (["ü/c"], frames(7, seed=1))])
    assert n == 3
    return path


def test_round_trip_in_any_order(folder):
    store = FrameStore(folder)
    assert (len(store), store.width, store.clock, store.encoder) == (3, 4, CLOCK, "hub/name#3")
    assert "b" in store
    assert "d" not in store
    out = store.read(["ü/c", "b", "a", "b"])
    assert out.lengths.tolist() == [7, 2, 5, 2]
    assert out.values.dtype == torch.float32
    first, second = frames(5, 2).values.half().float(), frames(7, seed=1).values.half().float()
    assert torch.equal(out.values[0], second[0])
    assert torch.equal(out.values[2, :5], first[0])
    assert torch.equal(out.values[1, :2], first[1, :2])
    assert torch.equal(out.values[1], out.values[3])
    assert not out.values[1, 2:].any()


def test_what_is_read_can_be_changed_without_touching_the_file(folder):
    FrameStore(folder).read(["a"]).values.zero_()
    assert FrameStore(folder).read(["a"]).values.any()


def test_several_stores_are_one_unless_an_id_clashes_or_the_encoder_is_another(folder, tmp_path):
    write_frames(tmp_path / "more", "hub/name#3", CLOCK, [(["m"], frames(4, seed=2))])
    both = FrameStore(folder, tmp_path / "more")
    assert both.read(["m", "a"]).lengths.tolist() == [4, 5]
    assert both.digest() != FrameStore(folder).digest()
    write_frames(tmp_path / "clash", "hub/name#3", CLOCK, [(["b"], frames(4))])
    with pytest.raises(UserError, match=r"b has frames in .*clash and in .*frames; leave one out"):
        FrameStore(folder, tmp_path / "clash")
    write_frames(tmp_path / "other", "hub/name#4", CLOCK, [(["m"], frames(4))])
    with pytest.raises(UserError, match=r"other is of another encoder than .*frames"):
        FrameStore(folder, tmp_path / "other")


def test_an_unknown_recording_is_named(folder):
    with pytest.raises(UserError, match="nobody is not among"):
        FrameStore(folder).read(["a", "nobody"])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e6])
def test_values_that_do_not_fit_are_refused_and_the_old_store_stays(folder, bad):
    broken = frames(3)
    broken.values[0, 1, 2] = bad
    with pytest.raises(ValueError, match="x: not finite"):
        write_frames(folder, "other", CLOCK, [(["y"], frames(2)), (["x"], broken)])
    assert FrameStore(folder).encoder == "hub/name#3"
    assert [p.name for p in folder.parent.iterdir()] == ["frames"]


def test_padding_may_hold_anything(tmp_path):
    odd = frames(3, 1)
    odd.values[1, 1:] = float("nan")
    write_frames(tmp_path / "f", "e", CLOCK, [(["a", "b"], odd)])
    assert bool(FrameStore(tmp_path / "f").read(["a", "b"]).values.isfinite().all())


def test_an_id_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a: encoded twice"):
        write_frames(tmp_path / "f", "e", CLOCK, [(["a"], frames(2)), (["a"], frames(2))])
    assert not list(tmp_path.iterdir())


def test_an_encoder_that_dies_leaves_the_old_store(folder):
    def dying():
        yield ["z"], frames(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_frames(folder, "other", CLOCK, dying())
    assert "a" in FrameStore(folder)
    assert [p.name for p in folder.parent.iterdir()] == ["frames"]


def test_an_empty_store_reads_as_one(tmp_path):
    assert write_frames(tmp_path / "f", "e", CLOCK, []) == 0
    store = FrameStore(tmp_path / "f")
    assert len(store) == 0
    with pytest.raises(UserError, match="not among"):
        store.read(["a"])


def change_index(folder, **values):
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(index | values))


def test_damage_is_noticed(folder, tmp_path):
    with pytest.raises(UserError, match="ssr encode"):
        FrameStore(tmp_path / "nowhere")
    data = (folder / "frames.f16").read_bytes()
    (folder / "frames.f16").write_bytes(data[:-2])
    with pytest.raises(UserError, match="not of the size"):
        FrameStore(folder)
    (folder / "frames.f16").unlink()
    with pytest.raises(UserError, match="encode again"):
        FrameStore(folder)
    (folder / "frames.f16").write_bytes(data)
    for bad in ({"clock": {"hop": 3}}, {"places": [1]}, {"places": {"a": 3}}, {"clock": None}):
        good = (folder / "index.json").read_text()
        change_index(folder, **bad)
        with pytest.raises(UserError, match="not an index"):
            FrameStore(folder)
        (folder / "index.json").write_text(good)
    for text in ("", "[]", "{}", '{"clock": '):
        (folder / "index.json").write_text(text)
        with pytest.raises(UserError, match="not an index"):
            FrameStore(folder)


def test_the_key_tells_encoders_apart(tiny_encoder, tmp_path):
    assert encoder_key(EncoderSection("hub/name", 3)) == "hub/name#3"
    assert encoder_key(EncoderSection("hub/name", None)) == "hub/name#last"
    assert encoder_key(EncoderSection("hub/name", [4, 8])) == "hub/name#4,8"
    assert encoder_key(EncoderSection("hub/name", 4, padded=False)) == "hub/name#4#unpadded"
    key = encoder_key(EncoderSection(tiny_encoder, 1))
    copy = tmp_path / "moved"
    copy.mkdir()
    for file in Path(tiny_encoder).iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "README.md").write_text("not part of the model")
    assert encoder_key(EncoderSection(str(copy), 1)) == key
    assert encoder_key(EncoderSection(str(copy), 2)) != key
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert encoder_key(EncoderSection(str(copy), 1)) != key


def test_shards_read_as_one_store(folder):
    for name, key, n, seed in (("s0", "d", 3, 2), ("s1", "e", 4, 3)):
        write_frames(folder / "shards" / name, "other", CLOCK, [([key], frames(n, seed=seed))])
    write_frames(folder / "shards" / "s2", "other", CLOCK, [])  # nothing of it could be heard
    assert "a" in FrameStore(folder)  # until all shards are there, it is the store that it was
    assert join_shards(folder, ["s2", "s0", "s1"]) == 2
    store = FrameStore(folder)
    assert (len(store), store.width, store.encoder, "a" in store) == (2, 4, "other", False)
    out = store.read(["e", "d"])
    assert torch.equal(out.values[0], frames(4, seed=3).values.half().float()[0])
    assert torch.equal(out.values[1, :3], frames(3, seed=2).values.half().float()[0])
    assert not (folder / "frames.f16").exists()
    (folder / "shards" / "s1" / "index.json").unlink()
    with pytest.raises(UserError, match="s1"):
        FrameStore(folder)
