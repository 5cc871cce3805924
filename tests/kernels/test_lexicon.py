"""The best path through a lexicon against brute force over all paths, and over all faces of the kernel."""

import itertools

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssr_connector.kernels import Lexicon, ctc_best_path, ctc_lexicon_path, native

FACES = ["compiled", "reference"]
everywhere = pytest.mark.parametrize("face", FACES, indirect=True)


def collapse(path, blank=0):
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def best_sum(log_probs, labels):
    """The best score of any frame labelling that spells the labels."""
    scores = [
        sum(log_probs[t, v].item() for t, v in enumerate(path))
        for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs))
        if collapse(path) == tuple(labels)
    ]
    return max(scores, default=float("-inf"))


def total(log_probs, pieces, weights, chosen):
    labels = [label for i in chosen for label in pieces[i]]
    return best_sum(log_probs, labels) + sum(weights[i] for i in chosen)


def found(log_probs, lexicon):
    (out,) = ctc_lexicon_path(log_probs[None], torch.tensor([len(log_probs)]), lexicon)
    return out.tolist()


@everywhere
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_sequence_of_pieces_scores_better(data, face):
    T = data.draw(st.integers(0, 4))
    values = data.draw(st.lists(st.integers(-3, 0), min_size=T * 3, max_size=T * 3))  # small integers: many ties
    log_probs = torch.tensor(values, dtype=torch.float32).view(T, 3)
    pieces = data.draw(st.lists(st.lists(st.integers(1, 2), min_size=1, max_size=3), min_size=1, max_size=4))
    weights = data.draw(st.lists(st.integers(-2, 1), min_size=len(pieces), max_size=len(pieces)))
    chosen = found(log_probs, Lexicon.of(pieces, weights))
    sequences = itertools.chain.from_iterable(itertools.product(range(len(pieces)), repeat=n) for n in range(T + 1))
    best = max(total(log_probs, pieces, weights, sequence) for sequence in sequences)
    assert total(log_probs, pieces, weights, chosen) == pytest.approx(best)


def test_the_compiled_path_is_the_reference_path_in_long_speech():
    if native.library() is None:
        pytest.skip("the kernels are not compiled here")
    generator = torch.Generator().manual_seed(0)
    log_probs = (3 * torch.randn(3, 400, 12, generator=generator)).log_softmax(-1)
    pieces = [torch.randint(1, 12, (int(n),), generator=generator).tolist() for n in torch.arange(1, 6).repeat(40)]
    lexicon = Lexicon.of(pieces, (-5 * torch.rand(200, generator=generator)).tolist())
    lengths = torch.tensor([400, 399, 0])
    compiled = ctc_lexicon_path(log_probs, lengths, lexicon)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "library", lambda: None)
        reference = ctc_lexicon_path(log_probs, lengths, lexicon)
    assert [len(path) > 50 for path in compiled] == [True, True, False]
    assert [path.tolist() for path in compiled] == [path.tolist() for path in reference]


@everywhere
def test_single_labels_without_weights_are_the_best_path(face):
    log_probs = torch.randn(4, 60, 6, generator=torch.Generator().manual_seed(1)).log_softmax(-1)
    lengths = torch.tensor([60, 31, 1, 0])
    lexicon = Lexicon.of([[label] for label in range(1, 6)], [0.0] * 5)
    paths = ctc_lexicon_path(log_probs, lengths, lexicon)
    expected = [best.labels.tolist() for best in ctc_best_path(log_probs, lengths)]
    assert [[label + 1 for label in path.tolist()] for path in paths] == expected


@everywhere
def test_the_best_of_a_frame_is_kept_however_far_it_falls(face):
    log_probs = torch.tensor([[-30.0, -25.0, -30.0, 0.0]])  # the last label is in no piece
    assert found(log_probs, Lexicon.of([[1], [2]], [0.0, 0.0])) == [0]


@everywhere
def test_speech_that_stops_within_a_piece_is_spelt_otherwise(face):
    word = [1, 2, 3, 4, 5, 6]
    log_probs = torch.full((10, 7), -12.0)
    for t, label in enumerate([1, 2, 3, 4, 5, 6, 1, 2, 3, 4]):
        log_probs[t, label] = 0.0
    pieces, weights = [word, *([x] for x in word)], [-1.0, *[-9.0] * 6]  # four letters cost 36: far beyond the beam
    assert found(log_probs, Lexicon.of(pieces, weights)) == [0, 1, 2, 3, 4]


@everywhere
def test_a_misheard_letter_is_mended_by_what_there_is(face):
    pieces = ["hat", "cat", "s", "h", "c", "a", "t"]
    spell = {letter: i + 1 for i, letter in enumerate("acehst")}
    log_probs = torch.full((6, 7), -8.0)
    for t, letter in enumerate("cet_s_"):  # "cat" whose vowel sounded like another
        log_probs[t, spell.get(letter, 0)] = -0.1
    log_probs[1, spell["a"]] = -2.0
    lexicon = Lexicon.of([[spell[x] for x in piece] for piece in pieces], [-3.0] * 3 + [-6.0] * 4)
    assert [pieces[i] for i in found(log_probs, lexicon)] == ["cat", "s"]


@everywhere
def test_doubled_letters_across_pieces_need_a_blank(face):
    log_probs = torch.full((3, 3), -20.0)
    log_probs[:, 1] = 0.0
    lexicon = Lexicon.of([[1], [2]], [0.0, 0.0])
    assert found(log_probs, lexicon) == [0]
    log_probs[1, 0] = 0.0
    lexicon = Lexicon.of([[1], [2]], [0.5, 0.0])
    assert found(log_probs, lexicon) == [0, 0]


@everywhere
def test_many_frames_lose_no_precision(face):
    T = 20_000 if face == "compiled" else 2_000
    log_probs = torch.full((T, 3), -9.0)
    said = torch.arange(T) % 4
    log_probs[torch.arange(T), torch.where(said == 1, 1, torch.where(said == 3, 2, 0))] = -0.5
    log_probs[-3:, 2] += 1e-3  # decides the last piece
    lexicon = Lexicon.of([[1], [2], [1]], [-1.0, -1.0, -2.0])
    assert found(log_probs, lexicon) == [0, 1] * (T // 4)


def test_of_equal_pieces_the_likelier_counts():
    assert found(torch.tensor([[-5.0, 0.0]]), Lexicon.of([[1], [1]], [-2.0, -1.0])) == [1]


@everywhere
def test_silence_spells_nothing(face):
    log_probs = torch.tensor([[0.0, -5.0]]).repeat(4, 1)
    assert found(log_probs, Lexicon.of([[1]], [0.0])) == []
    assert found(log_probs, Lexicon.of([], [])) == []


@everywhere
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_score_is_refused(face, value):
    log_probs = torch.zeros(2, 3, 2)
    log_probs[1, 1, 1] = value
    with pytest.raises(ValueError, match="item 1 hold values that are no scores"):
        ctc_lexicon_path(log_probs, torch.tensor([3, 3]), Lexicon.of([[1]], [0.0]))


@pytest.mark.parametrize("label", [0, 3, -1])
def test_labels_that_are_none_are_refused(label):
    with pytest.raises(ValueError, match="labels must lie in 0 … 2"):
        ctc_lexicon_path(torch.zeros(1, 2, 3), torch.tensor([2]), Lexicon.of([[1], [label]], [0.0, 0.0]))


@pytest.mark.parametrize(("piece", "weight"), [([], 0.0), ([1], float("nan")), ([1], float("-inf"))])
def test_pieces_that_are_none_are_refused(piece, weight):
    with pytest.raises(ValueError, match="piece 0 has"):
        Lexicon.of([piece], [weight])
