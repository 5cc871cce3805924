"""Checkpoints of the model: what was trained, and the names of the base models. Safetensors only; all or nothing."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from ssr_connector.encoders import PretrainedEncoder
from ssr_connector.errors import UserError
from ssr_connector.files import replace_folder, write_tensors
from ssr_connector.model.adapter import ADAPTERS, add_adapter
from ssr_connector.model.configuration import SSRConfig

if TYPE_CHECKING:
    from ssr_connector.model.modeling import SSRForConditionalGeneration

WEIGHTS = "model.safetensors"
SCALE_TOKENS = 4096  # whose embeddings, as the LLM scales them, say how large a new connector's vectors are to be
PROCESSOR_FILE = "processor_config.json"


def save(model: "SSRForConditionalGeneration", path: str | Path) -> None:
    """Write a checkpoint folder, replacing an older one only when the new one is complete."""
    path = Path(path)
    config = SSRConfig.from_dict(model.config.to_dict())
    config.aligner = model.aligner.to_dict()
    config.encoder_name, config.llm_name = (relative(n, path) for n in (config.encoder_name, config.llm_name))
    config.architectures = [type(model).__name__]
    state = drop_shared({k: v for k, v in model.state_dict().items() if is_kept(k, config)})
    processor = {"llm_name": config.llm_name, "sampling_rate_hz": model.encoder.clock.sampling_rate_hz}
    with replace_folder(path) as new:
        config.save_pretrained(new)
        write_tensors(new / WEIGHTS, {k: v.detach().cpu() for k, v in state.items()}, {"format": "pt"})
        (new / PROCESSOR_FILE).write_text(json.dumps({"processor_class": "SSRProcessor", **processor}, indent=2))


def is_kept(key: str, config: SSRConfig) -> bool:
    """Whether a tensor is in the checkpoint, or comes with the base models."""
    if key.startswith("llm."):
        return config.llm_trained and (not config.adapter or ADAPTERS[config.adapter["type"]].key in key)
    return not key.startswith("encoder.")


def load(cls: type["SSRForConditionalGeneration"], path: str | Path, **kwargs: Any) -> "SSRForConditionalGeneration":
    """Build the model of a checkpoint folder. `kwargs` go to the LLM's `from_pretrained` (dtype, device_map, …)."""
    kwargs.pop("config", None)  # Auto classes hand over what is read here anyway
    path = Path(path)
    if not (path / "config.json").is_file() or not (path / WEIGHTS).is_file():
        raise UserError(f"{path} is not a checkpoint: it needs config.json and {WEIGHTS}")
    try:
        config = SSRConfig.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path / 'config.json'} is damaged; use an older checkpoint") from error
    if config.model_type != SSRConfig.model_type or not config.connector:
        raise UserError(f"{path} holds a {config.model_type!r}, not an SSR-Connector")
    config.encoder_name, config.llm_name = (resolve(n, path) for n in (config.encoder_name, config.llm_name))
    model = build(cls, config, **kwargs)
    try:
        state = load_file(path / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path / WEIGHTS} is damaged ({error}); use an older checkpoint") from error
    load_exactly(model, state, path / WEIGHTS, lambda key: is_kept(key, config))
    model.eval()
    return model


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
    if config.adapter:
        llm = add_adapter(llm, **config.adapter)
    model = cls(config, encoder, llm, load_tokenizer(config.llm_name))
    n_tokens = llm.get_input_embeddings().num_embeddings
    some = torch.arange(0, n_tokens, -(-n_tokens // SCALE_TOKENS))
    model.connector.match_scale(model.embed_tokens(some))
    return model


def load_llm(name: str, **kwargs: Any) -> Any:
    """A causal LLM of transformers by hub name or folder."""
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_pretrained(name, **{"dtype": torch.float32, **kwargs})
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"cannot load an LLM from {name!r}; check llm.name ({reason})") from error


def load_tokenizer(name: str) -> Any:
    """The LLM's tokenizer. Raises UserError where it is missing or gives no character offsets."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"cannot load a tokenizer from {name!r}; check llm.name ({reason})") from error
    if not tokenizer.is_fast:
        raise UserError(f"the tokenizer of {name} gives no character offsets; a fast tokenizer is needed")
    return tokenizer


def load_exactly(
    module: nn.Module, state: dict[str, torch.Tensor], file: Path, needed: Callable[[str], bool] = lambda _: True
) -> None:
    """Load every tensor of a file, and let none that is needed be missing."""
    own = module.state_dict()
    tied = set(own) - set(drop_shared(own))
    missing = sorted(k for k in own if k not in state and needed(k) and k not in tied)
    unknown = sorted(k for k in state if k not in own)
    misshapen = sorted(k for k in state if k in own and state[k].shape != own[k].shape)
    for what, keys in (("lacks", missing), ("has unknown", unknown), ("has another shape for", misshapen)):
        if keys:
            raise UserError(f"{file} {what} {keys[0]} and {len(keys) - 1} more; it is of another model or version")
    module.load_state_dict(state, strict=False)


def drop_shared(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """One name for each storage: safetensors holds no aliases, and tied embeddings are tied again on loading."""
    seen: set[tuple[int, tuple[int, ...]]] = set()
    kept = {}
    for key, value in state.items():
        place = (value.data_ptr(), tuple(value.shape))
        if place not in seen or not value.numel():
            kept[key] = value.contiguous()
        seen.add(place)
    return kept


def relative(name: str, checkpoint: Path) -> str:
    """A local base model's path as seen from the checkpoint, so that both can be moved together; hub names stay."""
    return os.path.relpath(Path(name).resolve(), checkpoint.resolve()) if Path(name).is_dir() else name


def resolve(name: str, checkpoint: str | Path) -> str:
    """The folder or hub name that a checkpoint's base model is loaded from."""
    local = Path(os.path.normpath(Path(checkpoint).resolve() / name))
    if local.is_dir():
        return str(local)
    if name.startswith((".", "/")):
        raise UserError(f"the checkpoint {checkpoint} needs its base model at {local}, which is missing")
    return name
