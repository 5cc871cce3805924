"""The LLM's input embeddings without the LLM: all that distillation asks of it (docs/method.md §4)."""

import contextlib
import copy
import logging
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from ssr_connector.base_models import loading
from ssr_connector.errors import UserError


class TextEmbeddings(nn.Module):
    """Stands for an LLM of which only the input embeddings were loaded."""

    def __init__(self, table: nn.Module, config: Any) -> None:
        super().__init__()
        self.table, self.config = table, config

    def get_input_embeddings(self) -> nn.Module:
        """As LLMs of transformers have it."""
        return self.table

    def forward(self, *_: Any, **__: Any) -> Any:
        """Raises ValueError: there are no layers."""
        raise ValueError("only the LLM's input embeddings were loaded; load the saved model to run the LLM")


def load_embeddings(name: str, dtype: torch.dtype = torch.float32) -> TextEmbeddings:
    """Of an LLM by hub name or folder; no layer of it is read. Raises UserError where it holds none."""
    from transformers import AutoConfig, AutoModelForCausalLM

    with loading("an LLM", name, "llm.name"), without_report():
        config = AutoConfig.from_pretrained(name)
        # transformers knows where each family keeps them, in files of any age: it loads an LLM of no layers.
        llm, told = AutoModelForCausalLM.from_pretrained(
            name, config=shortened(config, 0), dtype=dtype, output_loading_info=True
        )
    table = llm.get_input_embeddings()
    where = next(key for key, module in llm.named_modules() if module is table)
    if f"{where}.weight" in told["missing_keys"]:
        raise UserError(f"{name} holds no input embeddings ({where}); check llm.name")
    return TextEmbeddings(table, config)


@contextlib.contextmanager
def without_report() -> Iterator[None]:
    """Keep transformers from warning of everything that the layers would have, which are left out on purpose."""
    log = logging.getLogger("transformers")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def shortened(config: Any, n_layers: int) -> Any:
    """An LLM's configuration with at most its first `n_layers` layers."""
    config = copy.deepcopy(config)
    text = config.get_text_config()
    text.num_hidden_layers = min(n_layers, text.num_hidden_layers)
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[: text.num_hidden_layers]
    return config
