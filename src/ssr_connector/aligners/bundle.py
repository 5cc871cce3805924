"""A trained aligner on disk, with the names of the encoder and the LLM whose frames and tokens it is for."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from ssr_connector.aligners.base import Tokenize, TrainableAligner
from ssr_connector.data.text import Form
from ssr_connector.devices import best_device
from ssr_connector.encoders import PretrainedEncoder
from ssr_connector.encoders.layer_mix import Layers
from ssr_connector.encoders.store import encoder_key
from ssr_connector.errors import UserError
from ssr_connector.files import digest_of, replace_folder, write_tensors

CONFIG, WEIGHTS = "aligner.json", "aligner.safetensors"


@dataclass(frozen=True)
class AlignerBundle:
    """Everything from a recording to an alignment."""

    aligner: TrainableAligner
    encoder: PretrainedEncoder
    tokenize: Tokenize
    text_form: Form
    encoder_key: str = ""  # as `encoders.store.encoder_key` names the encoder's frames


def save_aligner(
    folder: Path,
    aligner: TrainableAligner,
    encoder_name: str,
    encoder_layer: Layers,
    llm_name: str,
    text_form: Form,
    encoder_padded: bool = True,
) -> None:
    """Write the folder, whole or not at all."""
    from ssr_connector.model.checkpoint import relative

    values = {
        "encoder_name": relative(encoder_name, folder),
        "encoder_layer": encoder_layer,
        "encoder_padded": encoder_padded,
        "encoder_width": aligner.encoder_width,
        "llm_name": relative(llm_name, folder),
        "text_form": text_form,
        "aligner": aligner.to_dict(),
    }
    with replace_folder(folder) as new:
        write_tensors(new / WEIGHTS, {k: v.detach().cpu() for k, v in aligner.state_dict().items()})
        (new / CONFIG).write_text(json.dumps(values, indent=2, ensure_ascii=False))


def read_aligner(folder: Path) -> tuple[TrainableAligner, dict[str, Any]]:
    """The head alone, and the values beside it. Raises UserError where the folder holds none."""
    from ssr_connector.aligners import build_aligner
    from ssr_connector.model.checkpoint import load_exactly

    try:
        values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        missing = {"encoder_name", "encoder_layer", "llm_name", "text_form"} - set(values)
        if missing:
            raise ValueError(f"{CONFIG} lacks {', '.join(sorted(missing))}")
        aligner = build_aligner(values["aligner"], values["encoder_width"])
        state = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder} holds no aligner ({error}); train one with `ssr train aligner`") from error
    load_exactly(aligner, state, folder / WEIGHTS)
    return aligner.eval(), values


def load_bundle(folder: str | Path) -> AlignerBundle:
    """From an aligner's folder or a whole model's."""
    from ssr_connector.model.checkpoint import load_tokenizer, resolve

    folder = Path(folder)
    if (folder / "config.json").is_file():
        from ssr_connector.model import load_model

        model = load_model(folder)
        config = model.config
        key = encoder_key(config.encoder_name, config.encoder_layer, config.encoder_padded)
        return AlignerBundle(model.aligner, model.encoder, model.tokenize, config.text_form, key)
    aligner, values = read_aligner(folder)
    heard = (resolve(values["encoder_name"], folder), values["encoder_layer"], values.get("encoder_padded", True))
    encoder = PretrainedEncoder.from_pretrained(*heard)
    if encoder.width != values["encoder_width"]:
        raise UserError(
            f"{folder} was trained on frames {values['encoder_width']} wide, its encoder has {encoder.width}"
        )
    tokenizer = load_tokenizer(resolve(values["llm_name"], folder))
    aligner, encoder = aligner.to(best_device()), encoder.to(best_device())
    return AlignerBundle(aligner, encoder, offset_tokenize(tokenizer), values["text_form"], encoder_key(*heard))


def bundle_key(folder: Path) -> str:
    """What tells its alignments from another's: digests of its files, its encoder's and its LLM's tokenizer."""
    from ssr_connector.model.checkpoint import resolve

    config = folder / "config.json" if (folder / "config.json").is_file() else folder / CONFIG
    try:
        values = json.loads(config.read_text(encoding="utf-8"))
        encoder_name, llm_name = (resolve(values[name], folder) for name in ("encoder_name", "llm_name"))
        encoder = encoder_key(encoder_name, values["encoder_layer"], values.get("encoder_padded", True))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder} holds no aligner ({error}); train one with `ssr train aligner`") from error
    own = digest_of(sorted(f for f in folder.iterdir() if f.suffix in (".json", ".safetensors")))
    llm = Path(llm_name)
    return f"{own}#{encoder}#{digest_of(sorted(llm.glob('*token*'))) if llm.is_dir() else llm_name}"


def offset_tokenize(tokenizer: Any) -> Tokenize:
    """The LLM's tokens of a spoken text, without BOS or EOS, and the half-open characters of each."""

    def tokenize(text: str) -> tuple[list[int], list[tuple[int, int]]]:
        out = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return list(out["input_ids"]), [(int(a), int(b)) for a, b in out["offset_mapping"]]

    return tokenize
