"""A trained aligner on disk, with the names of the encoder and the LLM whose frames and tokens it is for."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ssr_connector.aligners.base import TrainableAligner
from ssr_connector.aligners.labels import TokenLabels
from ssr_connector.base_models import (
    Tokenize,
    load_tokenizer,
    offset_tokenize,
    relative,
    resolve,
    vocabulary_digest,
)
from ssr_connector.config import EncoderSection
from ssr_connector.data.text import Form
from ssr_connector.devices import best_device
from ssr_connector.encoders import PretrainedEncoder
from ssr_connector.encoders.store import encoder_key
from ssr_connector.errors import UserError
from ssr_connector.files import digest_of, replace_folder, write_tensors
from ssr_connector.weights import load_exactly, refuse_newer

CONFIG, WEIGHTS = "aligner.json", "aligner.safetensors"
MODEL_CONFIG, MODEL_WEIGHTS = "config.json", "model.safetensors"  # of a whole model, which holds an aligner too


@dataclass(frozen=True)
class AlignerBundle:
    """Everything from a recording to an alignment."""

    aligner: TrainableAligner
    encoder: PretrainedEncoder
    tokenizer: Any  # of the LLM
    text_form: Form
    heard: EncoderSection  # which of the encoder's hidden states

    @cached_property
    def encoder_key(self) -> str:
        """As `encoders.store.encoder_key` names the encoder's frames: it reads the encoder's files, so when asked."""
        return encoder_key(self.heard)

    @property
    def tokenize(self) -> Tokenize:
        """The LLM's tokens of a text, each with its characters."""
        return offset_tokenize(self.tokenizer)


def save_aligner(
    folder: Path,
    aligner: TrainableAligner,
    encoder: EncoderSection,
    llm_name: str,
    text_form: Form,
) -> None:
    """Write the folder, whole or not at all."""
    values = {
        "encoder_name": relative(encoder.name, folder),
        "encoder_layer": encoder.layer,
        "encoder_padded": encoder.padded,
        "encoder_width": aligner.encoder_width,
        "encoder_key": encoder_key(encoder),
        "llm_name": relative(llm_name, folder),
        "vocabulary": vocabulary_digest(load_tokenizer(llm_name)),
        "text_form": text_form,
        "aligner": aligner.to_dict(),
    }
    with replace_folder(folder) as new:
        write_tensors(new / WEIGHTS, {k: v.detach().cpu() for k, v in aligner.state_dict().items()})
        (new / CONFIG).write_text(json.dumps(values, indent=2, ensure_ascii=False))


def read_aligner(folder: Path) -> tuple[TrainableAligner, dict[str, Any]]:
    """The head of an aligner's folder or of a whole model's, and the values beside it. Raises UserError without one."""
    from ssr_connector.aligners import build_aligner, unknown_keys

    try:
        values = read_values(folder)
        refuse_newer(folder / (MODEL_CONFIG if of_model(folder) else CONFIG), unknown_keys(values["aligner"]))
        aligner = build_aligner(values["aligner"], values["encoder_width"])
        weights, prefix = (folder / MODEL_WEIGHTS, "aligner.") if of_model(folder) else (folder / WEIGHTS, "")
        with safe_open(weights, "pt") as file:
            own = [key for key in list(file.keys()) if key.startswith(prefix)]
            state = {key.removeprefix(prefix): file.get_tensor(key) for key in own}
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise no_aligner(folder, error) from error
    load_exactly(aligner, state, weights)
    return aligner.eval(), values


def read_values(folder: Path) -> dict[str, Any]:
    """What is said beside the weights. Raises OSError, or ValueError where something is missing."""
    file = folder / (MODEL_CONFIG if of_model(folder) else CONFIG)
    values = json.loads(file.read_text(encoding="utf-8"))
    missing = {"encoder_name", "encoder_layer", "encoder_width", "llm_name", "text_form", "aligner"} - set(values)
    if missing:
        raise ValueError(f"{file.name} lacks {', '.join(sorted(missing))}")
    return {"encoder_padded": True, **values}  # which older aligners do not say


def encoder_of(folder: Path, values: dict[str, Any]) -> EncoderSection:
    """Which hidden states an aligner hears, from what is said beside it."""
    return EncoderSection(resolve(values["encoder_name"], folder), values["encoder_layer"], values["encoder_padded"])


def check_made_for(
    folder: Path,
    aligner: TrainableAligner,
    values: dict[str, Any],
    encoder: EncoderSection,
    llm_name: str,
) -> None:
    """Raise UserError where `read_aligner` gave what was trained for another encoder, or for other tokens as labels."""
    check_hears(folder, values, encoder)
    if not any(
        isinstance(part.config, TokenLabels) for part in aligner.modules() if isinstance(part, TrainableAligner)
    ):
        return  # characters are the same for every LLM, and their tokens no more than words that there are
    its = values.get("vocabulary")
    if its is None:
        its = vocabulary_digest(load_tokenizer(resolve(values["llm_name"], folder)))
    if its != vocabulary_digest(load_tokenizer(llm_name)):
        raise UserError(
            f"{folder} spells in tokens of the LLM {values['llm_name']}, and {llm_name} has others, or has others now; "
            "give llm.name that one, or train an aligner for this one"
        )


def check_hears(folder: Path, values: dict[str, Any], encoder: EncoderSection) -> None:
    """Raise UserError where what is said beside an aligner is that it was trained on other frames."""
    its = encoder_of(folder, values)
    if (its.layer, its.padded) != (encoder.layer, encoder.padded):
        raise UserError(
            f"{folder} was trained with encoder.layer {its.layer} and encoder.padded {its.padded}, not {encoder.layer} "
            f"and {encoder.padded}; give those, or train an aligner for these"
        )
    key = values.get("encoder_key")
    if key is None:  # older aligners name the encoder alone
        key = encoder_key(its)
    if key != encoder_key(encoder):
        raise UserError(
            f"{folder} was trained on frames of the encoder {values['encoder_name']}, which {encoder.name} is not, or "
            "not any more; give encoder.name that one, or train an aligner for this one"
        )


def no_aligner(folder: Path, error: Exception) -> UserError:
    """What to say of a folder that could not be read as an aligner's."""
    for inner in (folder / "aligner", folder / "model"):
        if is_aligner(inner) or of_model(inner):
            return UserError(f"{folder} is the folder of a run: give {inner}")
    return UserError(f"{folder} holds no aligner ({error}); train one with `ssr train aligner`")


def is_aligner(folder: Path) -> bool:
    """Whether a folder is one of `save_aligner`."""
    return (folder / CONFIG).is_file()


def of_model(folder: Path) -> bool:
    """Whether it is a whole model's."""
    return (folder / MODEL_CONFIG).is_file()


def load_bundle(folder: str | Path) -> AlignerBundle:
    """From an aligner's folder or a whole model's, without its LLM."""
    folder = Path(folder)
    aligner, values = read_aligner(folder)
    heard = encoder_of(folder, values)
    encoder = PretrainedEncoder.from_pretrained(heard.name, heard.layer, heard.padded)
    if encoder.width != values["encoder_width"]:
        raise UserError(
            f"{folder} was trained on frames {values['encoder_width']} wide, its encoder has {encoder.width}"
        )
    tokenizer = load_tokenizer(resolve(values["llm_name"], folder))
    aligner, encoder = aligner.to(best_device()), encoder.to(best_device())
    return AlignerBundle(aligner, encoder, tokenizer, values["text_form"], heard)


def bundle_key(folder: Path) -> str:
    """What tells its alignments from another's: digests of its files, its encoder's and its LLM's tokenizer."""
    try:
        values = read_values(folder)
        encoder, llm_name = encoder_key(encoder_of(folder, values)), resolve(values["llm_name"], folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise no_aligner(folder, error) from error
    own = digest_of(sorted(f for f in folder.iterdir() if f.suffix in (".json", ".safetensors")))
    llm = Path(llm_name)
    return f"{own}#{encoder}#{digest_of(sorted(llm.glob('*token*'))) if llm.is_dir() else llm_name}"
