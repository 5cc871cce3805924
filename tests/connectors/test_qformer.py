"""Windowed Q-Former: what a window sees, and its lengths."""

import pytest
import torch
import transformers

from ssr_connector.connectors import ConnectorConfig, build_connector
from ssr_connector.types import Frames

SHAPE = {"layers": 0, "window_frames": 5, "queries": 3}


@pytest.mark.parametrize(("queries", "n", "expected"), [(1, 5, 1), (1, 6, 2), (3, 4, 3), (3, 11, 9)])
def test_a_window_gives_its_queries(queries, n, expected, make, noise):
    out = make("qformer", **SHAPE | {"queries": queries})(noise(n), None)
    assert out.lengths.tolist() == [expected]
    assert out.values.shape == (1, expected, 32)


def test_windows_do_not_see_each_other(make, noise):
    frames = noise(13)
    values = frames.values.requires_grad_()
    out = make("qformer", **SHAPE)(Frames(values, frames.lengths, frames.clock), None).values
    for k in range(9):
        (seen,) = torch.autograd.grad(out[0, k, 0], values, retain_graph=True)
        start = 5 * (k // 3)
        assert seen[0].abs().sum(1).nonzero().flatten().tolist() == list(range(start, min(start + 5, 13)))


def test_a_window_is_heard_the_same_wherever_it_stands(make, noise):
    connector = make("qformer", **SHAPE)
    frames = noise(15)
    moved = Frames(frames.values.roll(5, 1), frames.lengths, frames.clock)
    torch.testing.assert_close(connector(moved, None).values, connector(frames, None).values.roll(3, 1))


def test_a_shorter_last_window_is_heard_as_if_it_were_all(make, noise):
    connector = make("qformer", **SHAPE)
    frames = noise(7)
    alone = connector.qformer(
        query_embeds=connector.queries[None], encoder_hidden_states=connector.norm_in(frames.values[:, 5:])
    ).last_hidden_state
    torch.testing.assert_close(connector(frames, None).values[:, 3:], connector.norm_out(alone))


def test_queries_differ(make, noise):
    out = make("qformer", **SHAPE)(noise(5), None).values[0]
    assert not torch.allclose(out[0], out[1], atol=1e-2)


def test_the_layers_are_as_many_as_asked_for_and_all_look_at_frames(make):
    connector = make("qformer", qformer_layers=3)
    layers = connector.qformer.encoder.layer
    assert len(layers) == 3
    assert all(layer.has_cross_attention for layer in layers)


def test_heads_fit_any_width(noise):
    llm = transformers.Qwen3Config(vocab_size=64, hidden_size=36, num_attention_heads=8, head_dim=16)
    connector = build_connector(ConnectorConfig(type="qformer", layers=0), 12, llm)
    assert connector.qformer.config.num_attention_heads == 4
    assert connector(noise(20), None).values.shape == (1, 2, 36)


def test_dropout_is_there_in_training_only(make, noise):
    connector = make("qformer", **SHAPE, dropout=0.5)
    frames = noise(9)
    assert torch.equal(connector(frames, None).values, connector(frames, None).values)
    connector.train()
    assert not torch.equal(connector(frames, None).values, connector(frames, None).values)
