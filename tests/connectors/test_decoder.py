"""The decoder over frames: the LLM's own layers, causal, with and without positions."""

import pytest
import torch
import transformers

from ssr_connector.connectors import ConnectorConfig
from ssr_connector.connectors.decoder import OWN_CLASS, FrameDecoder, NoPositions, layers_like

SHAPE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}
LLMS = {
    "llama": transformers.LlamaConfig(**SHAPE),
    "mistral": transformers.MistralConfig(**SHAPE, sliding_window=4),
    "qwen2": transformers.Qwen2Config(
        **{k: v for k, v in SHAPE.items() if k != "head_dim"},
        use_sliding_window=True,
        sliding_window=4,
        max_window_layers=0,
    ),
    "qwen3": transformers.Qwen3Config(**SHAPE, use_sliding_window=True, sliding_window=4, max_window_layers=1),
    "gemma3": transformers.Gemma3TextConfig(**SHAPE, sliding_window=4),
    "gpt2": transformers.GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=4),
}
WIDTH = 12


def make(llm="llama", layers=1, positions="none", dropout=0.0, **more):
    torch.manual_seed(0)
    config = ConnectorConfig(layers=layers, positions=positions, dropout=dropout, **more)
    decoder = FrameDecoder(config, WIDTH, LLMS[llm])
    with torch.no_grad():  # new layers hardly attend; these do, so that what they see shows
        for layer in decoder.decoder.layers:
            for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
                getattr(layer.self_attn, part).weight.mul_(10)
    return decoder


def run(decoder, values):
    with torch.no_grad():
        return decoder(values)


@pytest.fixture
def values():
    return torch.randn(2, 11, WIDTH, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("llm", LLMS)
def test_without_positions_the_order_of_earlier_frames_is_not_seen(llm, values):
    order = torch.tensor([4, 2, 9, 0, 7, 1, 3, 8, 5, 6, 10])
    decoder = make(llm)
    torch.testing.assert_close(run(decoder, values[:, order])[:, -1], run(decoder, values)[:, -1])
    rotary = make(llm, positions="rotary")
    assert not torch.allclose(run(rotary, values[:, order])[:, -1], run(rotary, values)[:, -1], atol=1e-3)


def test_queries_and_keys_stay_as_they_are():
    cos, sin = NoPositions(8)(torch.zeros(2, 3, 32, dtype=torch.bfloat16), torch.arange(3).expand(2, 3))
    assert torch.equal(cos, torch.ones(2, 3, 8, dtype=torch.bfloat16))
    assert torch.equal(sin, torch.zeros(2, 3, 8, dtype=torch.bfloat16))


@pytest.mark.parametrize("llm", OWN_CLASS)
def test_rotary_is_the_llms_own_model(llm, values):
    own = transformers.AutoModel.from_config(layers_like(LLMS[llm], 2)).eval()
    decoder = make(llm, layers=2, positions="rotary")
    own.layers.load_state_dict(decoder.decoder.layers.state_dict())
    own.norm.load_state_dict(decoder.decoder.norm.state_dict())
    with torch.no_grad():
        expected = own(inputs_embeds=decoder.project(values)).last_hidden_state
    torch.testing.assert_close(run(decoder, values), expected)


@pytest.mark.parametrize("llm", LLMS)
def test_states_at_some_places_are_those_of_all(llm, values):
    decoder = make(llm, layers=2)
    places = torch.tensor([[10, 0, 4, 4], [3, 5, 9, 1]])
    with torch.no_grad():
        some, (first, second) = decoder(values, places=places), decoder(values)
    torch.testing.assert_close(some, torch.stack([first[places[0]], second[places[1]]]))


@pytest.mark.parametrize("positions", ["none", "rotary"])
@pytest.mark.parametrize("llm", LLMS)
def test_a_frame_sees_all_frames_before_it_and_none_after(llm, positions, values):
    """The text's sliding windows of 4 must not limit frames, in any layer."""
    values = values[:1].requires_grad_()
    decoder = make(llm, layers=1, positions=positions)
    seen = torch.autograd.grad(decoder(values)[0, 7].square().sum(), values)[0][0].abs().sum(1)
    assert bool((seen[:8] > 0).all())
    assert not seen[8:].any()


@pytest.mark.parametrize("llm", LLMS)
def test_padding_and_company_change_nothing(llm, values):
    decoder = make(llm, layers=2)
    padded = torch.cat([values, torch.full((2, 5, WIDTH), 100.0)], 1)
    torch.testing.assert_close(run(decoder, padded)[:, :11], run(decoder, values))
    torch.testing.assert_close(run(decoder, values[1:]), run(decoder, values)[1:])


@pytest.mark.parametrize("layers", [1, 5])
@pytest.mark.parametrize("llm", LLMS)
def test_layers_have_the_llms_shape_whatever_their_number(llm, layers):
    decoder = make(llm, layers=layers)
    assert len(decoder.decoder.layers) == layers
    attention = decoder.decoder.layers[0].self_attn
    assert attention.q_proj.weight.shape == (32, 32)
    assert attention.k_proj.weight.shape == ((32, 32) if llm == "gpt2" else (16, 32))
    assert decoder.decoder.layers[0].mlp.up_proj.weight.shape == (128 if llm == "gpt2" else 48, 32)
    assert decoder.project.weight.shape == (32, WIDTH)
    assert decoder.project.bias is None
    own = {"llama", "mistral", "qwen2", "qwen3"}
    assert decoder.decoder.config.model_type == (llm if llm in own else "llama")
    assert not [name for name, _ in decoder.named_parameters() if "embed" in name]


def test_the_llms_configuration_stays_as_it_was():
    before = LLMS["qwen3"].to_dict()
    shape = layers_like(LLMS["qwen3"], 5)
    assert shape.num_hidden_layers == 5
    assert LLMS["qwen3"].to_dict() == before


def test_an_llm_kept_in_half_precision_gets_a_connector_in_single():
    torch.manual_seed(0)
    config = transformers.LlamaConfig(**SHAPE, dtype="bfloat16")
    decoder = FrameDecoder(ConnectorConfig(layers=1), WIDTH, config)
    assert {p.dtype for p in decoder.parameters()} == {torch.float32}
    assert run(decoder, torch.randn(1, 3, WIDTH)).dtype == torch.float32


def test_dropout_is_there_in_training_only(values):
    decoder = make(dropout=0.5)
    assert decoder.decoder.layers[0].self_attn.attention_dropout == 0.5
    assert not torch.equal(run(decoder, values), run(decoder, values))
    decoder.eval()
    assert torch.equal(run(decoder, values), run(decoder, values))
