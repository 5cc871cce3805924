"""Manifests from anyone: what lhotse would run or fetch for them stays undone, and what is nonsense is a reason."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import soundfile
from lhotse import AudioSource, MonoCut, Recording
from lhotse.audio.backend import LibsndfileBackend, get_current_audio_backend
from lhotse.utils import fastcopy

from ssr_connector.aligners.base import Unalignable
from ssr_connector.aligners.word_corpus import align_cuts, align_one, word_aligner
from ssr_connector.data.audio import AudioError
from ssr_connector.data.cuts import cut_audio, read_cuts
from ssr_connector.data.made_audio import make_audio
from ssr_connector.errors import UserError

RATE = 8_000


@pytest.fixture
def sound(tmp_path: Path) -> MonoCut:
    """A second of noise in a file."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, RATE), RATE)
    return cut_of(AudioSource("file", [0], str(path)))


def cut_of(source: AudioSource) -> MonoCut:
    return MonoCut("x", 0.0, 1.0, 0, recording=Recording("r", [source], RATE, RATE, 1.0))


def from_manifest(folder: Path, *values: dict[str, Any]) -> list[Any]:
    path = folder / "cuts.jsonl"
    path.write_text("".join(json.dumps(v) + "\n" for v in values))
    return list(read_cuts(path))


def reverberated(cut: MonoCut, rir: Recording) -> MonoCut:
    values = {"name": "ReverbWithImpulseResponse", "kwargs": {"rir": rir.to_dict()}}
    return fastcopy(cut, recording=fastcopy(cut.recording, transforms=[values]))


@pytest.mark.parametrize("kind", ["command", "url"])
@pytest.mark.parametrize("where", ["recording", "track", "transform", "of a mixture"])
def test_nothing_in_a_manifest_runs_or_is_fetched(tmp_path: Path, sound: MonoCut, kind: str, where: str) -> None:
    trace, audio = tmp_path / "trace", sound.recording.sources[0].source
    line = f"touch {trace}; cat {audio}" if kind == "command" else f"pipe:touch {trace}; cat {audio}"
    bad = cut_of(AudioSource(kind, [0], line))
    cut = {
        "recording": lambda: bad,
        "track": lambda: sound.mix(bad, snr=10),
        "transform": lambda: reverberated(sound, bad.recording),
        "of a mixture": lambda: sound.mix(reverberated(sound, bad.recording)),
    }[where]()
    (read,) = from_manifest(tmp_path, cut.to_dict())
    with pytest.raises(AudioError, match=rf"the cut .*: audio from a {kind}; it could run or fetch anything"):
        cut_audio(read)
    found = align_one(word_aligner("uniform"), read)
    assert isinstance(found, Unalignable)
    assert f"audio from a {kind}" in found.reason
    assert not trace.exists()


def test_a_source_without_channels_is_seen_too(tmp_path: Path, sound: MonoCut) -> None:
    trace, values = tmp_path / "trace", sound.to_dict()
    values["channel"], values["recording"]["channel_ids"] = None, [0]
    values["recording"]["sources"] = [{"type": "command", "channels": None, "source": f"touch {trace}"}]
    with pytest.raises(AudioError, match="audio from a command"):
        cut_audio(from_manifest(tmp_path, values)[0])
    assert not trace.exists()


def test_the_name_of_a_file_is_no_part_of_a_shell_line(tmp_path: Path, sound: MonoCut) -> None:
    trace = tmp_path / "trace"
    bad = cut_of(AudioSource("file", [0], f"$(touch {trace}).sph"))
    for cut in (bad.perturb_volume(2.0), sound.mix(bad)):
        with pytest.raises(AudioError, match="unusable audio"):
            cut_audio(from_manifest(tmp_path, cut.to_dict())[0])
    assert not trace.exists()


def test_what_lhotse_cannot_make_is_a_reason(tmp_path: Path, sound: MonoCut) -> None:
    empty, short = tmp_path / "empty.wav", tmp_path / "short.wav"
    empty.write_bytes(b"rubbish")
    soundfile.write(short, np.zeros(100), RATE)
    backend = get_current_audio_backend()
    for cut, reason in (
        (sound.mix(cut_of(AudioSource("file", [0], str(tmp_path / "gone.wav")))), "No such file|System error"),
        (sound.mix(cut_of(AudioSource("file", [0], str(empty)))), "unusable audio"),
        (sound.mix(cut_of(AudioSource("file", [0], str(short)))), "unusable audio"),
        (cut_of(AudioSource("memory", [0], b"rubbish")), "unusable audio"),
        (cut_of(AudioSource("memory", [0], "text")), "not of type 'bytes'"),
        (cut_of(AudioSource("shar", [0], "nowhere")), "no place in a tar file"),
        (fastcopy(sound, recording=None), "no recording"),
        (fastcopy(sound, channel=3), r"no channels \[3\]"),
        (sound.perturb_volume(float("nan")), "NaN or infinite samples"),
    ):
        with pytest.raises(AudioError, match=reason):
            cut_audio(cut)
    assert get_current_audio_backend() is backend


@dataclass
class Waiting:
    """A cut that says when it is read, and is read on when it may be."""

    says: Event
    waits: Event
    id: str = "x"
    sampling_rate: int = RATE
    backend: Any = None

    def to_dict(self) -> dict[str, Any]:
        return {}

    def load_audio(self) -> Any:
        self.says.set()
        assert self.waits.wait(10)
        self.backend = get_current_audio_backend()
        return np.zeros((1, RATE))


def test_a_thread_that_is_done_leaves_the_one_backend_to_the_others() -> None:
    before = get_current_audio_backend()
    begun, other_begun, done = Event(), Event(), Event()
    first, second = Waiting(begun, other_begun), Waiting(other_begun, done)
    with ThreadPoolExecutor(2) as pool:
        ends = pool.submit(make_audio, first, RATE)
        assert begun.wait(10)
        goes_on = pool.submit(make_audio, second, RATE)
        ends.result()
        done.set()
        goes_on.result()
    assert isinstance(first.backend, LibsndfileBackend)
    assert isinstance(second.backend, LibsndfileBackend)
    assert get_current_audio_backend() is before


def test_lines_that_are_no_cuts_are_named(tmp_path: Path, sound: MonoCut) -> None:
    good = sound.to_dict()
    unknown = json.loads(json.dumps(good))
    unknown["recording"]["transforms"] = [{"name": "Nonsense", "kwargs": {}}]
    for bad in ({"type": "MonoCut"}, {"type": "PickleCut"}, {"id": "x"}, [1], {**good, "more": 1}, unknown):
        with pytest.raises(UserError, match=r"cuts\.jsonl, line 2, is not a lhotse cut"):
            from_manifest(tmp_path, good, bad)  # type: ignore[arg-type]
    whole = gzip.compress("".join(json.dumps({**good, "id": str(k)}) + "\n" for k in range(2000)).encode())
    (tmp_path / "cuts.jsonl.gz").write_bytes(whole[:-100])
    with pytest.raises(UserError, match=r"cuts\.jsonl\.gz cannot be read after line \d+"):
        list(read_cuts(tmp_path / "cuts.jsonl.gz"))


def test_mixed_cuts_are_aligned_like_others(tmp_path: Path, sound: MonoCut) -> None:
    cut = sound.mix(sound, snr=10)
    timed, rejected = align_cuts([cut], "uniform", tmp_path, 1, lambda *_: None)
    assert [key for key, _ in rejected] == [cut.id]  # for its empty transcript, not for what it is made of
    assert not timed
