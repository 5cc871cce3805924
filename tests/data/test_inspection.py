"""Facts of recordings, by shards: the same however they are cut, and only what is left is done again."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ssr_connector.data import inspection
from ssr_connector.data.audio import AudioError, AudioFacts, inspect_audio
from ssr_connector.data.inspection import inspect_files
from ssr_connector.engine import LocalEngine

ONE_EACH = 1e-6  # megabytes


def quiet(*_: object) -> None:
    pass


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Relative paths of good recordings and of every kind of bad ones."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).normal(0, 0.1, (8_000, 2)).astype(np.float32)
    good = {"a.wav": noise, "b.flac": noise[:, 0], "silent.wav": 0 * noise}
    for name, samples in (good | {"zero.wav": noise[:0]}).items():
        soundfile.write(name, samples, 8_000)
    soundfile.write("nan.wav", np.full(100, np.nan, np.float32), 8_000, subtype="FLOAT")
    Path("cut.flac").write_bytes(Path("b.flac").read_bytes()[:-2_000])
    Path("text.wav").write_text("text " * 100)
    Path("empty.wav").touch()
    Path("folder.wav").mkdir()
    return [*sorted(Path().iterdir()), Path("none.wav"), Path("9" * 300)]


def told(found: AudioFacts | AudioError) -> AudioFacts | tuple[str, str]:
    return (found.reason, str(found)) if isinstance(found, AudioError) else found


def by_hand(path: Path) -> AudioFacts | tuple[str, str]:
    try:
        return inspect_audio(path)
    except AudioError as error:
        return told(error)


@pytest.mark.parametrize("shard_mb", [50.0, 0.02, ONE_EACH])
def test_shards_change_nothing(files: list[Path], tmp_path: Path, shard_mb: float) -> None:
    found = inspect_files([*files, files[0]], "decode", tmp_path / "checked", LocalEngine(), quiet, shard_mb)
    assert {path: told(facts) for path, facts in found.items()} == {path: by_hand(path) for path in files}
    assert sum(isinstance(facts, AudioFacts) for facts in found.values()) == 3


def test_only_what_is_left_or_changed_is_checked_again(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def check(interrupted_at: str = "", what: inspection.Check = "decode") -> list[str]:
        def traced(path: Path, decode: bool) -> AudioFacts:
            if path.name == interrupted_at:
                raise KeyboardInterrupt
            seen.append(path.name)
            return inspect_audio(path, decode=decode)

        monkeypatch.setattr(inspection, "inspect_audio", traced)
        seen.clear()
        inspect_files(files, what, tmp_path / "checked", LocalEngine(), quiet, ONE_EACH)
        return seen

    names = [path.name for path in files]
    with pytest.raises(KeyboardInterrupt):
        check(interrupted_at=names[4])
    assert seen == names[:4]
    assert check() == names[4:]
    assert check() == []
    soundfile.write("empty.wav", np.ones(800, np.float32), 8_000)  # mended
    assert check() == ["empty.wav"]
    assert check(what="header") == names


def test_progress_counts_recordings(files: list[Path], tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    inspect_files(files, "header", tmp_path / "checked", LocalEngine(), lambda n, total, _: seen.append((n, total)))
    assert seen == [(n, len(files)) for n in range(len(files) + 1)]
