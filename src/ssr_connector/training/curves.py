"""A run's picture: how it scored on development data, speech beside text, over its steps."""

import json
from pathlib import Path

from ssr_connector.config import TrainingSection

PICTURE = "curves.svg"


def draw_curves(metrics: Path, config: TrainingSection) -> None:
    """Draw the figures of a run's log beside it."""
    from ssr_connector.evaluation.figures import curves, save  # matplotlib takes a second to import

    records = [json.loads(line) for line in metrics.read_text().splitlines()]
    with curves(records, config.max_text_drop) as figure:
        save(figure, metrics.with_name(PICTURE))
