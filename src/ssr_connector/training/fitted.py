"""What a part is fitted to before it trains: once for all processes of a run, and not again when it goes on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssr_connector.files import replace_file
from ssr_connector.training.processes import processes
from ssr_connector.training.run import is_begun


class Fitted:
    """Tensors beside a run, in .npy files. All processes ask for each at once."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def __call__(self, name: str, fit: Callable[[], Tensor]) -> Tensor:
        """The one of this name. `fit` is called by the first process alone, and by a run that has trained never."""
        file = self.out / f"{name}.npy"
        with processes().main_process_first():
            if processes().is_main_process and not (file.is_file() and is_begun(self.out)):
                with replace_file(file) as new, new.open("wb") as stream:
                    np.save(stream, fit().cpu().numpy())
        return torch.from_numpy(np.load(file))
