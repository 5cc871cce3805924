"""The recipe of an arm: a study's values over the demo's, and what of it a training run follows from."""

import dataclasses
from pathlib import Path
from typing import Any

from ssr_connector.config import HOW, Recipe, plain
from ssr_connector.studies.study import Options, Times

ELSEWHERE = {  # values that do not change what is computed, or are paths to what the keys of steps before stand for
    "training": (*HOW, "start_from", "aligner", "log_every", "checkpoint_every", "keep_checkpoints", "compile"),
    "aligner": ("recogniser", "boundaries"),
    "encoder": ("name",),
    "llm": ("name", "attention"),
}
READ_BY = {"aligner": "aligner", "distill": "connector", "multitask": "connector"}  # of these two sections


def with_options(recipe: Recipe, options: Options) -> Recipe:
    """Values in place of those under dotted keys. Raises TypeError at a key that there is not."""
    for key, value in options.items():
        section, _, name = key.rpartition(".")
        given = str(value) if isinstance(value, Path) else value
        if isinstance(value, Times):
            before = getattr(getattr(recipe, section), name)
            given = type(before)(before * value.factor)
        changed: dict[str, Any] = {name: given}
        if section:
            changed = {section: dataclasses.replace(getattr(recipe, section), **changed)}
        recipe = dataclasses.replace(recipe, **changed)
    return recipe


def content(recipe: Recipe, variant: str) -> dict[str, Any]:
    """What a training run follows from, but for what its paths stand for."""
    kept: dict[str, Any] = {"seed": recipe.seed}
    unread = {"seed", "out", "data", "tiny", "evaluation", "aligner", "connector"} - {READ_BY[variant]}
    for section in (f.name for f in dataclasses.fields(recipe) if f.name not in unread):
        values = plain(dataclasses.asdict(getattr(recipe, section)))
        kept[section] = {k: v for k, v in values.items() if k not in ELSEWHERE.get(section, ())}
    return kept
