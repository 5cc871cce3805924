from pathlib import Path
from typing import Any

import pytest

from ssr_connector.data.entry import Entry
from ssr_connector.data.vctk import is_vctk, read_vctk
from ssr_connector.errors import UserError


def transcripts(root: Path, **texts: str) -> Path:
    for id_, text in texts.items():
        (root / "txt" / id_[:4]).mkdir(parents=True, exist_ok=True)
        (root / f"txt/{id_[:4]}/{id_}.txt").write_text(text + "\n")
    return root


def test_release_092_is_prepared_with_what_is_bad_listed(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    source = transcripts(
        tmp_path / "v", p225_001="Please call Stella.", p225_002=" ", p225_003="Ask her.", p226_001="?"
    )
    (source / "txt/p226/p226_002.txt").write_bytes(b"caf\xe9")
    (source / "speaker-info.txt").write_text(
        "ID  AGE  GENDER  ACCENTS  REGION COMMENTS\np225  23  F  English  Southern England\np226\n"
    )
    for name in (
        "p225/p225_001_mic1",
        "p225/p225_001_mic2",
        "p225/p225_002_mic1",
        "p226/p226_001_mic1",
        "p315/p315_001_mic1",
    ):
        record(source / f"wav48_silence_trimmed/{name}.flac", rate_hz=48_000)
    found = prepare_by_ssr(source)
    assert found.summary["corpus"] == "vctk"
    (cut,) = found.cuts.values()
    supervision = cut.supervisions[0]
    assert (cut.id, supervision.text, supervision.speaker) == ("p225_001", "Please call Stella.", "p225")
    assert supervision.custom == {"gender": "F", "accent": "English"}
    assert cut.recording.sources[0].source.endswith("p225_001_mic1.flac")
    assert found.rejected == {
        "p225_002": "empty transcript",
        "p225_003": "missing file",
        "p226_001": "unspeakable transcript",
        "p226_002": "unreadable transcript",
        "p315_001": "missing transcript",
    }
    found = prepare_by_ssr(source, "--subset", "mic2")
    assert [c.recording.sources[0].source[-9:] for c in found.cuts.values()] == ["mic2.flac"]


def test_release_080(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    source = transcripts(tmp_path / "v", p225_001="Please call Stella.")
    (source / "speaker-info.txt").write_text("ID  AGE  GENDER  ACCENTS  REGION\n225  23  F    English    Surrey\n")
    audio = record(source / "wav48/p225/p225_001.wav")
    assert is_vctk(source)
    (entry,) = read_vctk(source)
    custom = {"gender": "F", "accent": "English"}
    assert entry == Entry("p225_001", audio, "Please call Stella.", "p225", "en", custom=custom)
    assert "no subset 'mic1'" in prepare_by_ssr(source, "--subset", "mic1").printed


def test_another_folder_is_named(tmp_path: Path) -> None:
    assert not is_vctk(tmp_path)
    with pytest.raises(UserError, match="does not hold txt/"):
        list(read_vctk(tmp_path))
