from pathlib import Path

import pytest

from ssr_connector.data.words import WordTime, read_ctm
from ssr_connector.errors import UserError


def ctm(folder: Path, text: str) -> Path:
    path = folder / "words.ctm"
    path.write_text(text)
    return path


def test_words_are_sorted_and_silence_is_left_out(tmp_path: Path) -> None:
    path = ctm(
        tmp_path,
        ";; a comment\nb 1 0.50 0.25 two 0.9\nb 1 0.00 0.10 SIL\nb 1 0.10 0.40 one\n\n"
        "a A 0 1 <eps>\nc 1 0 1 x\nc 1 1 1\n",
    )
    assert read_ctm(path) == {
        "b": (WordTime("one", 0.1, 0.4), WordTime("two", 0.5, 0.25)),
        "c": (WordTime("x", 0.0, 1.0),),
    }


@pytest.mark.parametrize("line", ["a 1 x 0.1 w", "a 1 0.1", "a 1 -0.1 0.2 w", "a 1 0 nan w", "a 1 0 1 two words here"])
def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserError, match=r"words\.ctm line 2 is not"):
        read_ctm(ctm(tmp_path, f"a 1 0 1 w\n{line}\n"))


def test_a_file_without_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no word"):
        read_ctm(ctm(tmp_path, "a 1 0 1 SIL\n"))
