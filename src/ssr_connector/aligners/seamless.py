"""Meta's published UnitY2 aligner (seamless_communication, `unity2_aligner.pt`) as an aligner of ours.

The file holds the embeddings of characters and units and two stacks of convolutions. What the characters are stands in
the vocabulary of Meta's character tokenizer, what the units are in the k-means centroids; both are published beside it.
"""

import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ssr_connector.aligners.unity2 import PAUSE, UnitY2, UnitY2Config
from ssr_connector.errors import UserError

N_CONTROL = 4  # rows of both embeddings in front of the first character and the first unit: bos, pad, eos, unk
WORD_MARK = "\u2581"  # how sentencepiece writes a space
MODEL_PREFIX = re.compile(r"alignment_(?:encoder|frontend)\.")


def read_vocabulary(path: Path) -> list[str]:
    """Characters in the order of the tokenizer's exported vocabulary: a symbol a line, then a tab and its score.

    The control symbols that it begins with are left out. Raises UserError where that is not what the file holds.
    """
    try:
        symbols = [line.split("\t")[0] for line in path.read_text(encoding="utf-8").split("\n") if line]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the characters of {path}: {error}") from error
    symbols = [s for s in symbols if not re.fullmatch(r"<.+>", s)]
    if WORD_MARK not in symbols:
        raise UserError(f"{path} is no character vocabulary of sentencepiece: it has no {WORD_MARK!r}")
    if len(set(symbols)) < len(symbols):
        raise UserError(f"{path} has a symbol twice")
    return symbols


def read_unity2(path: Path, symbols: Sequence[str], centroids: Tensor) -> UnitY2:
    """The aligner in a file of Meta's, for characters in their tokenizer's order and centroids [units, F].

    Loaded with `weights_only`. Raises UserError where the file is another's, or does not fit characters or units.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state, order = _layout(content, symbols)
        text, unit = state.pop("embed_text.weight"), state.pop("embed_unit.weight")
    except (OSError, RuntimeError, KeyError, TypeError, AttributeError, pickle.UnpicklingError, EOFError) as error:
        raise UserError(f"{path} is not a UnitY2 aligner of Meta's ({type(error).__name__}: {error})") from error
    if len(text) < N_CONTROL + len(symbols) or len(unit) < N_CONTROL + len(centroids):
        raise UserError(
            f"{path} knows {len(text) - N_CONTROL} characters and {len(unit) - N_CONTROL} units, "
            f"not {len(symbols)} and {len(centroids)}; give its own vocabulary and centroids"
        )
    single = [s for s in symbols if len(s) == 1]
    alphabet = "".join(PAUSE if s == WORD_MARK else s for s in single)
    layers = {
        name: sorted({int(found[1]) for k in state if (found := re.match(rf"{name}\.(\d+)\.", k))})
        for name in ("t_conv", "f_conv")
    }
    config = UnitY2Config(
        alphabet=alphabet,
        units=len(centroids),
        width=text.shape[1],
        text_layers=len(layers["t_conv"]),
        unit_layers=len(layers["f_conv"]),
    )
    renamed = {
        "centroids": centroids,
        "embed_text.weight": text[[N_CONTROL + order[s] for s in single]],
        "embed_unit.weight": unit[N_CONTROL : N_CONTROL + len(centroids)],
    }
    for name, ours in (("t_conv", "text_convolutions"), ("f_conv", "unit_convolutions")):
        for k, number in enumerate(layers[name]):
            for kind in ("weight", "bias"):
                if (key := f"{name}.{number}.{kind}") not in state:
                    raise UserError(f"{path} is a UnitY2 aligner of another layout: it has no {key}")
                renamed[f"{ours}.layers.{k}.{kind}"] = state.pop(key)
    if state:
        raise UserError(f"{path} holds more than a UnitY2 aligner: {', '.join(sorted(state))}")
    aligner = UnitY2(config, centroids.shape[1])
    try:
        aligner.load_state_dict(renamed)
    except RuntimeError as error:
        raise UserError(f"{path} is a UnitY2 aligner of another shape: {' '.join(str(error).split())}") from error
    return aligner.eval()


def _layout(content: Mapping[str, Any], symbols: Sequence[str]) -> tuple[dict[str, Tensor], dict[str, int]]:
    """Tensors under short names, and the row of each symbol after the control ones.

    As published, the rows of characters follow their sorted order; once converted by Meta's loader, the tokenizer's.
    """
    if "model" in content:
        state = {MODEL_PREFIX.sub("", k): v for k, v in content["model"].items()}
        return state, {s: i for i, s in enumerate(symbols)}
    state = dict(content["aligner_state"])
    state["embed_text.weight"] = content["text_emb_state"]["weight"]
    state["embed_unit.weight"] = content["unit_emb_state"]["weight"]
    return state, {s: i for i, s in enumerate(sorted(symbols))}
