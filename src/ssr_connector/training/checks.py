"""What a recipe cannot mean, said before any model is loaded."""

from pathlib import Path

from ssr_connector.config import Recipe, TrainingSection, paths_of
from ssr_connector.connectors import CONNECTORS
from ssr_connector.errors import UserError
from ssr_connector.training.objectives import OBJECTIVES
from ssr_connector.training.rehearsal import REHEARSAL, SELF
from ssr_connector.training.retention import check_guard
from ssr_connector.training.sharding import is_sharded

PARTS = ("aligner", "connector", "llm")
MADE_BY = {"train": "ssr prepare", "dev": "ssr prepare", "frames": "ssr encode", "alignments": "ssr align"}


def check_recipe(recipe: Recipe) -> None:
    """Of a stage that trains parts of a model. Raises UserError where parts, objectives and data do not go together."""
    config = recipe.training
    check_objectives(recipe)
    check_speech(recipe, "train", "dev", "frames", "alignments")
    if {"text", "ewc"} & set(config.objectives):
        check_text(recipe, "text")
    if "llm" in config.train:
        check_text(recipe, "dev_text")
    check_optimizer(config)
    if is_sharded(config):
        check_sharding(recipe)
    check_guard(config.max_text_drop, config.evaluate_every, bool(recipe.data.dev_text) and "llm" in config.train)


def check_speech(recipe: Recipe, *names: str) -> None:
    """Raise UserError where a file or folder of these keys of `data` is not there."""
    for name in names:
        for path in paths_of(getattr(recipe.data, name)):
            if not path.exists():
                raise UserError(f"data.{name}: there is no {path}; `{MADE_BY[name]}` makes it")


def check_text(recipe: Recipe, name: str) -> None:
    """The same of written text."""
    path = getattr(recipe.data, name)
    if path and path != SELF and not Path(path).exists():
        raise UserError(f"data.{name}: there is no {path}; give a file of one document a line, or JSON lines")


def check_objectives(recipe: Recipe) -> None:
    """Raise UserError where parts, objectives and the connector do not go together."""
    config = recipe.training
    unknown = [p for p in config.train if p not in PARTS] + [o for o in config.objectives if o not in OBJECTIVES]
    if unknown or not config.train:
        raise UserError(
            f"training.train names parts ({', '.join(PARTS)}) and training.objectives objectives "
            f"({', '.join(OBJECTIVES)}); {unknown[0] if unknown else 'no part'} is given"
        )
    connector = CONNECTORS.get(recipe.connector.type)
    if connector is None:
        return  # which is said, with all that there are, when it is built
    if "distil" in config.objectives and not connector.needs_segments:
        raise UserError(f"connector.type {recipe.connector.type!r} has no vector per token to distil; use continuation")
    needed = connector.needed_objective
    if "connector" in config.train and needed and needed not in config.objectives:
        raise UserError(
            f"connector.type {recipe.connector.type!r} learns how many vectors to emit from the objective {needed}; "
            f"add --training.objectives.{needed} 0.1"
        )
    if {"text", "ewc"} & set(config.objectives) and not recipe.data.text:
        raise UserError(
            "the objectives text and ewc need text data: --data.text FILE (one document a line, or JSON lines)"
        )


def check_optimizer(config: TrainingSection) -> None:
    """Raise UserError where it needs weights in one piece that are divided."""
    if is_sharded(config) and config.optimizer != "adamw":
        reason = f"training.optimizer {config.optimizer}, which takes its steps from whole matrices; use adamw"
        raise UserError(f"training.sharding fsdp does not go with {reason}")


def check_sharding(recipe: Recipe) -> None:
    """Raise UserError where something needs the LLM in one piece."""
    config = recipe.training
    reason = None
    if recipe.llm.quantize != "none":
        reason = f"llm.quantize {recipe.llm.quantize}: a quantised LLM is not divided; use --llm.dtype bfloat16"
    elif "ewc" in config.objectives:
        reason = "the objective ewc, which looks at all weights at once; use text_kl or training.adapter"
    elif recipe.data.text == SELF and not (Path(recipe.out) / REHEARSAL).is_file():
        reason = f"data.text {SELF}: let one process without sharding write {Path(recipe.out) / REHEARSAL} first"
    if reason:
        raise UserError(f"training.sharding fsdp does not go with {reason}")
