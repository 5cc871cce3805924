"""CHAR-CTC: planted log-probabilities, the blank rule, and what cannot be aligned."""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ssr_connector.aligners import CharCTC, CharCTCConfig, Unalignable, build_aligner
from ssr_connector.aligners.ctc import split_blanks
from ssr_connector.aligners.labels import written
from ssr_connector.errors import UserError
from ssr_connector.types import Alignment, Frames
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)
ALPHABET = " .abdegnos'"
SMALL = CharCTCConfig(width=16, layers=2, heads=2, dropout=0.0, kernel=5, alphabet=ALPHABET)


def tokenize(text):
    """Tokens of at most three characters; a blank starts a new one."""
    spans, start = [], 0
    for i in range(1, len(text) + 1):
        if i == len(text) or text[i].isspace() or i - start == 3:
            spans.append((start, i))
            start = i
    return list(range(len(spans))), [s for s in spans if s[0] < s[1]]


class Planted(CharCTC):
    """An aligner whose frames are already log-probabilities."""

    def forward(self, frames):
        return frames.values.log_softmax(-1)


def planted(**config):
    return Planted(dataclasses.replace(SMALL, **config), 16)


def speech(*paths, sure=8.0):
    """Frames from one character per frame; `_` is the blank."""
    longest = max(map(len, paths))
    values = torch.zeros(len(paths), longest, len(ALPHABET) + 1)
    for row, path in enumerate(paths):
        for t, char in enumerate(path):
            values[row, t, 0 if char == "_" else ALPHABET.index(char) + 1] = sure
    return Frames(values, torch.tensor([len(p) for p in paths]), CLOCK)


def spans(alignment):
    return list(zip(alignment.starts, alignment.ends, strict=True))


#           0123456789012345678901234
PATH = "____g__oo__ ____be_d.____"


@pytest.mark.parametrize("forced", [True, False])
def test_planted_letters_get_their_frames(forced):
    aligner = planted(reach_frames=2)
    (out,) = aligner.align(speech(PATH), ["go bed." if forced else None], tokenize)
    assert isinstance(out, Alignment)
    assert out.text == "go bed."
    assert out.char_spans == ((0, 2), (2, 5), (5, 7))
    # g at 4 reaches 2 frames back, o (7 to 9) 2 frames into the pause; b at 16 reaches 2 back; the one blank between
    # e and d goes to e; d at 19 reaches 2 on, and the full stop is in its token.
    assert spans(out) == [(2, 11), (14, 19), (19, 22)]
    assert out.n_frames == len(PATH)
    assert all(-0.1 < s < 0 for s in out.scores)


def test_forced_and_free_in_one_batch_keep_their_places():
    aligner = planted()
    frames = speech("_a_b_", "d_e__g", "__o_n_")
    free = aligner.align(frames, [None, None, None], tokenize)
    mixed = aligner.align(frames, [None, "deg", None], tokenize)
    assert [x.text for x in mixed] == ["ab", "deg", "on"]
    assert mixed == free


def test_a_transcript_is_followed_even_where_the_best_path_differs():
    (out,) = planted().align(speech("_a__e__"), ["bad"], tokenize)
    assert out.text == "bad"
    assert len(out) == 1
    assert out.scores[0] < -1


TOKENS = {"dog": 30, " bed": 30, " dog": 30}


@pytest.mark.parametrize(("prior", "heard"), [(0.0, "dag bed"), (0.5, "dog bed")])
def test_a_misheard_letter_does_not_make_a_word_that_nobody_says(prior, heard):
    frames = speech("_d_a_g_ b_e_d_")
    frames.values[0, 3, ALPHABET.index("o") + 1] = 7.0  # nearly as sure as "a"
    (out,) = planted(token_prior=prior, token_counts=TOKENS).align(frames, [None], tokenize)
    assert out.text == heard
    (forced,) = planted().align(frames, [heard], tokenize)
    assert spans(out) == spans(forced)


def test_what_is_clear_is_spelt_whatever_the_tokens():
    (out,) = planted(token_counts=TOKENS).align(speech("_b_a_b_s_ _g_o_b_"), [None], tokenize)
    assert out.text == "babs gob"


def test_a_batch_with_silence_keeps_its_places():
    (nothing, out) = planted(token_counts=TOKENS).align(speech("______", "_d_o_g"), [None, None], tokenize)
    assert (nothing.text, out.text) == ("", "dog")


@pytest.mark.parametrize("prior", [-0.5, float("nan"), float("inf")])
def test_a_prior_that_is_none_is_refused(prior):
    with pytest.raises(UserError, match=r"aligner\.token_prior is .*: give 0 or more"):
        planted(token_prior=prior)


@pytest.mark.parametrize("counts", [{"dog": 0}, {"d#g": 1}, {"": 1}])
def test_counts_of_tokens_that_cannot_be_are_refused(counts):
    with pytest.raises(ValueError, match="never said or cannot be spelt"):
        planted(token_counts=counts)


@pytest.mark.parametrize("path", ["_", "____", "  _  ", "_._'_", " . "])
def test_nothing_heard_is_an_empty_alignment(path):
    (out,) = planted().align(speech(path), [None], tokenize)
    assert out == Alignment("", (), (), (), (), len(path), ())


def test_a_hypothesis_has_no_white_space_at_its_ends_or_twice():
    (out,) = planted(reach_frames=1).align(speech("_ _ a_ _ _b _ "), [None], tokenize)
    assert (out.text, out.char_spans) == ("a b", ((0, 1), (1, 3)))
    assert spans(out) == [(3, 6), (9, 12)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [("", ""), ("  ", ""), (" a", "a"), ("a  ", "a"), ("  a \t b ", "a b"), ("a b", "a b"), ("ab", "ab")],
)
def test_a_written_hypothesis_keeps_each_pieces_place(text, kept):
    for pieces in (list(text), [text], [text[:2], "", text[2:]]):
        out, spans = written(pieces)
        assert out == kept
        assert len(spans) == len(pieces)
        assert "".join(out[a:b] for a, b in spans) == out


@pytest.mark.parametrize("text", ["", " ", "...", "🙂", "你好", "' .", "\n\t"])
def test_a_transcript_without_a_letter_that_can_be_spelt(text):
    (out, other) = planted().align(speech("_a_", "_b_"), [text, "b"], tokenize)
    assert isinstance(out, Unalignable)
    assert "no letter" in out.reason
    assert isinstance(other, Alignment)


@pytest.mark.parametrize(("text", "fits"), [("bad", True), ("aba", True), ("bade", False), ("aab", False)])
def test_a_transcript_longer_than_its_frames(text, fits):
    (out, other) = planted().align(speech("___", "_b_______"), [text, "b"], tokenize)
    assert isinstance(other, Alignment)
    if fits:
        assert out.text == text
    else:
        assert isinstance(out, Unalignable)
        assert out.reason.endswith("do not fit into 3 frames")


def test_characters_that_cannot_be_spelt_spoil_no_other_token():
    text = "go 🙂 bXd"
    (out,) = planted().align(speech("_gg_o_ __ _b__d__"), [text], tokenize)
    plain = planted().align(speech("_gg_o_ __ _b__d__"), ["go  bd"], tokenize)[0]
    assert out.text == text
    assert len(out) == len(tokenize(text)[0])
    assert out.starts[0] == plain.starts[0]
    assert (out.ends[0], out.ends[-1]) == (plain.ends[0], plain.ends[-1])


@pytest.mark.parametrize("delay", [1, 3, 100, -2, -100])
def test_the_delay_moves_every_boundary_and_never_leaves_the_utterance(delay):
    still = planted().align(speech(PATH), ["go bed."], tokenize)[0]
    moved = planted(delay_frames=delay).align(speech(PATH), ["go bed."], tokenize)[0]
    assert moved.n_frames == len(PATH)
    if delay == 1:
        assert moved.ends[:-1] == tuple(e - 1 for e in still.ends[:-1])
    assert len(moved) == len(still)


# --- the blank rule -------------------------------------------------------------------------------------------------


@st.composite
def peaks(draw):
    at, out, words, word = 0, [], [], 0
    for _ in range(draw(st.integers(1, 8))):
        start = at + draw(st.integers(0, 5))
        at = start + draw(st.integers(1, 3))
        out.append((start, at))
        word += draw(st.integers(0, 1))
        words.append(word)
    return out, words, at + draw(st.integers(0, 6))


@settings(max_examples=300, deadline=None)
@given(case=peaks(), reach=st.integers(0, 6), delay=st.integers(-8, 8))
def test_letters_are_disjoint_in_order_within_and_never_empty(case, reach, delay):
    letters, words, n_frames = case
    out = split_blanks(letters, words, n_frames, reach, delay)
    assert len(out) == len(letters)
    last = 0
    for start, end in out:
        assert last <= start < end <= n_frames
        last = end


@settings(max_examples=300, deadline=None)
@given(case=peaks(), reach=st.integers(0, 6))
def test_without_delay_every_letter_keeps_its_peak_and_reaches_no_further_than_the_rule(case, reach):
    letters, words, n_frames = case
    out = split_blanks(letters, words, n_frames, reach, 0)
    for k, ((a, b), (start, end)) in enumerate(zip(letters, out, strict=True)):
        assert start <= a
        assert end >= b
        first, last = k == 0, k == len(letters) - 1
        if last or words[k] != words[k + 1]:
            assert end - b <= reach
        if first or words[k] != words[k - 1]:
            assert a - start <= reach
        if not last and words[k] == words[k + 1]:
            assert end == out[k + 1][0]  # within a word no frame is nobody's
            left, right = end - b, letters[k + 1][0] - end
            assert left - right in (0, 1)
        if not last and words[k] != words[k + 1] and letters[k + 1][0] - b > 2 * reach:
            assert (end, out[k + 1][0]) == (b + reach, letters[k + 1][0] - reach)  # the middle is pause


@settings(max_examples=100, deadline=None)
@given(case=peaks(), reach=st.integers(0, 3), delay=st.integers(0, 4))
def test_far_from_the_ends_a_delay_is_a_shift(case, reach, delay):
    letters, words, n_frames = case
    letters = [(a + 9, b + 9) for a, b in letters]
    out = split_blanks(letters, words, n_frames + 9, reach, delay)
    assert out == [(a - delay, b - delay) for a, b in split_blanks(letters, words, n_frames + 9, reach, 0)]


# --- the head -------------------------------------------------------------------------------------------------------


def test_the_batch_changes_nothing():
    torch.manual_seed(0)
    aligner = CharCTC(SMALL, 12).eval()
    values, lengths = torch.randn(3, 20, 12), torch.tensor([20, 13, 4])
    values[1, 13:], values[2, 4:] = 50.0, -50.0
    with torch.no_grad():
        together = aligner(Frames(values, lengths, CLOCK))
        assert together.shape == (3, 20, len(ALPHABET) + 1)
        torch.testing.assert_close(together.exp().sum(-1), torch.ones(3, 20))
        for i, n in enumerate(lengths.tolist()):
            alone = aligner(Frames(values[i : i + 1, :n], lengths[i : i + 1], CLOCK))
            torch.testing.assert_close(together[i, :n], alone[0], atol=1e-5, rtol=1e-4)


def test_the_head_tells_positions_apart():
    torch.manual_seed(0)
    aligner = CharCTC(SMALL, 12).eval()
    values = torch.randn(1, 20, 12)
    order = torch.randperm(20)
    with torch.no_grad():
        a = aligner(Frames(values, torch.tensor([20]), CLOCK))
        b = aligner(Frames(values[:, order], torch.tensor([20]), CLOCK))
    assert not torch.allclose(a[:, order], b, atol=1e-2)


def test_loss_is_pytorchs_per_character_and_counts_what_does_not_fit():
    torch.manual_seed(0)
    aligner = CharCTC(SMALL, 12).eval()
    frames = Frames(torch.randn(3, 9, 12), torch.tensor([9, 6, 3]), CLOCK)
    texts = ["goXod", "a b", "aab"]  # X is not spelt; the last needs 4 frames
    loss, logged = aligner.loss(frames, texts, tokenize)
    log_probs = aligner(frames)
    expected = sum(
        nn.functional.ctc_loss(log_probs[i, :n, None], torch.tensor([labels]), [n], [len(labels)], reduction="sum")
        for i, (n, labels) in enumerate(
            [(9, aligner.spell("good", tokenize)[0]), (6, aligner.spell("a b", tokenize)[0])]
        )
    )
    assert logged["infeasible"] == 1
    assert float(loss.detach()) == pytest.approx(float(expected.detach()) / (4 + 3 + 3), rel=1e-5)


def test_loss_of_a_batch_without_a_single_character_is_finite():
    aligner = CharCTC(SMALL, 12)
    loss, logged = aligner.loss(Frames(torch.randn(2, 5, 12), torch.tensor([5, 4]), CLOCK), ["", "🙂"], tokenize)
    loss.backward()
    assert logged["infeasible"] == 0
    assert bool(loss.isfinite())


def test_scores_without_a_number_leave_the_prior_as_it_was():
    aligner = CharCTC(dataclasses.replace(SMALL, label_prior=0.3), 12).train()
    frames = Frames(torch.randn(1, 9, 12), torch.tensor([9]), CLOCK)
    aligner.loss(frames, ["good"], tokenize)
    before = aligner.log_prior.clone()
    assert bool(before.any())
    aligner.loss(Frames(frames.values * torch.nan, frames.lengths, CLOCK), ["good"], tokenize)
    assert torch.equal(aligner.log_prior, before)


def test_spelling_leaves_out_what_the_alphabet_lacks():
    aligner = CharCTC(SMALL, 12)
    labels, spans = aligner.spell("aX b", tokenize)
    assert spans == [(0, 1), (2, 3), (3, 4)]
    assert [ALPHABET[label - 1] for label in labels] == ["a", " ", "b"]
    assert 0 not in labels


def test_a_toy_language_is_learnt_and_heard():
    torch.manual_seed(0)
    aligner = CharCTC(dataclasses.replace(SMALL, layers=1, width=32), 12)
    sounds = torch.randn(len(ALPHABET) + 1, 12)
    texts = ["go bed.", "a dog.", "one bad egg", "no", "good seed", "sea"]
    rows = []
    for text in texts:
        row = [sounds[-1]] * 2
        for char in text:
            row += [sounds[ALPHABET.index(char)]] * 3
        rows.append(torch.stack(row))
    frames = Frames(nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor([len(r) for r in rows]), CLOCK)
    optimiser = torch.optim.AdamW(aligner.parameters(), lr=5e-3)
    losses = []
    for _ in range(120):
        loss, _ = aligner.loss(frames, texts, tokenize)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.05 < 1 < losses[0]
    heard = aligner.eval().align(frames, [None] * len(texts), tokenize)
    assert [a.text for a in heard] == texts
    (no,) = (a for a in heard if a.text == "no")
    assert 4 <= no.ends[0] <= 8  # two blanks, three frames of n, three of o


@pytest.mark.parametrize(("change", "error"), [({"alphabet": ""}, ValueError), ({"heads": 3}, UserError)])
def test_shapes_that_are_none_are_refused(change, error):
    with pytest.raises(error):
        CharCTC(dataclasses.replace(SMALL, **change), 12)


def test_the_delay_changes_the_saved_configuration_too():
    aligner = CharCTC(SMALL, 12)
    aligner.set_delay(0.08, CLOCK)
    again = build_aligner(aligner.to_dict(), 12)
    assert again.config == dataclasses.replace(SMALL, delay_frames=4)
