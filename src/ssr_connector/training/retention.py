"""The text abilities of an LLM that learns speech, watched: a run that forgets more than it may goes back and stops."""

import json
import shutil
from pathlib import Path

from torch import nn

from ssr_connector.errors import UserError
from ssr_connector.files import write_json
from ssr_connector.training.checkpoint import Position, load_state, save_state
from ssr_connector.training.processes import processes

START = "start.json"


class TextGuard:
    """Keeps the newest weights whose loss on held-out text is at most `limit` nats a token above that at the start."""

    def __init__(self, folder: Path, module: nn.Module, limit: float, goes_on: bool) -> None:
        self.folder, self.module, self.limit = folder, module, limit
        with processes().main_process_first():
            if processes().is_main_process and not goes_on:  # the recipe may have been another one
                shutil.rmtree(folder, ignore_errors=True)

    @property
    def begun(self) -> bool:
        """Whether the loss at the start is known."""
        return (self.folder / START).is_file()

    def begin(self, text_loss: float) -> None:
        """Remember the start."""
        save_state(self.folder, self.module, [], Position(), keep=1)
        if processes().is_main_process:
            write_json(self.folder / START, {"text_loss": text_loss})

    def allows(self, at: Position, text_loss: float) -> bool:
        """Whether so much loss may be; if it may, these weights are the ones to go back to."""
        start = json.loads((self.folder / START).read_text())["text_loss"]
        if not text_loss <= start + self.limit:  # nor where it is no number
            return False
        save_state(self.folder, self.module, [], at, keep=1)
        return True

    def go_back(self) -> int:
        """Take up the newest weights within the limit; returns their step."""
        return load_state(self.folder, self.module, []).step


def check_guard(max_text_drop: float | None, evaluate_every: int, has_text: bool) -> None:
    """Raise UserError where a limit is set that nothing would watch."""
    if max_text_drop is not None and not (evaluate_every and has_text):
        raise UserError(
            "training.max_text_drop needs what it is watched by: an LLM that learns, --data.dev_text FILE and "
            "--training.evaluate_every STEPS"
        )
