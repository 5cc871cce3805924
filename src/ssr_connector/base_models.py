"""The models that everything is built on, by hub name or folder: where checkpoints find them, LLMs and tokenizers."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError

from ssr_connector.devices import is_out_of_memory
from ssr_connector.errors import UserError

LOADING_ERRORS = (OSError, ValueError, RuntimeError, SafetensorError)  # of damaged files, by what reads them


class Tokenize(Protocol):
    """The LLM's own tokenizer, reduced to what alignment needs."""

    def __call__(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids of a text, and the half-open characters of each."""


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


@contextlib.contextmanager
def loading(what: str, name: str, key: str, *more: type[Exception]) -> Iterator[None]:
    """Raise UserError where transformers does not find a base model, or cannot read it; want of memory is let through.

    `more` are errors, beside the usual ones, that say so.
    """
    errors: tuple[type[Exception], ...] = (*LOADING_ERRORS, *more)
    try:
        yield
    except errors as error:
        if is_out_of_memory(error):
            raise
        if not name:
            raise UserError(f"there is no {key}: name a recipe with --config, or give --{key}") from error
        here = "" if Path(name).is_dir() else "; there is no folder of that name here"
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"cannot load {what} from {name!r}{here}; check {key} ({reason})") from error


def load_llm(name: str, **kwargs: Any) -> Any:
    """A causal LLM of transformers by hub name or folder."""
    from transformers import AutoModelForCausalLM

    with loading("an LLM", name, "llm.name", ImportError):
        try:
            return AutoModelForCausalLM.from_pretrained(name, **{"dtype": torch.float32, **kwargs})
        except (*LOADING_ERRORS, ImportError) as error:
            attention = kwargs.get("attn_implementation")
            if not attention or "ttention" not in str(error):
                raise
            reason = " ".join(str(error).split())
            raise UserError(
                f"{name} has no llm.attention {attention} here; give sdpa, eager or auto ({reason})"
            ) from error


def load_tokenizer(name: str) -> Any:
    """The LLM's tokenizer. Raises UserError where it is missing or gives no character offsets."""
    from transformers import AutoTokenizer

    with loading("a tokenizer", name, "llm.name", TypeError):  # TypeError: a folder without any of a tokenizer's files
        tokenizer = AutoTokenizer.from_pretrained(name)
    if not tokenizer.is_fast:
        raise UserError(f"the tokenizer of {name} gives no character offsets; a fast tokenizer is needed")
    return tokenizer


def vocabulary_digest(tokenizer: Any) -> str:
    """What tells a tokenizer from those that number their tokens otherwise."""
    digest = hashlib.blake2b(digest_size=12)
    for token, number in sorted(tokenizer.get_vocab().items(), key=lambda entry: (entry[1], entry[0])):
        digest.update(f"{number} {token}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()


def offset_tokenize(tokenizer: Any) -> Tokenize:
    """The LLM's tokens of data, without BOS or EOS, and the half-open characters of each.

    The name of a special token in a text is text: a document that mentions `<s>` does not begin anew there.
    """

    def tokenize(text: str) -> tuple[list[int], list[tuple[int, int]]]:
        out = tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)
        return list(out["input_ids"]), [(int(a), int(b)) for a, b in out["offset_mapping"]]

    return tokenize
