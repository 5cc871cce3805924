"""fairseq's checkpoints, made here in small: their own arithmetic beside that of the encoder they become."""

import argparse
import re

import numpy as np
import pytest
import torch
import transformers
from torch.nn import functional as F

from ssr_connector.cli import main
from ssr_connector.encoders import PretrainedEncoder
from ssr_connector.encoders.fairseq import convolutions, read_fairseq
from ssr_connector.encoders.store import FrameStore
from ssr_connector.errors import UserError
from ssr_connector.types import Waveform

LAYERS, HEADS, WIDTH = 3, 4, 32
STACKS = {  # frames a second: fairseq's convolutions
    50: "[(16, 10, 5)] + [(16, 3, 2)] * 4 + [(16,2,2)] + [(16,2,2)]",
    25: "[(16, 10, 5)] + [(16, 3, 2)] * 4 + [(16, 2, 2)] * 3",
}
NAMES = (  # transformers' name: fairseq's
    (r"masked_spec_embed", "mask_emb"),
    (r"feature_extractor\.conv_layers\.(\d+)\.conv\.", r"feature_extractor.conv_layers.\1.0."),
    (r"feature_extractor\.conv_layers\.(\d+)\.layer_norm\.", r"feature_extractor.conv_layers.\1.2.1."),
    (r"feature_projection\.layer_norm\.", "layer_norm."),
    (r"feature_projection\.projection\.", "post_extract_proj."),
    (r"encoder\.pos_conv_embed\.layers\.(\d+)\.conv\.", r"encoder.pos_conv.\1.0."),
    (r"(encoder\.layers\.\d+)\.attention\.", r"\1.self_attn."),
    (r"(encoder\.layers\.\d+)\.layer_norm\.", r"\1.self_attn_layer_norm."),
    (r"(encoder\.layers\.\d+)\.feed_forward\.intermediate_dense\.", r"\1.fc1."),
    (r"(encoder\.layers\.\d+)\.feed_forward\.output_dense\.", r"\1.fc2."),
    (r"(encoder\.layers\.\d+\.final_layer_norm|encoder\.layer_norm)\.", r"\1."),
)


def source(rate_hz, bias=False):
    """A random Data2VecAudio of DinoSR's layout, whose norms do something."""
    shapes = eval(STACKS[rate_hz])  # ours, and as fairseq reads them
    dims, kernels, strides = zip(*shapes, strict=True)
    config = transformers.Data2VecAudioConfig(
        hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=64, conv_dim=dims,
        conv_kernel=kernels, conv_stride=strides, conv_bias=bias, num_conv_pos_embeddings=5, conv_pos_kernel_size=19,
        num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.Data2VecAudioModel(config).eval()
        for name, parameter in model.named_parameters():
            if "norm" in name or "bias" in name:
                torch.nn.init.normal_(parameter, 0.5, 0.3)
    return model


def theirs(model):
    state = {}
    for name, value in model.state_dict().items():
        (found,) = [re.sub(pattern, new, name) for pattern, new in NAMES if re.match(pattern, name)]
        state[found] = value
    return state


def training_only():
    """What DinoSR's state dict holds beside its student."""
    state = {f"heads.{i}.{kind}": torch.zeros(3) for i in range(2) for kind in ("weight", "bias")}
    state |= {f"_codebook{i}": torch.zeros(4, 3) for i in range(2)} | {"_codebook_cnts0": torch.zeros(4)}
    return state | {"_ema": {"layers.0.fc1.weight": torch.zeros(2), "layers.0.fc1.bias": torch.zeros(2)}}


def settings(rate_hz, **changes):
    """fairseq's configuration, as far as it matters and somewhat beyond."""
    model = {
        "_name": "dinosr", "extractor_mode": "layer_norm", "encoder_layers": LAYERS, "encoder_embed_dim": WIDTH,
        "encoder_ffn_embed_dim": 64, "encoder_attention_heads": HEADS, "activation_fn": "gelu",
        "layer_norm_first": False, "conv_feature_layers": STACKS[rate_hz], "conv_bias": False, "conv_pos": 95,
        "conv_pos_groups": 2, "pos_conv_depth": 5, "mask_prob": 0.8, "codebook_size": 256, "ema_anneal_end_step": 30000,
    }  # fmt: skip
    task = {"_name": "audio_pretraining", "data": "???", "normalize": True, "sample_rate": 16000}
    for name, value in changes.items():
        part = task if name in task else model
        part[name] = value
        if value is None:
            del part[name]
    return {"model": model, "task": task, "common": {"fp16": True}}


def save(path, state, cfg, **more):
    torch.save({"args": None, "cfg": cfg, "model": state, "extra_state": {"epoch": 3}, **more}, path)
    return path


def forward(state, samples, rate_hz):
    """fairseq's own arithmetic on its own names: the state after each layer, the input of the first before them."""
    x = samples[None, None]
    for i, (_, _, stride) in enumerate(eval(STACKS[rate_hz])):
        name = f"feature_extractor.conv_layers.{i}"
        x = F.conv1d(x, state[f"{name}.0.weight"], state.get(f"{name}.0.bias"), stride).transpose(1, 2)
        x = F.gelu(norm(state, f"{name}.2.1", x)).transpose(1, 2)
    x = linear(state, "post_extract_proj", norm(state, "layer_norm", x.transpose(1, 2)))
    place = x.transpose(1, 2)
    for i in range(5):
        name = f"encoder.pos_conv.{i}.0"
        place = F.conv1d(place, state[f"{name}.weight"], state[f"{name}.bias"], padding=9, groups=2)
        place = F.gelu(F.layer_norm(place.transpose(1, 2), (WIDTH,)).transpose(1, 2))
    x = norm(state, "encoder.layer_norm", x + place.transpose(1, 2))
    states = [x]
    for i in range(LAYERS):
        name = f"encoder.layers.{i}"
        q, k, v = (
            linear(state, f"{name}.self_attn.{part}_proj", x).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for part in "qkv"
        )
        heard = ((q * q.shape[3] ** -0.5) @ k.mT).softmax(-1) @ v
        heard = linear(state, f"{name}.self_attn.out_proj", heard.transpose(1, 2).flatten(2))
        x = norm(state, f"{name}.self_attn_layer_norm", x + heard)
        x = x + linear(state, f"{name}.fc2", F.gelu(linear(state, f"{name}.fc1", x)))
        x = norm(state, f"{name}.final_layer_norm", x)
        states.append(x)
    return states


def linear(state, name, x):
    return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def norm(state, name, x):
    return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"])


def noise(n):
    return (np.random.default_rng(n).standard_normal(n) * 0.1 + 0.05).astype(np.float32)


@pytest.mark.parametrize(("rate_hz", "hop", "bias"), [(50, 320, False), (25, 640, False), (50, 320, True)])
def test_the_encoder_computes_what_the_checkpoint_does(rate_hz, hop, bias, tmp_path):
    model = source(rate_hz, bias)
    state = theirs(model)
    read_fairseq(save(tmp_path / "a.pt", state | training_only(), settings(rate_hz, conv_bias=bias))).save(
        tmp_path / "encoder"
    )
    encoder = PretrainedEncoder.from_pretrained(str(tmp_path / "encoder"))
    assert (encoder.clock.rate_hz, encoder.clock.hop_samples, encoder.width) == (rate_hz, hop, WIDTH)
    assert {k: v.tolist() for k, v in encoder.backbone.state_dict().items()} == {
        k: v.tolist() for k, v in model.state_dict().items()
    }
    for n in (5 * 16000 + 123, 16000, 799):
        samples = noise(n)
        values = encoder.front_end.inputs([samples])["input_values"]
        assert abs(float(values.mean())) < 1e-3  # normalised, as the task says
        with torch.no_grad():
            expected = model(values, output_hidden_states=True).hidden_states
            by_hand = forward(state, values[0], rate_hz)
        assert torch.equal(encoder([Waveform(samples, 16000)]).values, model(values).last_hidden_state.detach())
        for layer in range(LAYERS + 1):
            found = PretrainedEncoder.from_pretrained(str(tmp_path / "encoder"), layer)([Waveform(samples, 16000)])
            assert torch.equal(found.values, expected[layer])
            torch.testing.assert_close(found.values, by_hand[layer], atol=1e-4, rtol=1e-4)


def test_older_files_hold_their_settings_in_one_namespace(tmp_path):
    cfg = settings(25, normalize=False)
    flat = argparse.Namespace(**cfg["model"] | cfg["task"] | {"_name": None, "arch": "data2vec_audio"})
    state = {k: v.half() for k, v in theirs(source(25)).items()}
    found = read_fairseq(save(tmp_path / "a.pt", state | {"final_proj.0.weight": torch.zeros(2)}, None, args=flat))
    assert not found.extractor.do_normalize
    assert found.left_out == {"final projection": 1}
    assert {v.dtype for v in found.state.values()} == {torch.float32}
    found.save(tmp_path / "encoder")
    assert PretrainedEncoder.from_pretrained(str(tmp_path / "encoder")).clock.rate_hz == 25


def test_the_command_says_what_it_left_out_and_the_folder_encodes(tmp_path, tiny_corpus, capsys):
    save(tmp_path / "a.pt", theirs(source(25)) | training_only(), settings(25), last_optimizer_state={"step": 1})
    assert main(["import-encoder", str(tmp_path / "a.pt"), "--out", str(tmp_path / "encoder")]) == 0
    said = capsys.readouterr().out
    assert "dinosr, 3 layers, 32 wide, 25 frames a second of 16000 Hz, normalised" in said
    assert "prediction heads (4), codebooks (2), codebook counts (1), EMA teacher (2)" in said
    assert "not read: extra_state, last_optimizer_state" in said
    assert sorted(p.name for p in (tmp_path / "encoder").iterdir()) == [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]
    words = ["encode", tiny_corpus / "dev.jsonl.gz", "--encoder", tmp_path / "encoder", "--layer", 2]
    assert main([*map(str, words), "--out", str(tmp_path / "frames")]) == 0
    store = FrameStore(tmp_path / "frames")
    assert (store.clock.hop_samples, store.width, len(store)) == (640, WIDTH, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pos_conv_depth": 1}, "no DinoSR or data2vec-audio checkpoint: .* weight norm"),
        ({"pos_conv_depth": None}, "no DinoSR or data2vec-audio checkpoint: .* weight norm"),
        ({"w2v_path": "base.pt", "pos_conv_depth": None}, "fine-tuned for recognition; give the pretrained"),
        ({"extractor_mode": "default"}, "extractor_mode: 'default'; only 'layer_norm'"),
        ({"extractor_mode": None}, "extractor_mode: 'default'; only 'layer_norm'"),
        ({"layer_norm_first": True}, "layer_norm_first: True"),
        ({"layer_type": "conformer"}, "layer_type: 'conformer'"),
        ({"activation_fn": "swish"}, "activation_fn: 'swish'; only gelu, relu"),
        ({"encoder_layers": None}, "says nothing of encoder_layers"),
        ({"encoder_layers": "${x}"}, r"encoder_layers: '\${x}', where a number above 0"),
        ({"encoder_layers": LAYERS + 1}, r"lacks encoder\.layers\.3\.self_attn\.q_proj\.weight"),
        ({"encoder_layers": LAYERS - 1}, r"holds encoder\.layers\.2\.\S+, which neither"),
        ({"encoder_attention_heads": 5}, "describes no encoder"),
        ({"conv_pos": 0}, "conv_pos: 0, where"),
        ({"conv_pos": 128}, r"encoder\.pos_conv\.0\.0\.weight of shape \(32, 16, 19\), .* asks for \(32, 16, 25\)"),
        ({"conv_feature_layers": STACKS[25]}, r"lacks feature_extractor\.conv_layers\.7\.0\.weight"),
        ({"conv_feature_layers": "__import__('os')"}, "conv_feature_layers: .* no list of layers"),
        ({"normalize": None}, "says nothing of normalize"),
        ({"sample_rate": None}, "says nothing of sample_rate"),
    ],
)
def test_settings_that_do_not_fit(change, message, tmp_path):
    path = save(tmp_path / "a.pt", theirs(source(50)), settings(50, **change))
    with pytest.raises(UserError, match=message) as refused:
        read_fairseq(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder.layers.1.fc1.bias": None}, r"lacks encoder\.layers\.1\.fc1\.bias"),
        ({"mask_emb": None}, "lacks mask_emb"),
        ({"encoder.layers.1.fc1.bias": torch.zeros(3)}, r"fc1\.bias of shape \(3,\), .* asks for \(64,\)"),
        ({"encoder.layers.1.fc1.bias": "text"}, r"fc1\.bias of shape str"),
        ({"decoder.embed": torch.zeros(3)}, r"holds decoder\.embed, which neither"),
        ({"encoder.pos_conv.0.weight_g": torch.zeros(3)}, r"holds encoder\.pos_conv\.0\.weight_g"),
        ({"heads.0.running_mean": torch.zeros(3)}, r"holds heads\.0\.running_mean"),
    ],
)
def test_tensors_that_do_not_fit(change, message, tmp_path):
    state = {k: v for k, v in (theirs(source(50)) | change).items() if v is not None}
    with pytest.raises(UserError, match=message):
        read_fairseq(save(tmp_path / "a.pt", state, settings(50)))


def test_what_is_no_checkpoint_of_fairseq(tmp_path, capsys):
    for content, message in (([1], "holds no 'model'"), ({"model": 3}, "holds no 'model'")):
        torch.save(content, tmp_path / "a.pt")
        with pytest.raises(UserError, match=message):
            read_fairseq(tmp_path / "a.pt")
    endless = settings(50)
    endless["model"]["self"] = endless
    for cfg, message in (
        (None, "holds no configuration"),
        ({"model": {}}, "holds no conf"),
        (endless, "within itself"),
    ):
        with pytest.raises(UserError, match=message):
            read_fairseq(save(tmp_path / "a.pt", theirs(source(50)), cfg))
    assert main(["import-encoder", str(tmp_path / "none.pt"), "--out", str(tmp_path / "made")]) == 2
    assert "none.pt" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_convolutions_are_read_as_python_would():
    texts = [*STACKS.values(), "[(512, 10, 5), (512, 8, 4)] + [(512, 4, 2)] * 3 + [(512, 1, 1)]", " [[4,3,2]] "]
    for text in texts:
        assert convolutions(text) == [tuple(layer) for layer in eval(text)]
    bad = ("", "[]", "3", "[3]", "[(1,2)]", "[(1,2,3,4)]", "[(1,2,0)]", "[(1,2,-3)]", "[(1,2,3.0)]", "[(1,2,3)")
    for text in (*bad, "x", "f()", "[(1,2,3)] * 65", "[(1,2,3)] * 64 * 64 * 64", "[(1,2,3)] ** 2", "'a' * 3"):
        with pytest.raises((ValueError, SyntaxError)):
            convolutions(text)


def test_a_folder_that_holds_something_is_not_replaced(tmp_path, capsys):
    save(tmp_path / "a.pt", theirs(source(25)), settings(25))
    before = (tmp_path / "a.pt").read_bytes()
    assert main(["import-encoder", str(tmp_path / "a.pt"), "--out", str(tmp_path)]) == 2
    assert "is there and not empty: give a new folder" in capsys.readouterr().err
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]
