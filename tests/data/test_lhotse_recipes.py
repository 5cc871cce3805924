"""The readers against lhotse's recipes, where those read the same files: equal ids, texts, speakers and times."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ssr_connector.data.ami import read_ami
from ssr_connector.data.entry import Entry
from ssr_connector.data.l2_arctic import read_l2_arctic
from ssr_connector.data.mls import read_mls
from ssr_connector.data.switchboard import read_switchboard
from ssr_connector.data.timit import read_timit
from ssr_connector.data.vctk import read_vctk


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def rounded(*items: tuple[str, float, float]) -> list[tuple[str, float, float]]:
    return [(symbol, round(start_s, 4), round(duration_s, 4)) for symbol, start_s, duration_s in items]


def test_mls(tmp_path: Path, record: Any) -> None:
    from lhotse.recipes.mls import prepare_mls

    source = tmp_path / "mls_german"
    write(source / "metainfo.txt", " SPEAKER | GENDER |\n 10 | M |\n")
    for k, subset in enumerate(("train", "dev", "test")):
        write(source / f"{subset}/transcripts.txt", f"10_20_00000{k}\tguten {subset}\n")
        record(source / f"{subset}/audio/10/20/10_20_00000{k}.flac")
    theirs = prepare_mls(tmp_path, opus=False)["german"]
    assert {(e.id, e.text, e.speaker) for e in read_mls(source) if isinstance(e, Entry)} == {
        (s.id, s.text, s.speaker) for part in theirs.values() for s in part["supervisions"]
    }


@pytest.mark.parametrize("is_092", [True, False])
def test_vctk(tmp_path: Path, record: Any, is_092: bool) -> None:
    from lhotse.recipes.vctk import prepare_vctk

    write(tmp_path / "txt/p225/p225_001.txt", "Please call Stella.\n")
    header = "ID  AGE  GENDER  ACCENTS  REGION\n"
    write(tmp_path / "speaker-info.txt", f"{header}{'p' if is_092 else ''}225  23  F    English    Southern  England\n")
    for name in (
        ("_silence_trimmed/p225/p225_001_mic1.flac", "_silence_trimmed/p225/p225_001_mic2.flac")
        if is_092
        else ("/p225/p225_001.wav",)
    ):
        record(tmp_path / f"wav48{name}")
    manifests = prepare_vctk(tmp_path, use_edinburgh_vctk_url=is_092)
    (theirs,) = manifests["supervisions"]
    (ours,) = read_vctk(tmp_path, "mic2" if is_092 else None)
    assert isinstance(ours, Entry)
    assert (ours.text, ours.speaker) == (theirs.text, theirs.speaker)
    assert ours.custom == {"gender": theirs.gender, "accent": theirs.custom["accent"]}
    assert str(ours.audio) == manifests["recordings"][theirs.recording_id].sources[0].source


def test_l2_arctic(tmp_path: Path, record: Any) -> None:
    from lhotse.recipes.l2_arctic import prepare_l2_arctic

    for folder, name in (("ABA", "arctic_a0001"), ("suitcase_corpus", "aba")):
        write(tmp_path / folder / f"transcript/{name}.txt", f"Said in {folder}.\n")
        record(tmp_path / folder / f"wav/{name}.wav")
    theirs = [s for part in prepare_l2_arctic(tmp_path).values() for s in part["supervisions"]]
    ours = [entry for entry in read_l2_arctic(tmp_path) if isinstance(entry, Entry)]
    assert [(e.text, e.speaker) for e in ours] == [(s.text, s.speaker) for s in theirs]
    assert ours[0].id == theirs[0].id
    languages = {"Arabic": "ar"}
    assert ours[0].custom["first_language"] == languages[theirs[0].custom["accent"]]


def test_timit(tmp_path: Path, record: Any) -> None:
    from lhotse.recipes.timit import prepare_recording

    stem = tmp_path / "TRAIN/DR1/FCJF0/SA1"
    write(stem.with_suffix(".TXT"), "0 32000 She had your suit.\n")
    write(stem.with_suffix(".WRD"), "1600 3333 she\n3333 4800 had\n")
    write(stem.with_suffix(".PHN"), "0 1600 h#\n1600 2000 sh\n")
    record(stem.with_suffix(".WAV"), format="WAV")  # lhotse has no SPHERE without another program
    _, theirs = prepare_recording(str(stem.with_suffix(".WAV")), 60, {})
    (ours,) = read_timit(tmp_path)
    assert isinstance(ours, Entry)
    assert ours.text == theirs.text
    for times, kind in ((ours.words, "word"), (ours.phones, "phone")):
        items = [(item.symbol, item.start, item.duration) for item in theirs.alignment[kind]]
        assert rounded(*((t.word, t.start_s, t.duration_s) for t in times)) == rounded(*items)


def test_switchboard(tmp_path: Path) -> None:
    from lhotse.recipes.switchboard import make_segments

    theirs: list[Any] = []
    for channel, side in enumerate("AB"):
        path = tmp_path / f"20/2001/sw2001{side}-ms98-a-trans.text"
        name = path.name.removesuffix("trans.text")
        write(path, f"{name}0001 0.000000 1.000000 [silence]\n{name}0002 1.000000 2.500000 hi there {side}\n")
        theirs += make_segments(path, SimpleNamespace(id="sw02001"), channel)
    ours = [entry for entry in read_switchboard(tmp_path) if isinstance(entry, Entry)]
    assert [(e.id, e.text, e.start_s, e.end_s, e.channel) for e in ours] == [
        (s.id, s.text, s.start, s.end, s.channel) for s in theirs
    ]


def test_ami(tmp_path: Path) -> None:
    from lhotse.recipes.ami import parse_ami_annotations

    def xml(name: str, body: str) -> None:
        write(tmp_path / "manual" / name, f'<nite:root xmlns:nite="http://nite.sourceforge.net/">{body}</nite:root>')

    xml(
        "corpusResources/meetings.xml",
        '<meeting observation="ES2002a"><speaker nxt_agent="A" channel="1" global_name="FEE005"/></meeting>',
    )
    xml(
        "words/ES2002a.A.words.xml",
        '<w nite:id="w0" starttime="0.5" endtime="0.8">Hello</w>'
        '<w nite:id="w1" starttime="0.8" endtime="0.8" punc="true">,</w>'
        '<vocalsound nite:id="w2" starttime="0.8" endtime="0.9"/>'
        '<w nite:id="w3" starttime="0.9" endtime="1.4">you</w>',
    )
    xml(
        "segments/ES2002a.A.segments.xml",
        '<segment nite:id="ES2002a.sync.1" transcriber_start="0.5" transcriber_end="1.4">'
        '<nite:child href="ES2002a.A.words.xml#id(w0)..id(w3)"/></segment>',
    )
    found = parse_ami_annotations(tmp_path / "manual", normalize="none", keep_punctuation=True)
    (theirs,) = found["ES2002a", "FEE005", 1]
    (ours,) = read_ami(tmp_path)
    assert isinstance(ours, Entry)
    assert ours.audio.name == "ES2002a.Headset-1.wav"
    assert (ours.text, ours.speaker, ours.start_s, ours.end_s) == (
        theirs.text,
        theirs.speaker,
        theirs.start_time,
        theirs.end_time,
    )
    words = [(w.symbol.strip(), w.start - theirs.start_time, w.duration) for w in theirs.words if w.symbol != ","]
    assert rounded(*((w.word, w.start_s, w.duration_s) for w in ours.words)) == rounded(*words)
