from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from ssr_connector.data.cuts import cut_audio
from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.switchboard import is_switchboard, read_switchboard, spoken
from ssr_connector.errors import UserError


def side(root: Path, name: str, *lines: str, words: tuple[str, ...] = ()) -> None:
    folder = root / "swb_ms98_transcriptions" / name[2:4] / name[2:6]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}-ms98-a-trans.text").write_text("".join(f"{name}-ms98-a-{line}\n" for line in lines))
    if words:
        (folder / f"{name}-ms98-a-word.text").write_text("".join(f"{name}-ms98-a-{line}\n" for line in words))


def test_both_sides_are_prepared_with_what_is_bad_listed(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    source = tmp_path / "swb"
    side(
        source,
        "sw2001A",
        "0001 0.000000 0.500000 [silence]",
        "0002 0.500000 1.500000 hi um [laughter-yeah]",
        "0003 1.5 soon oops",
        "0004 2.000000 3.000000 well [noise] then",
        "0005 9.000000 9.500000 late",
        "0006 3.000000 3.000000",
        words=(
            "0001 0.0 0.5 [silence]",
            "0002 0.500000 0.750000 hi",
            "0002 0.750000 1.000000 um",
            "0002 1.000000 1.500000 [laughter-yeah]",
            "0004 2.0 x well",
            "0004 2.5 3.0 then",
        ),
    )
    side(source, "sw2001B", "0001 1.000000 2.000000 th[at]- that's {yuppiedom}")
    side(source, "sw2002A", "0001 0.0 1.0 hi")
    samples = np.random.default_rng(0).normal(0, 0.1, (4 * 8_000, 2)).clip(-1, 1)
    (source / "swb1_d1/data").mkdir(parents=True)
    soundfile.write(source / "swb1_d1/data/sw02001.sph", samples, 8_000, format="NIST", subtype="ULAW")
    record(source / "swb1_d1/data/sw02003.sph", format="NIST", channels=2, subtype="ULAW")
    found = prepare_by_ssr(source)
    assert found.summary["corpus"] == "switchboard"
    assert {id_: cut.supervisions[0].text for id_, cut in found.cuts.items()} == {
        "sw2001A-ms98-a-0002": "hi um yeah",
        "sw2001B-ms98-a-0001": "th- that's yuppiedom",
    }
    assert found.words("sw2001A-ms98-a-0002") == [("hi", 0.0, 0.25), ("um", 0.25, 0.5), ("yeah", 0.5, 1.0)]
    stored, _ = soundfile.read(source / "swb1_d1/data/sw02001.sph", dtype="float32")
    for (id_, cut), (channel, start) in zip(found.cuts.items(), ((0, 4_000), (1, 8_000)), strict=True):
        assert np.array_equal(cut_audio(cut, 8_000).samples, stored[start : start + 8_000, channel]), id_
    assert [cut.supervisions[0].speaker for cut in found.cuts.values()] == ["sw2001A", "sw2001B"]
    assert found.rejected == {
        "sw2001A-ms98-a-0001": "no words in it",
        "sw2001A-ms98-a-0003": "malformed line",
        "sw2001A-ms98-a-0004": "malformed word times",
        "sw2001A-ms98-a-0005": "segment outside of the recording",
        "sw2001A-ms98-a-0006": "empty transcript",
        "sw2002A-ms98-a-0001": "missing file",
        "sw2003": "missing transcript",
    }


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("yes", "yes"),
        ("[silence]", ""),
        ("[vocalized-noise]", ""),
        ("[laughter]", ""),
        ("<b_aside>", ""),
        ("[laughter-yes]", "yes"),
        ("[laughter-th[at]-]", "th-"),
        ("th[at]-", "th-"),
        ("-[th]at", "-at"),
        ("[th]-", ""),
        ("[splace/space]", "splace"),
        ("{coined}", "coined"),
        ("them_1", "them"),
        ("t[o]-", "t-"),
        ("uh-huh", "uh-huh"),
        ("c_d_s", "c_d_s"),
    ],
)
def test_what_a_token_stands_for(token: str, said: str) -> None:
    assert spoken(token) == said


def test_a_side_in_another_encoding_does_not_stop_the_corpus(tmp_path: Path) -> None:
    for name in ("sw2001A", "sw2001B"):
        side(tmp_path, name, "0001 0.0 1.0 hi")
    (transcript,) = tmp_path.rglob("sw2001A*-trans.text")
    transcript.write_bytes(b"sw2001A-ms98-a-0001 0 1 caf\xe9\n")
    first, second = read_switchboard(tmp_path)
    assert isinstance(first, Rejected)
    assert (first.id, first.reason) == ("sw2001A", "unreadable transcript")
    assert isinstance(second, Entry)
    assert second.channel == 1


def test_a_folder_without_transcripts_is_named(tmp_path: Path) -> None:
    assert not is_switchboard(tmp_path)
    with pytest.raises(UserError, match="put swb_ms98_transcriptions there"):
        list(read_switchboard(tmp_path))
