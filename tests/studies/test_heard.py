"""What arms are tested on: which steps they share, and what they follow from."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from ssr_connector.data.cuts import read_cuts
from ssr_connector.data.preparation import prepare
from ssr_connector.data.shar_output import write_shar
from ssr_connector.studies.cache import Cache
from ssr_connector.studies.domains import DOMAINS
from ssr_connector.studies.heard import Heard
from ssr_connector.studies.noise import NOISE
from ssr_connector.studies.rates import Rates
from ssr_connector.studies.study import Arm
from ssr_connector.tiny.demo import Demo

SMOKE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"


@pytest.fixture
def heard_by(tmp_path):
    def make(study):
        demo = Demo(SMOKE, tmp_path / "demo", [], Console(quiet=True))
        demo.stages.keys["voices"] = "v"
        talk = demo.out / "speech" / "dev" / "audio"
        talk.mkdir(parents=True, exist_ok=True)
        soundfile.write(talk / "t.wav", np.random.default_rng(0).normal(0, 0.1, 16000), 16000)
        return Heard(demo, study, Cache(tmp_path / "cache", Console(quiet=True)), Rates({}, None, None, recording=0.5))

    return make


def test_babble_is_made_once_for_all_ratios_and_each_room_once(heard_by):
    heard = heard_by(NOISE)
    steps = {arm.name: heard.steps(arm) for arm in NOISE.arms}
    assert len({step.key for name, made in steps.items() if name.startswith("babble") for step in made}) == 1
    assert len({step.key for name, made in steps.items() if name.startswith("room") for step in made}) == 3
    assert not steps["clean"] + steps["stationary_0"] + steps["speed_1.5"]
    contents = [str(heard.content(arm)) for arm in NOISE.arms]
    assert len(set(contents)) == len(contents)


def test_the_demo_s_tests_are_spoken_again_only_where_they_differ(heard_by):
    heard = heard_by(DOMAINS)
    steps = {arm.name: heard.steps(arm) for arm in DOMAINS.arms}
    assert steps.pop("unseen") == ()
    assert all([step.stage for step in made] == ["speech"] for made in steps.values())
    assert len({made[0].key for made in steps.values()}) == len(steps)
    assert all(made[0].seconds > 0 for made in steps.values())
    assert heard.material(DOMAINS.arm("unseen")).folder == heard.base.out / "speech" / "tests"
    assert heard.material(DOMAINS.reference).folder.parent == heard.maker.folder(steps["read"][0])


def test_what_is_heard_in_a_users_noise_follows_from_its_files_and_not_from_where_they_lie(heard_by, tmp_path):
    def content(folder):
        return heard_by(NOISE).content(Arm("own", "own", surroundings={"noise": str(folder), "snr_db": 5.0}))

    (tmp_path / "a").mkdir()
    soundfile.write(tmp_path / "a" / "fan.wav", np.ones(800) / 2, 16000)
    before = content(tmp_path / "a")
    assert content((tmp_path / "a").rename(tmp_path / "b")) == before
    os.utime(tmp_path / "b" / "fan.wav", ns=(0, 1))  # as large, written later
    assert content(tmp_path / "b") != before


@pytest.mark.parametrize("form", ["manifest", "shar"])
def test_a_users_cuts_are_others_once_their_audio_is(heard_by, tmp_path, form):
    def content():
        return heard_by(NOISE).content(Arm("cuts", "cuts", cuts=str(path)))

    for k in range(2):
        soundfile.write(tmp_path / f"{k}.wav", np.random.default_rng(k).normal(0, 0.1, 8000), 16000)
    (tmp_path / "t.tsv").write_text("audio\ttext\n0.wav\tOne.\n1.wav\tTwo.\n")
    prepare(tmp_path / "t.tsv", tmp_path / "cuts", check="header")
    path, audio = tmp_path / "cuts" / "cuts.jsonl.gz", tmp_path / "1.wav"
    if form == "shar":
        write_shar(list(read_cuts(path)), tmp_path / "shar", 2)
        path, audio = tmp_path / "shar", tmp_path / "shar" / "recording.000000.tar"
    before = content()
    assert content() == before
    os.utime(audio, ns=(0, 1))
    assert content() != before


def test_material_is_in_its_surroundings_once_they_are_made(heard_by):
    heard = heard_by(NOISE)
    for name in ("babble_0", "room_0.3", "speed_1.5", "stationary_5"):
        arm = NOISE.arm(name)
        for step in heard.steps(arm):
            heard.maker.make(step)
        assert heard.material(arm).change is not None
    assert heard.material(NOISE.arm("speed_1.5")).speed == 1.5
    assert heard.material(NOISE.arm("clean")).change is None
    own = heard.material(Arm("cuts", "cuts", cuts="calls.jsonl.gz"))
    assert (own.tasks, own.cuts) == ((), Path("calls.jsonl.gz"))
