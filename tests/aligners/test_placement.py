"""Characters to tokens: planted frames, hostile text, and the properties that every placement has."""

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssr_connector.aligners.placement import divide, place_timed_words, place_tokens, place_words, text_words
from ssr_connector.aligners.words import timed_words
from ssr_connector.types import TimedWord
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16_000, 320, 160.0)  # edges at multiples of 20 ms


def even_frames(text, per_char=3, pause=0):
    """Give every letter or digit `per_char` frames, and `pause` frames after each word."""
    frames, at = [], 0
    for i, char in enumerate(text):
        if char.isalnum():
            frames.append((at, at + per_char))
            at += per_char
        else:
            frames.append(None)
            if char.isspace() or i == len(text) - 1:
                at += pause
    return frames, at


def spans_of(text, pieces):
    spans, at = [], 0
    for piece in pieces:
        assert text[at : at + len(piece)] == piece
        spans.append((at, at + len(piece)))
        at += len(piece)
    assert at == len(text)
    return spans


def place(text, pieces, pause=0, per_char=3):
    frames, n = even_frames(text, per_char, pause)
    return place_tokens(text, frames, list(range(len(pieces))), spans_of(text, pieces), n)


def test_pieces_of_a_word_end_with_their_last_character():
    alignment = place("Anna sings.", ["An", "na", " sing", "s", "."])
    assert alignment.ends == (6, 12, 24, 27, 27)
    assert alignment.starts == (0, 6, 12, 24, 26)  # no pause: the full stop shares the last frame
    assert alignment.shared == 1


def test_punctuation_takes_the_pause_after_its_word():
    alignment = place("Yes, no.", ["Yes", ",", " no", "."], pause=4)
    assert list(zip(alignment.starts, alignment.ends, strict=True)) == [(0, 9), (9, 13), (13, 19), (19, 23)]


def test_several_marks_divide_the_pause_and_an_opening_quote_belongs_to_the_pause_before():
    alignment = place('He said: "Go!"', ["He", " said", ":", ' "', "Go", "!", '"'], pause=4)
    words = place_words('He said: "Go!"', even_frames('He said: "Go!"', pause=4)[0])
    said, go = words[1], words[2]
    assert (alignment.starts[2], alignment.ends[3]) == (said.end, go.start)
    assert alignment.ends[2] == said.end + 2
    assert alignment.ends[5] < alignment.ends[6]


def test_opening_mark_before_the_first_word_shares_its_first_frame():
    alignment = place('"Go', ['"', "Go"])
    assert (alignment.starts, alignment.ends) == ((0, 0), (1, 6))


def test_a_token_over_two_words_joins_them():
    alignment = place("of the cat", ["of th", "e", " cat"])
    assert alignment.ends == (12, 15, 24)


def test_bytes_of_one_character_share_its_span():
    text = "né"
    frames = [(0, 3), (3, 6)]
    alignment = place_tokens(text, frames, [1, 2, 3], [(0, 1), (1, 2), (1, 2)], 6)
    assert alignment.ends == (3, 5, 6)


def test_more_pieces_than_frames_share_within_the_word_only():
    alignment = place("ab cd", ["a", "b", " c", "d"], per_char=1)
    assert alignment.ends == (1, 2, 3, 4)
    frames = [(0, 1), None, None, (1, 2), (2, 3)]  # "abc" has one frame, "d", "e" one each
    alignment = place_tokens(
        "abc d", [(0, 1), None, None, None, (1, 2)], [1, 2, 3, 4], [(0, 1), (1, 2), (2, 3), (3, 5)], 2
    )
    assert alignment.ends == (1, 1, 1, 2)
    assert len(frames) == 5


@pytest.mark.parametrize(
    ("text", "pieces", "ends"),
    [
        ("a well-known", ["a", " well", "-", "known"], (3, 15, 16, 30)),
        ("25,000", ["25", ",", "000"], (6, 7, 15)),
        ("O'Briens", ["O", "'", "Bri", "ens"], (3, 4, 12, 21)),
        ("a--b", ["a", "-", "-", "b"], (3, 4, 5, 6)),
        ("a---b", ["a", "-", "-", "-", "b"], (3, 4, 4, 5, 6)),  # two frames for the three
    ],
)
def test_a_mark_inside_a_word_takes_one_frame_of_the_piece_after_it(text, pieces, ends):
    assert place(text, pieces).ends == ends


def test_a_mark_shares_where_the_piece_after_it_has_no_frame_to_spare():
    assert place("a-b", ["a", "-", "b"], per_char=1).ends == (1, 1, 2)


def test_letters_that_the_aligner_cannot_spell_take_nothing_from_the_ends_of_others():
    frames = [None, (0, 4), (4, 8), None, (8, 12), None]
    alignment = place_tokens("你go好x你", frames, list(range(5)), [(0, 1), (1, 3), (3, 4), (4, 5), (5, 6)], 12)
    assert list(zip(alignment.starts, alignment.ends, strict=True)) == [(0, 1), (1, 8), (8, 9), (9, 12), (11, 12)]


@settings(max_examples=300, deadline=None)
@given(data=st.data(), text=st.text(alphabet="abc-',你", min_size=1, max_size=16))
def test_marks_inside_words_move_no_letter(data, text):
    """Every piece with a letter ends with its last one and holds them all, but for a frame a mark before it."""
    frames, at = [], 0
    for char in text:
        width = data.draw(st.integers(1, 5)) if char in "abc" else 0
        frames.append((at, at + width) if width else None)
        at += width
    if at == 0:
        return
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)))) | {0, len(text)})
    spans = list(itertools.pairwise(cuts))
    found = place_tokens(text, frames, list(range(len(spans))), spans, at)
    (word,) = place_words(text, frames)
    reached = marks = 0
    for (a, b), start, end in zip(spans, found.starts, found.ends, strict=True):
        own = [f for f in frames[a:b] if f is not None]
        if own:
            assert end == own[-1][1]
            assert reached <= start <= max(reached, min(own[0][0] + marks, end - 1))
            reached, marks = end, 0
        elif a < word.core[1] and b > word.core[0]:
            assert end - start == 1
            assert start <= reached + marks  # right behind the piece before
            marks += 1


def test_last_words_that_share_a_frame_lose_no_utterance():
    text, spans = "one two three four", [(0, 3), (3, 7), (7, 13), (13, 18)]
    words = [TimedWord(w, 0.1 if k == 0 else 0.195, 0.2) for k, w in enumerate(text.split())]
    alignment = place_timed_words(text, words, range(4), spans, CLOCK, 10)
    assert list(zip(alignment.starts, alignment.ends, strict=True)) == [(5, 7), (7, 8), (8, 9), (9, 10)]
    with pytest.raises(ValueError, match="4 words do not fit into 3 frames"):
        place_timed_words(text, words, range(4), spans, CLOCK, 3)


def test_letters_divide_a_words_time_and_marks_have_none():
    alignment = place_timed_words(
        "well-known", [TimedWord("well-known", 0.0, 0.9, -0.5)], range(3), [(0, 4), (4, 5), (5, 10)], CLOCK, 45
    )
    assert alignment.ends == (20, 21, 45)
    assert alignment.scores[0] == alignment.scores[2] == -0.5


def test_long_texts_take_time_by_their_length():
    n = 10_000
    text = " ".join(["word"] * n)
    frames, n_frames = even_frames(text, 1)
    spans = [(max(0, 5 * k - 1), 5 * k + 4) for k in range(n)]
    started = time.process_time()
    words = timed_words(place_tokens(text, frames, range(n), spans, n_frames), CLOCK)
    assert time.process_time() - started < 5  # it takes 0.2 s, and took 20 when every token went through all words
    assert len(words) == n


def test_an_unspellable_word_takes_the_pause_and_spoils_nothing():
    text = "go 你好 now"
    frames = [(0, 2), (2, 4), None, None, None, None, (6, 8), (8, 10), (10, 12)]
    alignment = place_tokens(text, frames, [1, 2, 3], [(0, 2), (2, 5), (5, 9)], 12)
    assert list(zip(alignment.starts, alignment.ends, strict=True)) == [(0, 4), (4, 6), (6, 12)]


def test_text_without_any_frame_is_an_error():
    with pytest.raises(ValueError, match="no character"):
        place_tokens("?!", [None, None], [1], [(0, 2)], 5)


def test_divide_gives_every_piece_a_frame_where_it_can():
    assert divide(4, 7, [4, 4, 4]) == [(4, 5), (5, 6), (6, 7)]
    assert divide(4, 7, [7, 7, 7]) == [(4, 5), (5, 6), (6, 7)]
    assert divide(0, 10, [2, 9, 3]) == [(0, 2), (2, 9), (9, 10)]


TEXT = st.text(alphabet="ab1'.,!\"- \té你\u0301🙂", min_size=1, max_size=24)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), text=TEXT)
def test_every_placement_is_whole_monotone_and_keeps_word_boundaries(data, text):
    per_char = data.draw(st.integers(1, 3))
    pause = data.draw(st.integers(0, 3))
    frames, n = even_frames(text, per_char, pause)
    if all(f is None for f in frames):
        return
    # Any tokenisation: cut points anywhere, and now and then a character in two byte tokens.
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=len(text))) | {0, len(text)})
    spans = []
    for a, b in itertools.pairwise(cuts):
        spans.extend([(a, b)] * (2 if b - a == 1 and data.draw(st.booleans()) else 1))
    alignment = place_tokens(text, frames, list(range(len(spans))), spans, n)  # its own checks: monotone, within
    assert len(alignment) == len(spans)
    words = place_words(text, frames)
    for (a, b), start, end in zip(spans, alignment.starts, alignment.ends, strict=True):
        inside = [w for w in words if a < w.core[1] and b > w.core[0]]
        if len(inside) == 1:  # never outside its word, unless a neighbouring token joined words
            joined = [s for s in spans if sum(s[0] < w.core[1] and s[1] > w.core[0] for w in words) > 1]
            if not joined:
                assert inside[0].start <= start < end <= inside[0].end


def test_words_are_runs_without_white_space():
    assert text_words(" it's  a\tdog. ") == [(1, 5), (7, 8), (9, 13)]
