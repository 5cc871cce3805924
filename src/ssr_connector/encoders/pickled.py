"""What a foreign checkpoint of PyTorch holds, read without importing or running anything that its pickle names."""

import pickle
import struct
from pathlib import Path
from typing import Any

import torch

from ssr_connector.errors import UserError

PACKAGES = ("fairseq.", "omegaconf.")  # settings, dictionaries, meters
NAMES = frozenset(
    {
        "_codecs.encode",
        "argparse.Namespace",
        "collections.defaultdict",
        "numpy._core.multiarray.scalar",
        "numpy.core.multiarray.scalar",
        "numpy.dtype",
        "typing.Any",
        *(f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "str", "tuple")),
    }
)


class Inert:
    """Stands in for a class or a function that a pickle names: keeps the state it is given, and does nothing."""

    state: Any = None

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


def read_pickled(path: Path) -> Any:
    """The content of a `torch.save` file: tensors and plain values as they are, objects of `PACKAGES` as `Inert`.

    Tensors stay on disk until they are used. Loaded with `weights_only`, each name that the pickle holds replaced by a
    class of ours. Raises UserError where it is no such file, or names anything else.
    """
    try:
        with path.open("rb"):  # a missing file is an OSError that names it
            names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        refused = sorted(name for name in names if name not in NAMES and not name.startswith(PACKAGES))
        if refused:
            raise UserError(f"{path} asks for {refused[0]}, which no configuration needs; nothing of it was loaded")
        stand_ins: list[Any] = [(type("StandIn", (Inert,), {}), name) for name in names]
        with torch.serialization.safe_globals(stand_ins):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror or error})") from error
    except (
        RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError, EOFError,
        pickle.UnpicklingError, struct.error,
    ) as error:  # fmt: skip
        reason = (str(error).splitlines() or [""])[0]
        raise UserError(
            f"{path} is no checkpoint of torch.save, or damaged ({reason or type(error).__name__})"
        ) from error


def plain(value: Any) -> Any:
    """Settings as dictionaries, lists and scalars, out of omegaconf's containers and nodes and argparse's namespaces.

    Interpolations and missing values stay the text that they are.
    """
    if isinstance(value, Inert):
        state = value.state if isinstance(value.state, dict) else {}
        for key in ("_content", "_val"):  # of an omegaconf container, of a node
            if key in state:
                return plain(state[key])
        value = state
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items() if isinstance(k, str | int)}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value
