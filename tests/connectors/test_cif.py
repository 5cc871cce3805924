"""The CIF connector with planted weights, against the integral written out; and counts that are learnt."""

import torch

from ssr_connector.aligners.cif import quantity_loss
from ssr_connector.connectors import CIFConnector
from ssr_connector.types import Frames


def planted(make, monkeypatch, weights, **options):
    connector = make("cif", layers=0, **options)
    monkeypatch.setattr(CIFConnector, "weights", lambda self, frames: torch.tensor(weights))
    return connector


def test_a_vector_is_the_weighted_sum_of_its_frames(make, noise, monkeypatch):
    connector = planted(make, monkeypatch, [[0.4, 0.4, 0.7, 0.9, 0.2]])
    frames = noise(5)
    x = frames.values[0]
    first = 0.4 * x[0] + 0.4 * x[1] + 0.2 * x[2]
    second = 0.5 * x[2] + 0.5 * x[3]
    rest = 0.4 * x[3] + 0.2 * x[4]  # 0.6: at least a half
    out = connector(frames, None)
    assert out.lengths.tolist() == [3]
    for got, summed in zip(out.values[0], (first, second, rest), strict=True):
        torch.testing.assert_close(got, connector.norm_out(connector.project(summed)), atol=1e-5, rtol=1e-4)


def test_in_training_there_is_a_vector_for_every_token_and_at_test_what_the_weights_say(make, noise, spans):
    connector = make("cif", layers=0)
    segments = spans([(0, 5), (5, 9), (9, 40)], [(0, 10)])
    frames = noise(40, 30)
    assert connector.train()(frames, segments).lengths.tolist() == [3, 1]
    heard = connector.eval()(frames, segments).lengths.tolist()
    assert heard == connector(frames, None).lengths.tolist() == connector.train()(frames, None).lengths.tolist()
    assert heard != [3, 1]


def test_weights_are_shares_and_none_are_beyond_the_lengths(make, noise):
    weights = make("cif").weights(noise(40, 30))
    assert bool((weights[1, 30:] == 0).all())
    assert bool(((weights[1, :30] > 0) & (weights[1, :30] < 1)).all())


def test_the_sum_is_learnt(make, noise):
    """Loud frames are tokens: as many are to fire."""
    torch.manual_seed(0)
    connector = make("cif", layers=0)
    values, counts = noise(40, 40, 40, 40).values.abs() * 0.1, torch.tensor([3, 7, 11, 2])
    for row, n in zip(values, counts.tolist(), strict=True):
        row[torch.arange(n) * 3] *= -10
    frames = Frames(values, torch.full((4,), 40), noise(1).clock)
    optimiser = torch.optim.AdamW(connector.parameters(), lr=1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        quantity_loss(connector.weights(frames), counts).backward()
        optimiser.step()
    assert connector(frames, None).lengths.tolist() == counts.tolist()
