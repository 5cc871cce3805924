"""Block-wise attention against a dense mask that is filled in as docs/method.md §2 says it."""

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from ssr_connector.connectors import ConnectorConfig, SSRConnector
from ssr_connector.connectors.blockwise import Windows, blockwise_attention
from ssr_connector.types import Alignment, Frames, Segments
from ssr_connector.units import FrameClock

CLOCK = FrameClock(16000, 320, 200.0)


def alignment(ends, n_frames):
    starts, last = [], 0
    for end in ends:
        starts.append(min(last, end - 1))
        last = end
    n = len(ends)
    return Alignment("x" * n, (1,) * n, tuple(starts), tuple(ends), tuple((i, i + 1) for i in range(n)), n_frames)


def dense_mask(ends, n_frames, slack):
    """Causal; then, at every boundary b, rows after b lose the columns before b (slack 1; wider: before b + 1 - slack).

    Rows up to and including b are untouched, so a boundary on the last frame narrows nothing.
    """
    seen = [[column <= row for column in range(n_frames)] for row in range(n_frames)]
    for end in ends:
        b = end - 1
        for row in range(b + 1, n_frames):
            for column in range(b + 1 - slack):
                seen[row][column] = False
    return torch.tensor(seen)


def test_the_mask_by_hand():
    mask = dense_mask([2, 5], 6, 1)
    assert mask.int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 1, 1, 0, 0, 0],  # after the boundary at 1: its own segment and frame 1
        [0, 1, 1, 1, 0, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 0, 0, 0, 1, 1],
    ]
    assert torch.equal(dense_mask([6], 6, 1), torch.ones(6, 6).tril().bool())


def windows_as_mask(windows, row, n_frames):
    """[T, T] which keys each query of one utterance sees."""
    seen = torch.zeros(n_frames, n_frames, dtype=torch.bool)
    looks = [(rows.queries[k, q], rows.keys[k][rows.allowed[k, 0, q]]) for rows in windows.rows
             for k in range(len(rows.queries)) for q in range(rows.queries.shape[1])]  # fmt: skip
    for frame in range(n_frames):
        which = int(windows.where[row * n_frames + frame])
        if which < len(looks):
            query, keys = looks[which]
            assert query == row * n_frames + frame
            assert len(set(keys.tolist())) == len(keys)  # no frame counts twice
            seen[frame, keys - row * n_frames] = True
    return seen


BATCHES = st.lists(
    st.tuples(st.lists(st.integers(1, 40), max_size=6).map(sorted), st.integers(40, 45)), min_size=1, max_size=3
)


@settings(max_examples=150, deadline=None)
@given(batch=BATCHES, slack=st.integers(0, 4))
def test_windows_are_the_rows_of_the_mask(batch, slack):
    """For every frame up to the last boundary; those after it are never selected and see nothing."""
    segments = Segments.collate([alignment(ends, n) for ends, n in batch])
    n_frames = max(n for _, n in batch)
    windows = Windows.build(segments, n_frames, slack)
    for row, (ends, _) in enumerate(batch):
        last = max(ends, default=0)
        seen = windows_as_mask(windows, row, n_frames)
        assert torch.equal(seen[:last], dense_mask(ends, n_frames, slack)[:last])
        assert not seen[last:].any()


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_attention_equals_dense_attention(groups):
    torch.manual_seed(0)
    batch = [([3, 3, 7, 7, 12], 14), ([1, 2, 14], 14), ([], 14)]
    segments = Segments.collate([alignment(ends, n) for ends, n in batch])
    query = torch.randn(3, 4, 14, 8, requires_grad=True)
    key, value = (torch.randn(3, 4 // groups, 14, 8, requires_grad=True) for _ in range(2))
    module = torch.nn.Identity().eval()
    ours, _ = blockwise_attention(module, query, key, value, None, Windows.build(segments, 14, 1), scaling=0.3)
    assert ours.shape == (3, 14, 4, 8)
    for row, (ends, _) in enumerate(batch[:2]):
        k, v = (x[row].repeat_interleave(groups, 0) for x in (key, value))
        scores = (query[row] @ k.transpose(1, 2) * 0.3).masked_fill(~dense_mask(ends, 14, 1), float("-inf"))
        expected = (scores.softmax(-1) @ v).transpose(0, 1)
        last = ends[-1]
        torch.testing.assert_close(ours[row, :last], expected[:last])
        inputs = (query, key, value)
        weights = torch.randn(last, 4, 8)
        theirs = torch.autograd.grad((expected[:last] * weights).sum(), inputs, retain_graph=True)
        mine = torch.autograd.grad((ours[row, :last] * weights).sum(), inputs, retain_graph=True)
        for a, b in zip(mine, theirs, strict=True):
            torch.testing.assert_close(a, b)


SHAPE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,  # large, so that what a frame sees shows
}
LLMS = {
    "llama": transformers.LlamaConfig(**SHAPE),
    "qwen3": transformers.Qwen3Config(**SHAPE, head_dim=8),
    "mistral": transformers.MistralConfig(**SHAPE, sliding_window=3),
}


@pytest.mark.parametrize("positions", ["none", "rotary"])
@pytest.mark.parametrize("slack", [1, 3])
@pytest.mark.parametrize("llm", LLMS)
def test_the_whole_connector_equals_the_model_with_a_dense_mask(llm, slack, positions):
    torch.manual_seed(0)
    config = ConnectorConfig(layers=3, attention="blockwise", slack_frames=slack, positions=positions, dropout=0.0)
    connector = SSRConnector(config, 12, LLMS[llm]).eval()
    batch = [([2, 5, 5, 9, 16], 16), ([4, 6], 9)]
    frames = Frames(torch.randn(2, 16, 12), torch.tensor([16, 9]), CLOCK)
    segments = Segments.collate([alignment(ends, n) for ends, n in batch])
    decoder = connector.decoder.decoder
    with torch.no_grad():
        ours = connector(frames, segments).values
        decoder.set_attn_implementation("eager")
        for row, (ends, _) in enumerate(batch):
            mask = torch.zeros(1, 1, 16, 16).masked_fill(~dense_mask(ends, 16, slack), torch.finfo().min)
            x = connector.decoder.project(frames.values[row : row + 1])
            states = decoder(inputs_embeds=x, attention_mask=mask, use_cache=False).last_hidden_state[0]
            expected = states[torch.tensor(ends) - 1]
            torch.testing.assert_close(ours[row, : len(ends)], expected, atol=1e-5, rtol=1e-4)


def test_it_differs_from_plain_causal_attention_unless_the_only_boundary_is_the_last_frame():
    torch.manual_seed(0)
    block, causal = (
        SSRConnector(ConnectorConfig(layers=2, attention=kind, dropout=0.0), 12, LLMS["llama"]).eval()
        for kind in ("blockwise", "causal")
    )
    causal.load_state_dict(block.state_dict())
    frames = Frames(torch.randn(1, 10, 12), torch.tensor([10]), CLOCK)
    for ends, same in (([10], True), ([3, 6, 10], False)):
        segments = Segments.collate([alignment(ends, 10)])
        with torch.no_grad():
            a, b = block(frames, segments).values, causal(frames, segments).values
        assert torch.allclose(a[:, -1], b[:, -1], atol=1e-5) == same
        torch.testing.assert_close(a[:, 0], b[:, 0])  # the first segment always sees the same


def test_bfloat16_autocast_trains():
    torch.manual_seed(0)
    connector = SSRConnector(ConnectorConfig(layers=2, attention="blockwise"), 12, LLMS["llama"]).train()
    frames = Frames(torch.randn(1, 10, 12), torch.tensor([10]), CLOCK)
    with torch.autocast("cpu", torch.bfloat16):
        connector(frames, Segments.collate([alignment([3, 10], 10)])).values.square().mean().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in connector.parameters())


def test_a_batch_in_which_nobody_speaks():
    connector = SSRConnector(ConnectorConfig(layers=1, attention="blockwise"), 12, LLMS["llama"]).eval()
    frames = Frames(torch.randn(2, 10, 12), torch.tensor([10, 4]), CLOCK)
    out = connector(frames, Segments.collate([alignment([], 10), alignment([], 4)]))
    assert out.values.shape == (2, 0, 32)
