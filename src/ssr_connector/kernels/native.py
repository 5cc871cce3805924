"""The compiled kernels: C++ built with the package, called through a plain C interface that no torch version changes.

`ctypes` lets go of Python's lock during a call, so that other threads go on.
"""

import ctypes
import logging
import os
from enum import IntEnum
from functools import cache
from pathlib import Path

from torch import Tensor

from ssr_connector.errors import UserError

LIBRARY = Path(__file__).with_name("_core.so")
_DISABLE = "SSR_CONNECTOR_REFERENCE_KERNELS"  # set to compare with the reference, or to work around a broken build


class Status(IntEnum):
    """What became of one item."""

    ALIGNED = 0
    INFEASIBLE = 1
    NOT_A_NUMBER = 2


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels; None where the package was installed without a compiler, which is said once."""
    if os.environ.get(_DISABLE):
        return None
    try:
        return ctypes.CDLL(str(LIBRARY))
    except OSError:
        logging.getLogger(__name__).warning(
            "the compiled alignment kernels are missing (no C++ compiler when ssr-connector was installed?): "
            "alignment takes some ten to fifty times longer; install g++ and reinstall the package"
        )
        return None


def call(name: str, *arguments: Tensor | int) -> None:
    """Call a kernel; tensors go as pointers, numbers as int64.

    Raises MemoryError where its workspace does not fit, and UserError where the library was built from other sources.
    """
    try:
        function = getattr(library(), name)
    except AttributeError as error:
        raise UserError(f"{LIBRARY} is of another version of ssr-connector: reinstall the package") from error
    converted = [ctypes.c_void_p(a.data_ptr()) if isinstance(a, Tensor) else ctypes.c_int64(a) for a in arguments]
    if function(*converted):
        raise MemoryError(f"{name} found no memory for its workspace")
