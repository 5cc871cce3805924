"""A trained aligner on disk: from recording to alignment again, and what damage is answered with."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ssr_connector.aligners import CharCTC, CharCTCConfig
from ssr_connector.aligners.bundle import load_bundle, read_aligner, save_aligner
from ssr_connector.config import EncoderSection
from ssr_connector.errors import UserError
from ssr_connector.types import Alignment, Waveform
from ssr_connector.units import FrameClock

CONFIG = CharCTCConfig(
    width=16,
    layers=1,
    heads=2,
    kernel=5,
    alphabet=" .,'abcdefghijklmnopqrstuvwxyzATW",
    delay_frames=2,
    token_counts={" the": 7, "The": 1, ".": 9},
)


@pytest.fixture
def aligner():
    torch.manual_seed(0)
    return CharCTC(CONFIG, 32).eval()


@pytest.fixture
def folder(tmp_path, aligner, tiny_encoder, tiny_llm):
    path = tmp_path / "aligner"
    save_aligner(path, aligner, EncoderSection(tiny_encoder, 1), tiny_llm, "cased")
    return path


@pytest.fixture
def recording():
    samples = np.random.default_rng(0).standard_normal(32000).astype(np.float32) * 0.1
    return Waveform(samples, 16000)


def test_what_is_loaded_aligns_as_what_was_saved(folder, aligner, recording, sentences):
    bundle = load_bundle(folder)
    assert (bundle.text_form, bundle.encoder.layer, bundle.encoder.width) == ("cased", 1, 32)
    assert bundle.aligner.config == CONFIG
    assert not bundle.aligner.training
    frames = bundle.encoder([recording])
    texts = [sentences[0], None]
    frames = type(frames)(frames.values.repeat(2, 1, 1), frames.lengths.repeat(2), frames.clock)
    loaded = bundle.aligner.align(frames, texts, bundle.tokenize)
    assert repr(loaded) == repr(aligner.align(frames, texts, bundle.tokenize))
    forced = loaded[0]
    assert isinstance(forced, Alignment)
    assert forced.token_ids == tuple(bundle.tokenize(sentences[0])[0])


def test_the_aligner_of_a_whole_model_is_loaded_without_its_llm(tiny_model, tiny_llm, recording, tmp_path):
    from ssr_connector.model import SSRForConditionalGeneration

    model = SSRForConditionalGeneration.from_pretrained(tiny_model)
    shutil.copytree(tiny_llm, tmp_path / "llm", ignore=shutil.ignore_patterns("*.safetensors"))
    model.config.llm_name = str(tmp_path / "llm")
    model.save_pretrained(tmp_path / "model")
    bundle = load_bundle(tmp_path / "model")
    own, whole = bundle.aligner.state_dict(), model.aligner.state_dict()
    assert own.keys() == whole.keys()
    assert all(torch.equal(own[key], whole[key]) for key in own)
    frames = bundle.encoder([recording])
    heard = bundle.aligner.align(frames, [None], bundle.tokenize)
    assert repr(heard) == repr(model.aligner.align(frames, [None], model.tokenize))


def test_the_aligner_and_its_base_models_can_be_moved_together(tmp_path, aligner, tiny_encoder, tiny_llm, recording):
    here = tmp_path / "here"
    shutil.copytree(tiny_encoder, here / "encoder")
    shutil.copytree(tiny_llm, here / "llm")
    save_aligner(here / "aligner", aligner, EncoderSection(str(here / "encoder")), str(here / "llm"), "lower")
    text = (here / "aligner" / "aligner.json").read_text()
    assert str(tmp_path) not in text
    here.rename(tmp_path / "there")
    bundle = load_bundle(tmp_path / "there" / "aligner")
    assert bundle.text_form == "lower"
    assert bundle.encoder([recording]).lengths.tolist() == [99]


def test_saving_again_replaces_the_whole(folder, aligner, tiny_encoder, tiny_llm):
    (folder / "stray").write_text("")
    aligner.set_delay(0.1, FrameClock(16000, 320, 200.0))
    save_aligner(folder, aligner, EncoderSection(tiny_encoder, 1), tiny_llm, "cased")
    assert sorted(p.name for p in folder.iterdir()) == ["aligner.json", "aligner.safetensors"]
    assert read_aligner(folder)[0].config.delay_frames == 5


def change(folder, **values):
    path = folder / "aligner.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_damage_is_named(folder, tmp_path):
    with pytest.raises(UserError, match="holds no aligner"):
        load_bundle(tmp_path / "nowhere")
    good = (folder / "aligner.json").read_text()
    values = json.loads(good)
    for text in ("", "{", "[]", "{}", "3", json.dumps({k: v for k, v in values.items() if k != "llm_name"})):
        (folder / "aligner.json").write_text(text)
        with pytest.raises(UserError, match="holds no aligner"):
            load_bundle(folder)
    (folder / "aligner.json").write_text(good)
    for newer, told in (({"colour": 3}, r"aligner\.colour"), ({"type": "telepathy"}, r"aligner\.type 'telepathy'")):
        change(folder, aligner=values["aligner"] | newer)
        with pytest.raises(UserError, match=rf"aligner/aligner\.json has {told}, .*a newer one wrote it"):
            load_bundle(folder)
    change(folder, aligner=values["aligner"] | {"alphabet": "ab", "token_counts": {}})
    with pytest.raises(UserError, match="another shape"):
        load_bundle(folder)
    change(folder, aligner=values["aligner"] | {"layers": 2})
    with pytest.raises(UserError, match="lacks"):
        load_bundle(folder)
    (folder / "aligner.json").write_text(good)
    weights = folder / "aligner.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(UserError, match="holds no aligner"):
        load_bundle(folder)


def test_the_folder_of_a_run_names_the_one_inside(folder, tmp_path):
    (tmp_path / "run").mkdir()
    folder.rename(tmp_path / "run" / "aligner")
    with pytest.raises(UserError, match=r"run is the folder of a run: give .*run/aligner"):
        load_bundle(tmp_path / "run")


def test_a_base_model_that_is_missing_or_of_another_width(folder, tmp_path, tiny_encoder, tiny_llm):
    narrow = CharCTC(CONFIG, 24)
    save_aligner(folder, narrow, EncoderSection(tiny_encoder, 1), tiny_llm, "cased")
    with pytest.raises(UserError, match="24 wide, its encoder has 32"):
        load_bundle(folder)
    gone = tmp_path / "gone"
    shutil.copytree(Path(tiny_encoder), gone)
    save_aligner(folder, narrow, EncoderSection(str(gone), 1), tiny_llm, "cased")
    shutil.rmtree(gone)
    with pytest.raises(UserError, match="gone, which is missing"):
        load_bundle(folder)
