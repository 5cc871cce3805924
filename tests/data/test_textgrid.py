"""Praat TextGrids: round trips, both text forms, and files that are none."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssr_connector.data.textgrid import read_textgrid, write_textgrid
from ssr_connector.errors import UserError
from ssr_connector.types import TimedWord

SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
2
"IntervalTier"
"phones"
0
1.5
1
0
1.5
"x"
"IntervalTier"
"words"
0
1.5
3
0
0.5
""
0.5
1.25
"say ""hi"""
1.25
1.5
""
'''

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(lambda t: t.strip() == t)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.tuples(TEXTS, st.integers(1, 900), st.integers(0, 900)), min_size=1, max_size=6), name=TEXTS)
def test_what_is_written_is_read_again(pieces, name, tmp_path):
    words, at = [], 0
    for text, length_ms, gap_ms in pieces:
        words.append(TimedWord(text, (at + gap_ms) / 1000, (at + gap_ms + length_ms) / 1000))
        at += gap_ms + length_ms
    write_textgrid(tmp_path / "a.TextGrid", {name: words}, at / 1000 + 0.1)
    (found,) = read_textgrid(tmp_path / "a.TextGrid").items()
    assert found == (name, words)


@pytest.mark.parametrize("label", ["[]", "[3]:", "a [12] b", "7", "<exists>", '""', "x = 1"])
def test_labels_that_look_like_the_format_are_kept(label, tmp_path):
    words = [TimedWord(label, 0.0, 0.5), TimedWord(label, 0.5, 1.0)]
    write_textgrid(tmp_path / "a.TextGrid", {label: words}, 1.0)
    assert read_textgrid(tmp_path / "a.TextGrid") == {label: words}


def test_short_form_and_utf_16(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(SHORT, encoding="utf-16")
    assert read_textgrid(path)["words"] == [TimedWord('say "hi"', 0.5, 1.25)]


def test_tiers_have_no_gaps_no_overlaps_and_no_empty_intervals(tmp_path):
    """Praat refuses anything else."""
    words = [TimedWord("a", 0.1, 0.5), TimedWord("b", 0.4, 0.4), TimedWord("c", 0.4, 1.2)]
    write_textgrid(tmp_path / "a.TextGrid", {"words": words, "none": []}, 1.0)
    lines = [line.strip() for line in (tmp_path / "a.TextGrid").read_text().splitlines()]
    tiers = "\n".join(lines).split("item [")[2:]
    for tier in tiers:
        starts = [float(x.split(" = ")[1]) for x in tier.splitlines() if x.startswith("xmin")][1:]
        ends = [float(x.split(" = ")[1]) for x in tier.splitlines() if x.startswith("xmax")]
        assert starts[0] == 0
        assert starts[1:] == ends[1:-1]
        assert ends[-1] == ends[0]
        assert all(a < b for a, b in zip(starts, ends[1:], strict=True))
    assert [w.text for w in read_textgrid(tmp_path / "a.TextGrid")["words"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        SHORT[:150],
        SHORT.replace("0.5\n1.25", "1.25\n0.5"),
        SHORT.replace("ooTextFile", "ooBinaryFile"),
        SHORT.replace('"phones"', '"words"'),
        SHORT.replace("1.5\n<exists>\n2", "1.5\n<exists>\n200"),
    ],
)
def test_what_is_no_textgrid_is_named(text, tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(text)
    with pytest.raises(UserError, match=r"a\.TextGrid"):
        read_textgrid(path)
    path.write_bytes(b"\xff\x00\xfe\x80abc")
    with pytest.raises(UserError, match=r"a\.TextGrid"):
        read_textgrid(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_textgrid(tmp_path / "missing.TextGrid")
