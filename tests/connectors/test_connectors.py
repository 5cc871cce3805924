"""What every connector in the table promises, in one matrix: lengths, padding, learning, size."""

import math

import pytest
import torch

from ssr_connector.connectors import CONNECTORS, ConnectorConfig, build_connector
from ssr_connector.errors import UserError
from ssr_connector.types import Frames

LENGTHS = (40, 23, 17)
SPANS = ([(0, 4), (4, 9), (12, 20), (18, 40)], [(2, 3), (3, 23)], [(5, 6)])
COUNTS = tuple(map(len, SPANS))
OPTIONS = {"stack": {"stack": 6}, "conv": {"conv_layers": 3}, "qformer": {"window_frames": 7, "queries": 2}}
# kind: vectors of n frames and s segments; a CIF connector's sums tell, and are asked for below
PROMISED = {
    "ssr": lambda n, s: s,
    "mean_pool": lambda n, s: s,
    "ctc_compress": lambda n, s: s,
    "linear": lambda n, s: n,
    "stack": lambda n, s: math.ceil(n / 6),
    "conv": lambda n, s: math.ceil(n / 8),
    "qformer": lambda n, s: 2 * math.ceil(n / 7),
    "cif": None,
}
SHAPES = {"plain": {"layers": 0}, "layers": {"layers": 2}, "blockwise": {"layers": 2, "attention": "blockwise"}}
MATRIX = [
    (kind, shape)
    for kind, cls in CONNECTORS.items()
    for shape in SHAPES
    if not (kind == "ssr" and shape == "plain") and (shape != "blockwise" or "attention" in cls.options)
]
every = pytest.mark.parametrize(("kind", "shape"), MATRIX)


@pytest.fixture
def connector(make, kind, shape):
    return make(kind, **OPTIONS.get(kind, {}), **SHAPES[shape])


@pytest.fixture
def batch(noise, spans):
    return noise(*LENGTHS), spans(*SPANS)


def real(embeds):
    """All vectors within the lengths [n, D]."""
    return embeds.values[embeds.mask]


def test_the_matrix_knows_every_connector():
    assert PROMISED.keys() == CONNECTORS.keys()


@every
def test_as_many_vectors_as_promised(connector, batch, kind):
    out = connector(*batch)
    promise = PROMISED[kind]
    if promise is None:
        sums = connector.weights(batch[0]).sum(1)
        expected = [math.floor(s + 0.5) for s in sums.tolist()]
        assert max(expected) > 0
    else:
        expected = [promise(n, s) for n, s in zip(LENGTHS, COUNTS, strict=True)]
    assert out.lengths.tolist() == expected
    assert out.lengths.dtype == torch.long
    assert out.values.shape == (3, max(expected), 32)
    assert out.values.dtype == torch.float32
    assert bool(out.values.isfinite().all())


@every
@pytest.mark.parametrize("training", [False, True])
def test_padding_and_company_change_nothing(connector, batch, spans, training):
    connector.train(training)  # without dropout; a CIF connector's weights are scaled in training
    frames, segments = batch
    together = connector(frames, segments)
    loud = torch.cat([frames.values.masked_fill(~frames.mask[..., None], 100.0), torch.full((3, 5, 12), -100.0)], 1)
    again = connector(Frames(loud, frames.lengths, frames.clock), segments)
    assert again.lengths.tolist() == together.lengths.tolist()
    torch.testing.assert_close(real(again), real(together), atol=1e-5, rtol=1e-4)
    for i, n in enumerate(LENGTHS):
        one = Frames(frames.values[i : i + 1, :n], frames.lengths[i : i + 1], frames.clock)
        alone = connector(one, spans(SPANS[i]))
        assert alone.lengths[0] == together.lengths[i]
        torch.testing.assert_close(real(alone), together.values[i, : alone.lengths[0]], atol=1e-5, rtol=1e-4)


@every
def test_every_weight_learns(connector, batch):
    connector.train()
    out = real(connector(*batch))
    (out * torch.randn(out.shape, generator=torch.Generator().manual_seed(3))).sum().backward()
    # What is added to all keys alike moves no softmax: BLIP-2's layers have such a bias all the same.
    idle = [n for n, p in connector.named_parameters() if p.grad is None or not p.grad.any()]
    assert [n for n in idle if not n.endswith("key.bias")] == []
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in connector.parameters())


@every
def test_match_scale_starts_at_the_size_of_the_embeddings(connector, batch):
    embeddings = torch.randn(500, 32) * 0.03
    connector.match_scale(embeddings)
    size = real(connector(*batch)).detach().square().mean().sqrt()
    assert float(size) == pytest.approx(float(embeddings.square().mean().sqrt()), rel=0.01)
    assert all(p.requires_grad for p in connector.parameters())


@every
def test_bfloat16_autocast_trains(connector, batch):
    connector.train()
    with torch.autocast("cpu", torch.bfloat16):
        real(connector(*batch)).square().mean().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in connector.parameters())


@every
def test_only_connectors_that_ask_for_segments_look_at_them(connector, batch, kind):
    frames, segments = batch
    if kind in ("ssr", "mean_pool", "ctc_compress"):
        with pytest.raises(ValueError, match="needs an alignment"):
            connector(frames, None)
    else:
        torch.testing.assert_close(connector(frames, None).values, connector(frames, segments).values)
    assert connector.needs_segments == (kind in ("ssr", "mean_pool"))


@every
def test_a_batch_in_which_nobody_speaks(connector, noise, spans, kind):
    connector.train()
    if kind == "cif":
        torch.nn.init.constant_(connector.weight.bias, -30.0)
    out = connector(noise(9, 4), spans([], []))
    if PROMISED[kind] is None or PROMISED[kind](9, 0) == 0:
        assert out.values.shape == (2, 0, 32)
    out.values.sum().backward()  # nothing to learn from, and no reason to stop


@every
def test_parameters_are_counted(connector):
    state = connector.state_dict()
    assert connector.n_parameters == sum(v.numel() for v in state.values()) > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "sr"}, r"connector\.type is 'sr', not one of ssr, mean_pool, linear, stack"),
        ({"stack": 4}, r"connector\.stack is 4, but connector\.type 'ssr' does not read it \(only stack\)"),
        ({"type": "stack", "attention": "blockwise"}, r"connector\.attention is blockwise.*\(only ssr, mean_pool"),
        ({"type": "qformer", "conv_layers": 3}, r"connector\.conv_layers is 3.*\(only conv\); leave it at 2"),
        ({"type": "qformer", "window_frames": 0}, r"connector\.window_frames is 0; it must be at least 1"),
        ({"type": "conv", "layers": -1}, r"connector\.layers is -1; it must be at least 0"),
    ],
)
def test_an_option_that_does_not_fit_is_named(options, message):
    with pytest.raises(UserError, match=message):
        build_connector(ConnectorConfig(**options), 12, None)
