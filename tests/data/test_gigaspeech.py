import json
from pathlib import Path
from typing import Any

import pytest

from ssr_connector.data.entry import Rejected
from ssr_connector.data.gigaspeech import is_gigaspeech, read_gigaspeech
from ssr_connector.errors import UserError


def segment(id_: str, text: str, begin: object = 0.5, end: object = 1.5, **more: object) -> dict[str, object]:
    return {
        "sid": id_,
        "speaker": "N/A",
        "begin_time": begin,
        "end_time": end,
        "text_tn": text,
        "subsets": ["{XL}", "{S}"],
    } | more


def corpus(root: Path, *audios: object) -> Path:
    root.mkdir()
    (root / "GigaSpeech.json").write_text(json.dumps({"dataset": "GigaSpeech", "language": "EN", "audios": audios}))
    return root


def test_a_corpus_is_prepared_with_what_is_bad_listed(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    segments = [
        segment("S1", "WELL <COMMA> HERE WE ARE <PERIOD>"),
        segment("S2", "ARE WE <QUESTIONMARK> YES <EXCLAMATIONPOINT>", 1.5, 2.25, speaker="ann", subsets=["{XL}"]),
        *(segment(f"G-{tag}", f"<{tag}>") for tag in ("SIL", "MUSIC", "NOISE", "OTHER")),
        segment("T", "HELLO <LAUGHTER>"),
        segment("E", ""),
        segment("P", "<COMMA>"),
        segment("L", "TOO LATE", 2.5, 3.5),
        segment("B", "BACKWARDS", 1.5, 1.0),
        segment("N", "NO TIME", None),
        segment("H", "HUGE", 0.5, 10**400),
        segment("U", "HALF \ud800"),
        {"sid": "D"},
        "nothing",
    ]
    source = corpus(
        tmp_path / "giga",
        {"aid": "POD1", "path": "audio/podcast/P1/POD1.opus", "segments": segments},
        {"aid": "POD2", "path": "audio/podcast/P1/POD2.opus", "segments": [segment("M", "MISSING")]},
        {"aid": "POD3", "segments": [segment("M2", "MISSING")]},
    )
    record(source / "audio/podcast/P1/POD1.opus", 3)
    found = prepare_by_ssr(source)
    assert found.summary["corpus"] == "gigaspeech"
    assert {id_: cut.supervisions[0].text for id_, cut in found.cuts.items()} == {
        "S1": "WELL, HERE WE ARE.",
        "S2": "ARE WE? YES!",
    }
    first, second = found.cuts.values()
    assert (first.start, first.duration, second.start, second.duration) == (0.5, 1.0, 1.5, 0.75)
    assert [cut.supervisions[0].speaker for cut in (first, second)] == [None, "ann"]
    assert first.supervisions[0].custom == {"subsets": ["XL", "S"]}
    assert first.recording == second.recording
    assert found.rejected == {
        **{f"G-{tag}": "garbage utterance" for tag in ("SIL", "MUSIC", "NOISE", "OTHER")},
        "T": "unknown tag",
        "E": "empty transcript",
        "P": "unspeakable transcript",
        "L": "segment outside of the recording",
        "B": "malformed time",
        "N": "malformed time",
        "H": "malformed time",
        "U": "not Unicode text",
        "D": "malformed segment",
        "recording 1 segment 16": "malformed segment",
        "M": "missing file",
        "recording 3": "malformed segment",
    }
    assert found.summary["rejected"]["garbage utterance"] == 4


def test_a_subset_takes_its_segments_and_those_of_unknown_place(tmp_path: Path) -> None:
    segments = [segment("a", "A"), segment("b", "B", subsets=["{XL}"]), segment("c", "C", subsets=7)]
    source = corpus(tmp_path / "giga", {"path": "a.opus", "segments": segments})
    assert [entry.id for entry in read_gigaspeech(source, "S")] == ["a", "c"]
    with pytest.raises(UserError, match="there are XL, L, M, S, XS, DEV, TEST"):
        list(read_gigaspeech(source, "XXL"))


def test_a_half_copied_file_is_named(tmp_path: Path) -> None:
    source = corpus(tmp_path / "giga", 7)
    assert is_gigaspeech(source)
    (rejected,) = read_gigaspeech(source)
    assert isinstance(rejected, Rejected)
    (source / "GigaSpeech.json").write_text('{"audios": [{"path": ')
    with pytest.raises(UserError, match=r"GigaSpeech\.json: 'audios' is not JSON"):
        list(read_gigaspeech(source))
