import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

SHARED = Path(os.environ.get("SSR_SHARED", Path(__file__).parents[4] / "shared")) / "data"


@pytest.fixture
def record():
    """Write a recording of a quarter of a second, and the folders above it."""

    def write(path: Path, k: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * np.sin(np.arange(4000) / (5 + k)), 16000)
        return path

    return write


@pytest.fixture(scope="session")
def shared():
    """Folder of a real benchmark; skips where it is not there."""

    def find(name: str) -> Path:
        if not (SHARED / name).is_dir():
            pytest.skip(f"no shared data {name}: set SSR_SHARED to its folder")
        return SHARED / name

    return find


class Planted:
    """Stands for a model whose log-likelihoods are known by the name of the recording or by the text."""

    def __init__(self, scores):
        self.scores = scores

    def loglikelihood(self, pairs, batch_tokens):
        from ssr_connector.model.scoring import Score

        return [Score(self.scores[continuation], 1) for _, (continuation,) in pairs]


@pytest.fixture
def score(tmp_path):
    """The row of a task in mode S, given what each recording (by the stem of its name) scores."""

    def run(task, items, scores):
        from ssr_connector.config import EvaluationSection
        from ssr_connector.evaluation.suite import Suite
        from ssr_connector.evaluation.tasks import TASKS, spoken_parts

        suite = Suite(tmp_path, EvaluationSection(bootstrap=50), [task], {})
        suite._items = {TASKS[task].file: items}
        parts = spoken_parts("S", lambda spoken: Path(spoken.audio).stem)
        suite.score(Planted(scores), parts, task, "S", "ssr")
        return suite.rows[0]

    return run
