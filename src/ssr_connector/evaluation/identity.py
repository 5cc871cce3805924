"""What scores follow from, as digests: the parts of models by their weights, recordings by their files, the code."""

import functools
import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from ssr_connector.aligners.bundle import AlignerBundle
from ssr_connector.model.modeling import SSRForConditionalGeneration

PACKAGE = Path(__file__).parents[1]


class Identities:
    """Digests of the parts of models: equal where the parts are, wherever they were loaded from. Each is taken once."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()

    def llm(self, model: SSRForConditionalGeneration) -> str:
        """The LLM inside and its tokenizer: all that scores of written text follow from."""
        config = {k: v for k, v in model.llm.config.to_dict().items() if k != "_name_or_path"}
        return self.once(model.llm, lambda: [config, model.config.adapter, tokens(model.tokenizer), model.prefix_ids])

    def connector(self, model: SSRForConditionalGeneration) -> str:
        """What turns frames and an alignment into vectors."""
        return self.once(model.connector, lambda: [model.config.connector])

    def ears(self, bundle: AlignerBundle) -> str:
        """What turns a recording into frames and an alignment to the LLM's tokens."""
        encoder = self.once(bundle.encoder, lambda: [bundle.encoder_key])
        own = bundle.aligner.to_dict
        return self.once(bundle.aligner, lambda: [encoder, own(), bundle.text_form, tokens(bundle.tokenizer)])

    def once(self, module: nn.Module, more: Callable[[], list[Any]]) -> str:
        """Of a module's weights, and of plain values that say how they are used."""
        if module not in self._known:
            self._known[module] = digest([weights(module), *more()])
        return self._known[module]


def weights(module: nn.Module) -> str:
    """All parameters and buffers, by name, type and shape."""
    found = hashlib.blake2b(digest_size=12)
    for name, value in module.state_dict().items():
        found.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()


def tokens(tokenizer: Any) -> str:
    """All that a tokenizer is: long for a published LLM."""
    return str(tokenizer.backend_tokenizer.to_str())


@functools.cache
def code(package: Path = PACKAGE, parts: tuple[str, ...] | None = None) -> str:
    """Of a package's files, uncommitted changes and compiled parts among them; taken once a process.

    Not of its recipes: what counts of one is in the keys of what follows from it. With `parts`, of these files and
    folders and of what lies in no folder.
    """
    found = hashlib.blake2b(digest_size=12)
    for path in sorted(p for p in package.rglob("*") if p.is_file()):
        name = path.relative_to(package)
        counts = parts is None or len(name.parts) == 1 or any(name.is_relative_to(part) for part in parts)
        if counts and not {"__pycache__", "recipes"} & set(name.parts):
            content = path.read_bytes()
            found.update(f"{name.as_posix()} {len(content)}\n".encode() + content)
    return found.hexdigest()


def digest(value: Any) -> str:
    """Of plain values."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def version(path: str) -> str:
    """Changes when a file does: its size and its time; empty where there is none."""
    try:
        stat = Path(path).stat()
    except OSError:
        return ""
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def versions(paths: Iterable[str]) -> list[str]:
    """Of several files."""
    return [f"{path} {version(path)}" for path in paths]
