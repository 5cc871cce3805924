"""Checkpoints of the model: what was trained, and the names of the base models. Safetensors only; all or nothing."""

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ssr_connector.aligners import unknown_keys
from ssr_connector.aligners.bundle import MODEL_CONFIG, MODEL_WEIGHTS, is_aligner
from ssr_connector.base_models import load_llm, load_tokenizer, relative, resolve
from ssr_connector.connectors import CONNECTORS, ConnectorConfig
from ssr_connector.encoders import PretrainedEncoder
from ssr_connector.errors import UserError
from ssr_connector.files import replace_folder, write_tensors
from ssr_connector.model.adapter import ADAPTERS, add_adapter
from ssr_connector.model.configuration import SSRConfig
from ssr_connector.model.llm_identity import check_identity, llm_identity
from ssr_connector.weights import drop_shared, load_exactly, refuse_newer

if TYPE_CHECKING:
    from ssr_connector.model.modeling import SSRForConditionalGeneration

SCALE_TOKENS = 4096  # whose embeddings, as the LLM scales them, say how large a new connector's vectors are to be
LLM_DTYPES = {name: getattr(torch, name) for name in ("float64", "float32", "bfloat16", "float16")}
PROCESSOR_FILE = "processor_config.json"


def save(model: "SSRForConditionalGeneration", path: str | Path) -> None:
    """Write a checkpoint folder, replacing an older one only when the new one is complete."""
    path = Path(path)
    config = SSRConfig.from_dict(model.config.to_dict())
    config.aligner = model.aligner.to_dict()
    config.llm_dtype = str(model.llm.get_input_embeddings().weight.dtype).removeprefix("torch.")
    config.encoder_name, config.llm_name = (relative(n, path) for n in (config.encoder_name, config.llm_name))
    config.architectures = [type(model).__name__]
    state = drop_shared({k: v for k, v in model.state_dict().items() if is_kept(k, config)})
    processor = {"llm_name": config.llm_name, "sampling_rate_hz": model.encoder.clock.sampling_rate_hz}
    with replace_folder(path) as new:
        config.save_pretrained(new)
        write_tensors(new / MODEL_WEIGHTS, {k: v.detach().cpu() for k, v in state.items()}, {"format": "pt"})
        (new / PROCESSOR_FILE).write_text(json.dumps({"processor_class": "SSRProcessor", **processor}, indent=2))


def is_kept(key: str, config: SSRConfig) -> bool:
    """Whether a tensor is in the checkpoint, or comes with the base models."""
    if key.startswith("llm."):
        return config.llm_trained and (not config.adapter or ADAPTERS[config.adapter["type"]].key in key)
    return not key.startswith("encoder.")


def read_config(path: Path) -> SSRConfig:
    """What a checkpoint folder says of itself, its base models' names as seen from here. Raises UserError."""
    if not (path / MODEL_CONFIG).is_file() or not (path / MODEL_WEIGHTS).is_file():
        raise UserError(f"{path} is not a checkpoint{what_it_is(path)}")
    try:
        config: SSRConfig = SSRConfig.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path / MODEL_CONFIG} is damaged; use an older checkpoint") from error
    if config.model_type != SSRConfig.model_type or not config.connector:
        raise UserError(f"{path} holds a {config.model_type!r}, not an SSR-Connector")
    unknown = [] if config.llm_dtype in LLM_DTYPES else [f"llm_dtype {config.llm_dtype!r}"]
    if config.adapter and config.adapter.get("type") not in ADAPTERS:
        unknown.append(f"adapter.type {config.adapter.get('type')!r}")
    refuse_newer(path / MODEL_CONFIG, [*unknown, *unknown_connector(config.connector), *unknown_keys(config.aligner)])
    config.encoder_name, config.llm_name = (resolve(n, path) for n in (config.encoder_name, config.llm_name))
    return config


def what_it_is(path: Path) -> str:
    """Of a folder that is no checkpoint, as far as `ssr train` may have made it."""
    if (path / "model" / MODEL_CONFIG).is_file():
        return f", but {path / 'model'} is: give that"
    if is_aligner(path) or is_aligner(path / "aligner"):
        return ": it holds an aligner, and stage 1 makes a model with it (ssr train distill --training.aligner)"
    return f": it needs {MODEL_CONFIG} and {MODEL_WEIGHTS}"


def base_llm(config: SSRConfig) -> Any:
    """The LLM that a model was built on, as it was before any training, in the model's own precision."""
    return load_llm(config.llm_name, dtype=LLM_DTYPES[config.llm_dtype])


def load(cls: type["SSRForConditionalGeneration"], path: str | Path, **kwargs: Any) -> "SSRForConditionalGeneration":
    """Build the model of a checkpoint folder. `kwargs` go to the LLM's `from_pretrained` (dtype, device_map, …).

    Without a dtype the LLM is kept as it was when this was trained.
    """
    kwargs.pop("config", None)  # Auto classes hand over what is read here anyway
    path = Path(path)
    config = read_config(path)
    model = build(cls, config, **{"dtype": LLM_DTYPES[config.llm_dtype], **kwargs})
    try:
        state = load_file(path / MODEL_WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path / MODEL_WEIGHTS} is damaged ({error}); use an older checkpoint") from error
    load_exactly(model, state, path / MODEL_WEIGHTS, lambda key: is_kept(key, config))
    model.eval()
    return model


def unknown_connector(values: dict[str, Any]) -> list[str]:
    """What in the values of a checkpoint no connector here reads, its type included."""
    known = {field.name for field in fields(ConnectorConfig)}
    kind = values.get("type", ConnectorConfig.type)
    return [f"connector.{key}" for key in values if key not in known] + (
        [] if kind in CONNECTORS else [f"connector.type {kind!r}"]
    )


def build(
    cls: type["SSRForConditionalGeneration"], config: SSRConfig, llm: Any = None, **kwargs: Any
) -> "SSRForConditionalGeneration":
    """The model with its base models' weights and a new connector. Raises UserError on a missing or unfit base.

    `llm` stands for the one that `config` names, which else is loaded with `kwargs`.
    """
    encoder = PretrainedEncoder.from_pretrained(config.encoder_name, config.encoder_layer, config.encoder_padded)
    llm = load_llm(config.llm_name, **kwargs) if llm is None else llm
    for what, name, width, expected in (
        ("speech encoder", config.encoder_name, encoder.width, config.encoder_width),
        ("LLM", config.llm_name, llm.get_input_embeddings().embedding_dim, config.llm_width),
    ):
        if expected and width != expected:
            raise UserError(f"the {what} {name} is {width} wide, but this checkpoint was trained with {expected}")
    config.encoder_width, config.llm_width = encoder.width, llm.get_input_embeddings().embedding_dim
    tokenizer = load_tokenizer(config.llm_name)
    identity = llm_identity(llm, tokenizer)
    check_identity(config.llm_name, config.llm_identity, identity)
    config.llm_identity = identity
    if config.adapter:
        llm = add_adapter(llm, **config.adapter)
    model = cls(config, encoder, llm, tokenizer)
    n_tokens = llm.get_input_embeddings().num_embeddings
    some = torch.arange(0, n_tokens, -(-n_tokens // SCALE_TOKENS))
    model.connector.match_scale(model.embed_tokens(some))
    return model
