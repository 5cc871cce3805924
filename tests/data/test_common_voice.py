from pathlib import Path
from typing import Any

import pytest

from ssr_connector.data.common_voice import is_common_voice, read_common_voice
from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.errors import UserError

COLUMNS = "client_id\tpath\tsentence\tup_votes\tage\tlocale"


def language(folder: Path, **tables: list[str]) -> Path:
    (folder / "clips").mkdir(parents=True)
    for name, rows in tables.items():
        (folder / f"{name}.tsv").write_text("\n".join([COLUMNS, *rows]) + "\n", encoding="utf-8")
    return folder


def test_a_language_is_prepared_with_what_is_bad_listed(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    source = language(
        tmp_path / "cy",
        train=[
            'ann\tcv_1.mp3\t"Bore ""da""," meddai.\t2\ttwenties\tcy',
            "bob\tcv_2.mp3\tNid yw yma.\t2\t\tcy",
            "bob\tcv_3.mp3\t \t2\t\tcy",
            "bob\tcv_4.mp3\ttwo few",
            "bob\t\tDim clip.\t2\t\tcy",
        ],
        dev=["cat\tcv_1.mp3\tNoswaith dda.\t2\t\tcy"],
    )
    for clip in ("cv_1", "cv_3"):
        record(source / f"clips/{clip}.mp3", rate_hz=32_000)
    found = prepare_by_ssr(source)
    assert found.summary["corpus"] == "commonvoice"
    (cut,) = found.cuts.values()
    supervision = cut.supervisions[0]
    assert (cut.id, supervision.text) == ("cv_1", '"Bore ""da""," meddai.')
    assert (supervision.speaker, supervision.language) == ("ann", "cy")
    assert supervision.custom == {"subset": "train", "age": "twenties", "up_votes": "2"}
    assert found.rejected == {
        "cv_2": "missing file",
        "cv_3": "empty transcript",
        "train.tsv line 5": "malformed line",
        "train.tsv line 6": "no audio path",
    }
    found = prepare_by_ssr(source, "--subset", "dev")
    assert [c.supervisions[0].speaker for c in found.cuts.values()] == ["cat"]
    error = prepare_by_ssr(source, "--subset", "validated").printed
    assert "no subset 'validated': choose one with --subset, there are dev, train" in error


def test_a_row_that_is_not_utf8_spoils_no_other(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    source = language(tmp_path / "fr", train=[f"ann\tcv_{i}.mp3\tCafe {i}.\t2\t\tfr" for i in range(3)])
    for i in range(3):
        record(source / f"clips/cv_{i}.mp3")
    table = source / "train.tsv"
    table.write_bytes(table.read_bytes().replace(b"Cafe 1", b"Caf\xe9 1"))
    found = prepare_by_ssr(source)
    assert list(found.cuts) == ["cv_0", "cv_2"]
    assert found.rejected == {"cv_1": "not Unicode text"}


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('"He said ""yes""."', 'He said "yes".'),
        ('"Yes."', '"Yes."'),
        ('"Yes," and "no"', '"Yes," and "no"'),
        ('a "b" c', 'a "b" c'),
        ('"', '"'),
    ],
)
def test_quotes_of_the_table_go_and_those_of_the_sentence_stay(tmp_path: Path, written: str, text: str) -> None:
    source = language(tmp_path / "en", train=[f"ann\tcv_1.mp3\t{written}\t2\t\ten"])
    (entry,) = read_common_voice(source)
    assert isinstance(entry, Entry)
    assert entry.text == text


def test_several_languages_at_once(tmp_path: Path) -> None:
    for name in ("cy", "eo"):
        language(tmp_path / name, train=[f"ann\tcv_{name}\tSaluton.\t2\t\t"])
    language(tmp_path / "tiny", other=["ann\tcv_t.mp3\tSaluton.\t2\t\t"])
    assert is_common_voice(tmp_path)
    first, second, third = read_common_voice(tmp_path)
    assert isinstance(second, Entry)
    assert (second.language, second.audio) == ("eo", tmp_path / "eo/clips/cv_eo.mp3")  # as release 1 names them
    assert isinstance(first, Entry)
    assert first.language == "cy"
    assert isinstance(third, Rejected)
    assert (third.id, third.reason) == ("tiny", "missing transcript")


def test_what_is_no_common_voice_is_named(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    assert not is_common_voice(tmp_path)
    with pytest.raises(UserError, match="there are none"):
        list(read_common_voice(tmp_path))
    (tmp_path / "train.tsv").write_text("file\tsentence\n")
    with pytest.raises(UserError, match="no column 'path'"):
        list(read_common_voice(tmp_path))
    with pytest.raises(UserError, match="holds no clips"):
        list(read_common_voice(tmp_path / "clips"))
