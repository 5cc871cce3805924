import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ssr_connector.errors import UserError
from ssr_connector.tiny import speak as speak_module
from ssr_connector.tiny.speak import NoiseMix, choose_delivery, render
from ssr_connector.tiny.voices import TEST_VOICES, TRAIN_VOICES


@dataclass(frozen=True)
class Line:
    id: str
    text: str


LINES = [Line(f"u{i:03}", text) for i, text in enumerate(["The cat sat.", "A dog, a bird.", "Who is it?", "Yes."] * 15)]


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_corpus_is_complete_and_true(tmp_path):
    calls = []
    table = render(
        LINES, TRAIN_VOICES, tmp_path / "c", 1, jobs=1, progress=lambda done, total: calls.append((done, total))
    )
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    assert rows[0] == ["id", "audio", "text", "speaker"]
    assert [(row[0], row[2]) for row in rows[1:]] == [(line.id, line.text) for line in LINES]
    assert calls[-1] == (len(LINES), len(LINES))
    words = [line.split(" ") for line in (tmp_path / "c" / "words.ctm").read_text().splitlines()]
    assert [w[4] for w in words] == [w for line in LINES for w in line.text.split()]
    for row in rows[1:]:
        samples, rate = soundfile.read(tmp_path / "c" / row[1])
        ends = [float(w[2]) + float(w[3]) for w in words if w[0] == row[0]]
        assert rate == 16_000
        assert ends[-1] < len(samples) / rate
        assert float(next(w for w in words if w[0] == row[0])[2]) >= speak_module.SILENCE_S[0]
        assert np.abs(samples).max() <= speak_module.PEAK + 1e-3
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == [
        *("audio", "corpus.json", "phones.ctm", "table.tsv", "words.ctm"),
    ]


def test_processes_and_interruptions_change_nothing(tmp_path, monkeypatch):
    noise = NoiseMix(0.5, 0, 20)
    render(LINES, TRAIN_VOICES, tmp_path / "one", 1, noise, jobs=1)
    render(LINES, TRAIN_VOICES, tmp_path / "two", 1, noise, jobs=2)
    work = speak_module._render_job

    def killed(job):
        if job.index == 1:
            raise KeyboardInterrupt
        return work(job)

    monkeypatch.setattr(speak_module, "_render_job", killed)
    with pytest.raises(KeyboardInterrupt):
        render(LINES, TRAIN_VOICES, tmp_path / "three", 1, noise, jobs=1)
    assert not (tmp_path / "three" / "table.tsv").exists()
    done = []

    def counted(job):
        done.append(job.index)
        return work(job)

    monkeypatch.setattr(speak_module, "_render_job", counted)
    render(LINES, TRAIN_VOICES, tmp_path / "three", 1, noise, jobs=1)
    assert done == [1]
    render(LINES, TRAIN_VOICES, tmp_path / "three", 1, noise, jobs=1)
    assert done == [1]
    assert content(tmp_path / "one") == content(tmp_path / "two") == content(tmp_path / "three")


def test_another_corpus_replaces_and_foreign_files_are_left_alone(tmp_path):
    render(LINES[:5], TRAIN_VOICES, tmp_path / "c", 1, jobs=1)
    render(LINES[:3], TRAIN_VOICES, tmp_path / "c", 1, jobs=1)
    assert len(list((tmp_path / "c" / "audio").iterdir())) == 3
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="no spoken corpus"):
        render(LINES[:3], TRAIN_VOICES, tmp_path / "mine", 1, jobs=1)
    assert (tmp_path / "mine" / "letter.txt").is_file()


def test_a_pair_shares_its_delivery(tmp_path):
    pairs = [Line(f"p{i}-{side}", "Yes.") for i in range(8) for side in "ab"]
    keys = {line.id: line.id.split("-")[0] for line in pairs}
    table = render(pairs, TEST_VOICES, tmp_path / "c", 1, jobs=1, voice_keys=keys)
    speakers = [line.split("\t")[3] for line in table.read_text().splitlines()[1:]]
    assert speakers[::2] == speakers[1::2]
    assert len(set(speakers)) > 2
    times = [line.split(" ", 1)[1] for line in (tmp_path / "c" / "words.ctm").read_text().splitlines()]
    assert times[::2] == times[1::2]


def test_noise_is_dealt_to_its_share():
    noise = NoiseMix(0.4, 3, 9)
    deliveries = [choose_delivery(f"k{i}", TRAIN_VOICES, 5, noise) for i in range(1000)]
    noisy = [d for d in deliveries if d.noise]
    assert 340 < len(noisy) < 460
    assert {d.noise for d in noisy} == {"speech", "pink", "babble"}
    assert all(3 <= d.snr_db <= 9 for d in noisy)
    assert deliveries[3] == choose_delivery("k3", TRAIN_VOICES, 5, noise)


@pytest.mark.parametrize(("ids", "message"), [(["a", "a"], "have the id"), (["a/b"], "file name"), ([""], "file name")])
def test_ids_are_unique_file_names(tmp_path, ids, message):
    with pytest.raises(ValueError, match=message):
        render([Line(i, "Yes.") for i in ids], TRAIN_VOICES, tmp_path / "c", 1, jobs=1)


def test_the_marker_names_no_unfinished_corpus_complete(tmp_path):
    render(LINES[:2], TRAIN_VOICES, tmp_path / "c", 1, jobs=1)
    assert json.loads((tmp_path / "c" / "corpus.json").read_text())["complete"] is True


def test_manners_change_the_delivery_and_nothing_else(tmp_path):
    lines = [Line(name, "The cat sat by the old river.") for name in ("plain", "slow", "fast", "high", "lively")]
    keys, manners = {line.id: "one voice" for line in lines}, {line.id: line.id for line in lines[1:]}
    render(lines, TEST_VOICES, tmp_path, 0, jobs=1, voice_keys=keys, manners=manners)
    heard = {line.id: soundfile.read(tmp_path / "audio" / f"{line.id}.flac")[0] for line in lines}
    assert len(heard["fast"]) < len(heard["plain"]) < len(heard["slow"])
    for name in ("high", "lively"):
        assert not np.array_equal(heard[name], heard["plain"])
        assert len(heard[name]) == pytest.approx(len(heard["plain"]), rel=0.1)
