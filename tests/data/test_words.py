import math
from itertools import compress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssr_connector.data.words import WordTime, are_spoken, ctm_line, read_ctm
from ssr_connector.errors import UserError


def ctm(folder: Path, text: str) -> Path:
    path = folder / "words.ctm"
    path.write_text(text)
    return path


def test_words_are_sorted_and_silence_is_left_out(tmp_path: Path) -> None:
    path = ctm(
        tmp_path,
        ";; a comment\nb 1 0.50 0.25 two 0.9\nb 1 0.00 0.10 <SIL>\nb 1 0.10 0.40 one\n\n"
        "a A 0 1 <eps>\nc 1 0 1 x\nc 1 1 1\n",
    )
    assert read_ctm(path) == {
        "b": (WordTime("one", 0.1, 0.4), WordTime("two", 0.5, 0.25, math.log(0.9))),
        "c": (WordTime("x", 0.0, 1.0),),
    }


@pytest.mark.parametrize("line", ["a 1 x 0.1 w", "a 1 0.1", "a 1 -0.1 0.2 w", "a 1 0 nan w", "a 1 0 1 two words here"])
def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserError, match=r"words\.ctm line 2 is not"):
        read_ctm(ctm(tmp_path, f"a 1 0 1 w\n{line}\n"))


def test_a_file_without_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no word"):
        read_ctm(ctm(tmp_path, "a 1 0 1 <sil>\n"))


@pytest.mark.parametrize(
    ("words", "transcript", "kept"),
    [
        ("sil a dog SP", "A dog.", "a dog"),
        ("SIL the sp ratio sil", "The SP ratio", "the sp ratio"),
        ("the sp sp ratio", "The SP ratio", "the sp ratio"),
        ("sp sil spoon", "Spoon", "spoon"),
        ("sil", "Sil", "sil"),
        ("well sp known sp", "well-known SP", "well known sp"),
        ("<eps> sil [SIL]", "sil", "sil"),
        ("", "x", ""),
    ],
)
def test_silence_is_left_out_and_words_that_look_like_it_are_not(words: str, transcript: str, kept: str) -> None:
    assert " ".join(compress(words.split(), are_spoken(words.split(), transcript))).lower() == kept


@given(st.text("a_% ;/\t\n\u2028ü2", min_size=1), st.floats(-13, 0) | st.none())
def test_any_id_comes_back_with_its_score(
    tmp_path_factory: pytest.TempPathFactory, id_: str, score: float | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.ctm"
    path.write_text(ctm_line(id_, WordTime("x", 0.25, 0.5, score)), encoding="utf-8")
    ((found,),) = (read_ctm(path)[id_],)
    assert (found.word, found.start_s, found.duration_s) == ("x", 0.25, 0.5)
    assert (found.score is None) == (score is None)
    if score is not None:
        assert found.score == pytest.approx(score, abs=0.3)


@pytest.mark.parametrize("confidence", ["NA", "17.5", "-3", "nan"])
def test_a_confidence_that_is_no_probability_is_none(tmp_path: Path, confidence: str) -> None:
    assert read_ctm(ctm(tmp_path, f"a 1 0 1 w {confidence}\n")) == {"a": (WordTime("w", 0, 1),)}
