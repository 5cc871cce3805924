from pathlib import Path
from typing import Any

import pytest

from ssr_connector.data.ami import is_ami, read_ami
from ssr_connector.data.entry import Rejected
from ssr_connector.errors import UserError

HEAD = '<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?>\n'
NITE = 'xmlns:nite="http://nite.sourceforge.net/"'
WORDS = """\
<w nite:id="W.0" starttime="0.50" endtime="0.75">The</w>
<w nite:id="W.1" starttime="0.75" endtime="1.00">L_C_D_</w>
<w nite:id="W.2" starttime="1.00" endtime="1.00" punc="true">,</w>
<vocalsound nite:id="W.3" starttime="1.00" endtime="1.20" type="laugh"/>
<w nite:id="W.4" starttime="1.25" endtime="1.75" trunc="true">scr</w>
<w nite:id="W.5">it&#39;s</w>
<w nite:id="W.6" starttime="1.75" endtime="1.75" punc="true">.</w>
"""


def segment(number: int, start: str, end: str, words: str) -> str:
    return (
        f'<segment nite:id="ES1a.sync.{number}" transcriber_start="{start}" transcriber_end="{end}">'
        f'<nite:child href="ES1a.A.words.xml#{words}"/></segment>'
    )


def write(path: Path, *body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEAD}<nite:root {NITE}>{''.join(body)}</nite:root>", encoding="latin-1")


def corpus(root: Path) -> Path:
    manual = root / "ami_public_manual_1.6.2"
    write(
        manual / "corpusResources/meetings.xml",
        '<meeting observation="ES1a"><speaker nxt_agent="A" channel="1" global_name="FEE005"/>',
        '<speaker nxt_agent="B" channel="2" global_name="MEE006"/>',
        '<speaker nxt_agent="C" channel="3" global_name="MEE007"/></meeting>',
    )
    write(manual / "words/ES1a.A.words.xml", WORDS)
    write(manual / "words/ES1a.B.words.xml", '<w nite:id="W.0" starttime="1" endtime="2">Café</w>')
    write(
        manual / "segments/ES1a.A.segments.xml",
        segment(1, "0.60", "2.00", "id(W.0)..id(W.6)"),
        segment(2, "1.00", "1.20", "id(W.3)"),
        segment(3, "1.00", "1.20", "id(W.9)"),
        segment(4, "soon", "1.20", "id(W.0)"),
        segment(5, "2.00", "9.00", "id(W.0)"),
    )
    write(manual / "segments/ES1a.B.segments.xml", segment(6, "1.00", "2.00", "id(W.0)"))
    write(manual / "segments/ES1a.C.segments.xml", segment(7, "1.00", "2.00", "id(W.0)"))
    write(manual / "segments/ES1a.D.segments.xml", segment(8, "1.00", "2.00", "id(W.0)"))
    return root


def test_headsets_are_prepared_with_what_is_bad_listed(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    source = corpus(tmp_path / "ami")
    record(source / "wav_db/ES1a/audio/ES1a.Headset-1.wav", 3)
    found = prepare_by_ssr(source)
    assert found.summary["corpus"] == "ami"
    (cut,) = found.cuts.values()
    supervision = cut.supervisions[0]
    assert (cut.id, cut.start, cut.end) == ("ES1a.A.sync.1", 0.5, 2.0)  # from its first word on
    assert (supervision.text, supervision.speaker) == ("The LCD, scr- it's.", "FEE005")
    assert found.words(cut.id) == [("The", 0.0, 0.25), ("LCD", 0.25, 0.5), ("scr-", 0.75, 1.25)]
    assert found.rejected == {
        "ES1a.A.sync.2": "no words in it",
        "ES1a.A.sync.3": "malformed segment",
        "ES1a.A.sync.4": "malformed segment",
        "ES1a.A.sync.5": "segment outside of the recording",
        "ES1a.B.sync.6": "missing file",
        "ES1a.C": "unreadable transcript",
        "ES1a.D": "unknown speaker",
    }


def test_a_microphone_that_hears_all(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    source = corpus(tmp_path / "ami")
    record(source / "ES1a.Array1-01.wav", 3)
    found = prepare_by_ssr(source, "--subset", "sdm")
    assert {cut.supervisions[0].speaker for cut in found.cuts.values()} == {"FEE005", "MEE006"}
    assert found.cuts["ES1a.B.sync.6"].supervisions[0].text == "Café"
    assert found.summary["recordings"] == 1
    assert "there are ihm, ihm-mix, sdm" in prepare_by_ssr(source, "--subset", "mdm").printed


def test_broken_xml_stops_one_speaker_only(tmp_path: Path) -> None:
    source = corpus(tmp_path / "ami")
    (source / "ami_public_manual_1.6.2/segments/ES1a.A.segments.xml").write_text("<nite:root")
    first, *rest = read_ami(source)
    assert isinstance(first, Rejected)
    assert (first.id, first.reason) == ("ES1a.A", "unreadable transcript")
    assert len(rest) == 3
    (source / "ami_public_manual_1.6.2/corpusResources/meetings.xml").write_text("<a/>")
    with pytest.raises(UserError, match="names no speaker"):
        list(read_ami(source))


def test_another_folder_is_named(tmp_path: Path) -> None:
    assert not is_ami(tmp_path)
    with pytest.raises(UserError, match="unpack ami_public_manual"):
        list(read_ami(tmp_path))
