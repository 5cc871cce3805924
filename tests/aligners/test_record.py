"""Alignments on disk."""

import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssr_connector.aligners.record import from_dict, read_alignments, to_dict, write_alignments
from ssr_connector.errors import UserError
from ssr_connector.types import Alignment
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)
ONE = Alignment('Grüß "dich"\u2028', (5, 6), (0, 3), (3, 3 + 4), ((0, 4), (4, 12)), 9, (-0.5, math.nan))
EMPTY = Alignment("", (), (), (), (), 4, ())
PLAIN = Alignment("x", (1,), (0,), (1,), ((0, 1),), 1)


def test_round_trip(tmp_path):
    path = tmp_path / "deep" / "alignments.jsonl"
    assert write_alignments(path, CLOCK, [("a/b", ONE), ("é", EMPTY), ("c", PLAIN)]) == 3
    clock, found = read_alignments(path)
    assert clock == CLOCK
    assert list(found) == ["a/b", "é", "c"]
    assert found["é"] == EMPTY
    assert found["c"] == PLAIN
    assert repr(found["a/b"]) == repr(ONE)  # by repr, as NaN is not equal to itself
    assert len(path.read_text(encoding="utf-8").splitlines()) >= 4


@settings(max_examples=50, deadline=None)
@given(scores=st.lists(st.floats(-50, 0) | st.just(math.nan), min_size=1, max_size=5), text=st.text(min_size=5))
def test_every_alignment_survives_json(scores, text):
    n = len(scores)
    alignment = Alignment(
        text, tuple(range(n)), tuple(range(n)), tuple(range(1, n + 1)), ((0, 1),) * n, n, tuple(scores)
    )
    back = from_dict(json.loads(json.dumps(to_dict(alignment), allow_nan=False)))
    assert dataclasses.replace(back, scores=None) == dataclasses.replace(alignment, scores=None)
    for a, b in zip(back.scores, scores, strict=True):
        assert math.isnan(a) == math.isnan(b)
        assert math.isnan(a) or a == pytest.approx(b, abs=1e-4)


def test_writing_that_is_cut_off_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.jsonl"
    write_alignments(path, CLOCK, [("old", PLAIN)])

    def dying():
        yield "new", ONE
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_alignments(path, CLOCK, dying())
    assert list(read_alignments(path)[1]) == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_an_id_twice_is_refused_in_writing_and_reading(tmp_path):
    path = tmp_path / "a.jsonl"
    with pytest.raises(ValueError, match="a comes twice"):
        write_alignments(path, CLOCK, [("a", PLAIN), ("a", ONE)])
    assert not path.exists()
    write_alignments(path, CLOCK, [("a", PLAIN)])
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    with pytest.raises(UserError, match="line 3: a comes twice"):
        read_alignments(path)


LINE = json.dumps({"id": "b", **to_dict(PLAIN)})
HEADER = '{"clock": {"sampling_rate_hz": 16000, "hop_samples": 320, "first_centre_samples": 200.0}}'


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (LINE[:-9], "line 2"),  # cut off
        ("3", "line 2"),
        ('"text"', "line 2"),
        ("[]", "line 2"),
        ("", "line 2"),
        (LINE.replace('"id"', '"name"'), "line 2"),
        (LINE.replace('"ends": [1]', '"ends": [2]'), "utterance of 1"),
        (LINE.replace('"ends": [1]', '"ends": [1, 1]'), "one entry per token"),
        (LINE.replace('"ends": [1]', '"ends": ["1"]'), "line 2"),
        (LINE.replace("[[0, 1]]", "[[0]]"), "line 2"),
        (b"\xff\xfe".decode("latin-1"), "line 2"),
    ],
)
def test_the_line_that_is_no_alignment_is_named(tmp_path, second, message):
    path = tmp_path / "a.jsonl"
    path.write_bytes(f"{HEADER}\n{second}\n{LINE}\n".encode("latin-1"))
    with pytest.raises(UserError, match=message) as error:
        read_alignments(path)
    assert "a.jsonl" in str(error.value)


@pytest.mark.parametrize(
    "header", [LINE, "{}", '{"clock": 3}', '{"clock": {"hop_samples": 3}}', HEADER.replace("320", "0")]
)
def test_a_header_that_says_no_clock(tmp_path, header):
    (tmp_path / "a.jsonl").write_text(header + "\n" + LINE + "\n")
    with pytest.raises(UserError, match="line 1"):
        read_alignments(tmp_path / "a.jsonl")


def test_no_file_and_an_empty_one(tmp_path):
    with pytest.raises(UserError, match="ssr align"):
        read_alignments(tmp_path / "none.jsonl")
    (tmp_path / "a.jsonl").write_text("")
    with pytest.raises(UserError, match="empty"):
        read_alignments(tmp_path / "a.jsonl")
