"""Checkpoints of fairseq's DinoSR and data2vec-audio as transformers' Data2VecAudio, which computes the same.

The architecture (layers, widths, convolutions, and so the frame rate) comes from the configuration in the checkpoint.
Names and shapes: fairseq's models/wav2vec/wav2vec2.py and examples/data2vec, and the code of DinoSR (arXiv 2305.10005).
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ssr_connector.encoders.pickled import plain, read_pickled
from ssr_connector.errors import UserError
from ssr_connector.files import replace_folder, write_tensors

T = TypeVar("T", int, bool, str)

LAYER = {  # fairseq's name of a part of a Transformer layer: transformers'
    "self_attn.q_proj": "attention.q_proj",
    "self_attn.k_proj": "attention.k_proj",
    "self_attn.v_proj": "attention.v_proj",
    "self_attn.out_proj": "attention.out_proj",
    "self_attn_layer_norm": "layer_norm",
    "fc1": "feed_forward.intermediate_dense",
    "fc2": "feed_forward.output_dense",
    "final_layer_norm": "final_layer_norm",
}
TRAINING_ONLY = {  # what encodes nothing, by the names that it has
    "codebooks": r"_codebook\d+",
    "codebook counts": r"_codebook_cnts\d+",
    "prediction heads": r"heads\.\d+\.(weight|bias)",
    "final projection": r"final_proj\.(\d+\.)?(weight|bias)",
    "quantizer": r"quantizer\..+",
    "EMA teacher": r"(_ema|_pre_encoder_(cnn|ln|proj))(\..+)?",
}
NEEDED = {  # setting: what Data2VecAudio computes, and fairseq's default where a checkpoint says nothing
    "extractor_mode": ("layer_norm", "default"),
    "layer_norm_first": (False, False),
    "layer_type": ("transformer", "transformer"),
    "conv_pos_batch_norm": (False, False),
}
ACTIVATIONS = ("gelu", "relu")
NOUNS = {int: "a number above 0", bool: "true or false", str: "text"}
MOST = 2**16  # of anything that is counted in a configuration
MOST_CONVOLUTIONS = 64


@dataclass(frozen=True)
class FairseqEncoder:
    """A converted checkpoint: what goes into the folder, and what is left out of it."""

    kind: str  # as fairseq names the model
    config: Any  # Data2VecAudioConfig
    extractor: Any  # Wav2Vec2FeatureExtractor
    state: dict[str, Tensor]
    left_out: dict[str, int]  # what: number of tensors
    unread: tuple[str, ...]  # what else the file holds: states of the optimizer and the like

    def save(self, folder: Path) -> None:
        """Write what `encoder.name` takes, whole or not at all."""
        with replace_folder(folder) as new:
            self.config.save_pretrained(new)
            self.extractor.save_pretrained(new)
            write_tensors(new / "model.safetensors", self.state, {"format": "pt"})


def read_fairseq(path: Path) -> FairseqEncoder:
    """The student of a checkpoint, in float32.

    Raises UserError where the file is none, its configuration or a tensor is missing, unfit or unknown, or its model
    is another (wav2vec 2.0 and HuBERT have one positional convolution with weight norm).
    """
    from transformers import Data2VecAudioModel, Wav2Vec2FeatureExtractor

    content = read_pickled(path)
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise UserError(f"{path} is no checkpoint of fairseq: it holds no 'model'")
    model, task = sections(content, path)
    config = configuration(model)
    rate, normalize = task.take("sample_rate", int), task.take("normalize", bool)
    extractor = Wav2Vec2FeatureExtractor(sampling_rate=rate, do_normalize=normalize, return_attention_mask=True)
    try:
        with torch.device("meta"):
            shapes = {k: v.shape for k, v in Data2VecAudioModel(config).state_dict().items()}
    except (ValueError, RuntimeError) as error:
        raise UserError(f"the configuration in {path} describes no encoder ({error})") from error
    state, left_out = convert(content["model"], names_of(config, shapes), shapes, path)
    unread = sorted(str(k) for k, v in content.items() if k not in ("model", "cfg", "args") and v)
    kind = str(model.values.get("_name", model.values.get("arch", "a model without a name")))
    return FairseqEncoder(kind, config, extractor, state, left_out, tuple(unread))


# --- the configuration ---


@dataclass(frozen=True)
class Section:
    """Part of a checkpoint's configuration."""

    path: Path
    values: dict[str, Any]

    def take(self, name: str, kind: type[T]) -> T:
        """A setting that has to be there. Raises UserError where it is not, or of another kind."""
        if name not in self.values:
            raise UserError(f"the configuration in {self.path} says nothing of {name}")
        value = self.values[name]
        if type(value) is not kind or (type(value) is int and not 0 < value <= MOST):
            raise UserError(f"the configuration in {self.path} says {name}: {value!r}, where {NOUNS[kind]} is needed")
        return value


def sections(content: Mapping[str, Any], path: Path) -> tuple[Section, Section]:
    """Settings of the model and of its task: two sections of `cfg`, or one namespace `args` in older files."""
    try:
        whole, flat = plain(content.get("cfg")), plain(content.get("args"))
    except RecursionError as error:
        raise UserError(f"{path} has a configuration within itself; it is damaged") from error
    model, task = (whole.get("model"), whole.get("task")) if isinstance(whole, dict) else (flat, flat)
    if not isinstance(model, dict) or not isinstance(task, dict) or not model or not task:
        raise UserError(f"{path} holds no configuration (cfg or args) of its model and task: nothing tells its shape")
    return Section(path, model), Section(path, task)


def configuration(model: Section) -> Any:
    """Data2VecAudioConfig of fairseq's settings. Raises UserError where it computes something else."""
    from transformers import Data2VecAudioConfig

    if "w2v_path" in model.values:
        raise UserError(
            f"{model.path} is fine-tuned for recognition; give the pretrained checkpoint that it began with"
        )
    if model.values.get("pos_conv_depth", 1) == 1:
        raise UserError(
            f"{model.path} is no DinoSR or data2vec-audio checkpoint: it has one positional convolution with weight "
            "norm, as wav2vec 2.0 and HuBERT do; encoder.name takes the transformers version of those"
        )
    for name, (needed, default) in NEEDED.items():
        if (value := model.values.get(name, default)) != needed:
            raise UserError(f"{model.path} has {name}: {value!r}; only {needed!r} can be converted")
    activation = model.take("activation_fn", str)
    if activation not in ACTIVATIONS:
        raise UserError(
            f"{model.path} has activation_fn: {activation!r}; only {', '.join(ACTIVATIONS)} can be converted"
        )
    text = model.take("conv_feature_layers", str)
    try:
        layers = convolutions(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise UserError(f"{model.path} has conv_feature_layers: {text[:200]!r}, which is no list of layers") from error
    depth = model.take("pos_conv_depth", int)
    config = Data2VecAudioConfig(
        hidden_size=model.take("encoder_embed_dim", int),
        intermediate_size=model.take("encoder_ffn_embed_dim", int),
        num_hidden_layers=model.take("encoder_layers", int),
        num_attention_heads=model.take("encoder_attention_heads", int),
        hidden_act=activation,
        conv_dim=tuple(channels for channels, _, _ in layers),
        conv_kernel=tuple(kernel for _, kernel, _ in layers),
        conv_stride=tuple(stride for _, _, stride in layers),
        conv_bias=model.take("conv_bias", bool),
        num_conv_pos_embeddings=depth,
        conv_pos_kernel_size=max(3, model.take("conv_pos", int) // depth),  # the whole width, shared out
        num_conv_pos_embedding_groups=model.take("conv_pos_groups", int),
        layer_norm_eps=1e-5,
    )
    config.architectures = ["Data2VecAudioModel"]
    return config


def convolutions(text: str) -> list[tuple[int, int, int]]:
    """(channels, kernel, stride) of each layer in fairseq's `[(512, 10, 5)] + [(512, 3, 2)] * 4`.

    fairseq evaluates this text; here it is parsed, and may hold lists, tuples, whole numbers, + and * alone.
    Raises ValueError or SyntaxError otherwise.
    """

    def value(node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=int(number)):
                return number
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return [value(part) for part in parts]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return listed(value(left)) + listed(value(right))
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                times = value(right)
                if isinstance(times, int) and 0 <= times <= MOST_CONVOLUTIONS:
                    return listed(value(left)) * times
        raise ValueError("not a list of layers")

    def listed(found: Any) -> list[Any]:
        if not isinstance(found, list) or len(found) > MOST_CONVOLUTIONS:
            raise ValueError("not a list of layers")
        return found

    layers = listed(value(ast.parse(text.strip(), mode="eval").body))
    for layer in layers:
        if len(listed(layer)) != 3 or not all(isinstance(n, int) and 0 < n <= MOST for n in layer):
            raise ValueError("a layer is channels, kernel, stride")
    if not layers:
        raise ValueError("no layer")
    return [(channels, kernel, stride) for channels, kernel, stride in layers]


# --- the tensors ---


def names_of(config: Any, shapes: Mapping[str, Any]) -> dict[str, str]:
    """fairseq's name of every tensor of the encoder: transformers' name of it."""
    modules = {
        "layer_norm": "feature_projection.layer_norm",
        "post_extract_proj": "feature_projection.projection",
        "encoder.layer_norm": "encoder.layer_norm",
    }
    for i in range(len(config.conv_dim)):
        modules[f"feature_extractor.conv_layers.{i}.0"] = f"feature_extractor.conv_layers.{i}.conv"
        modules[f"feature_extractor.conv_layers.{i}.2.1"] = f"feature_extractor.conv_layers.{i}.layer_norm"
    for i in range(config.num_conv_pos_embeddings):
        modules[f"encoder.pos_conv.{i}.0"] = f"encoder.pos_conv_embed.layers.{i}.conv"
    for i in range(config.num_hidden_layers):
        modules |= {f"encoder.layers.{i}.{theirs}": f"encoder.layers.{i}.{ours}" for theirs, ours in LAYER.items()}
    pairs = ((f"{theirs}.{kind}", f"{ours}.{kind}") for theirs, ours in modules.items() for kind in ("weight", "bias"))
    return {"mask_emb": "masked_spec_embed"} | {theirs: ours for theirs, ours in pairs if ours in shapes}


def convert(
    state: Mapping[str, Any], names: Mapping[str, str], shapes: Mapping[str, Any], path: Path
) -> tuple[dict[str, Tensor], dict[str, int]]:
    """Tensors under transformers' names, and how many of each kind of training-only ones are left out.

    Raises UserError for a tensor that is missing, of another shape, or neither the encoder's nor known.
    """
    left_out: dict[str, int] = {}
    for name, value in state.items():
        if name in names:
            continue
        what = next((what for what, pattern in TRAINING_ONLY.items() if re.fullmatch(pattern, str(name))), None)
        if what is None:
            raise UserError(f"{path} holds {name}, which neither the encoder nor its training is known to have")
        left_out[what] = left_out.get(what, 0) + sum(1 for _ in tensors(value))
    converted = {}
    for theirs, ours in names.items():
        if theirs not in state:
            raise UserError(f"{path} lacks {theirs}, which its configuration asks for")
        value, shape = state[theirs], tuple(shapes[ours])
        if not isinstance(value, Tensor) or tuple(value.shape) != shape:
            found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise UserError(f"{path} has {theirs} of shape {found}, where its configuration asks for {shape}")
        converted[ours] = value.to(torch.float32, copy=True).contiguous()
    return converted, left_out


def tensors(value: Any) -> Iterator[Tensor]:
    """All tensors of a value: the teacher is a dictionary of them under one name."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors(part)
