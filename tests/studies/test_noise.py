"""What a user adds to the study of noise, and what it says of each kind."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from ssr_connector.errors import UserError
from ssr_connector.studies.corpora import OWN
from ssr_connector.studies.noise import NOISE, SCORES, SNR_DB, extended, paragraph
from ssr_connector.studies.results import Results, Row
from ssr_connector.studies.study import Own
from ssr_connector.studies.surroundings import Surroundings


@pytest.fixture
def noises(tmp_path):
    folder = tmp_path / "kitchen"
    folder.mkdir()
    soundfile.write(folder / "fan.wav", np.random.default_rng(0).normal(0, 0.1, 8000), 8000)
    return folder


def test_a_users_noises_are_heard_at_every_ratio_and_drawn(noises):
    study = extended(NOISE, Own(str(noises)))
    arms = study.arms[len(NOISE.arms) :]
    assert [arm.title for arm in arms] == [f"kitchen, {snr} dB".replace("-", "−") for snr in SNR_DB]
    assert all(Surroundings(**arm.surroundings).noise == str(noises) for arm in arms)
    assert set(study.picture.panels[-1].arms) == {"clean", *(arm.name for arm in arms)}
    assert set(study.quick) <= {arm.name for arm in study.arms}
    assert len(study.quick) > len(NOISE.quick)
    with pytest.raises(UserError, match="holds no recordings"):
        extended(NOISE, Own(str(noises.parent / "nowhere")))


def test_a_users_corpus_has_a_table_of_its_own_and_no_surroundings(tiny_corpus):
    manifest = str(tiny_corpus / "dev.jsonl.gz")
    study = extended(NOISE, Own(cuts={"calls": manifest}))
    (arm,) = study.arms[len(NOISE.arms) :]
    assert (arm.title, arm.table, arm.cuts, arm.surroundings) == ("calls", OWN, manifest, {})
    assert arm.name in study.quick
    assert OWN in study.tables
    with pytest.raises(UserError, match="does not exist"):
        extended(NOISE, Own(cuts={"calls": "none.jsonl.gz"}))


def test_every_arm_differs_from_clean_speech_in_one_thing():
    plain = Surroundings()
    for arm in NOISE.arms[1:]:
        around = replace(Surroundings(**arm.surroundings), snr_db=plain.snr_db)
        assert sum(getattr(around, f) != getattr(plain, f) for f in ("noise", "decay_s", "speed")) == 1
    in_panels = {name for panel in NOISE.picture.panels for name in panel.arms}
    assert in_panels == {arm.name for arm in NOISE.arms}


def test_the_paragraph_says_what_becomes_of_the_aligner_and_of_a_corpus(planted):
    figures = [*SCORES, *(f"{score}_cascade" for score in SCORES)]
    results = planted({"clean": 0.9, "babble_0": 0.7}, figures)
    for row, wer, ends in zip(results.rows, (12.0, 55.5), (20.0, 81.0), strict=True):
        for run in row.runs:
            run |= {"ctc_wer": {"value": wer, "unit": "%"}, "word_boundary_error_ms": {"value": ends, "unit": "ms"}}
    calls = Row("cuts_calls", "calls", OWN, [{"ctc_wer": {"value": 93.25, "unit": "%"}}])
    sentences = paragraph(Results([*results.rows, calls], 50))
    assert sentences[0].startswith("On synthetic speech, SSR beats the hard cascade")
    assert any(s.endswith("clean 12.0 % and 20.0 ms; babble_0 55.5 % and 81.0 ms.") for s in sentences)
    assert sentences[-1] == "On calls, recordings from outside of this world: WER of the hypothesis 93.2 %."
    assert f"The {2 * len(SCORES)} comparisons" in sentences[2]
