"""What a recipe cannot mean, said before any model is loaded."""

from pathlib import Path

from ssr_connector.config import LLMSection, Recipe, TrainingSection, paths_of
from ssr_connector.connectors import CONNECTORS
from ssr_connector.errors import UserError
from ssr_connector.training.objectives import OBJECTIVES
from ssr_connector.training.rehearsal import REHEARSAL, SELF
from ssr_connector.training.retention import check_guard
from ssr_connector.training.sharding import is_sharded

PARTS = ("connector", "llm")
POSITIVE = ("accumulate", "clip", "checkpoint_every", "keep_checkpoints", "log_every", "text_block", "batch_tokens")
NOT_NEGATIVE = ("steps", "lr", "warmup_steps", "weight_decay", "workers", "evaluate_every")
PER_TOKEN = {"distil", "speech_lm", "text_kl"}  # objectives that ask for a vector of each token
ON_TEXT = {"text", "ewc"}
NOT_OF_ALIGNERS = ("freeze", "adapter", "compile", "gradient_checkpointing", "evaluate_every", "max_text_drop")
MADE_BY = {"train": "ssr prepare", "dev": "ssr prepare", "frames": "ssr encode", "alignments": "ssr align"}


def check_aligner_recipe(recipe: Recipe) -> None:
    """Of the stage that trains an aligner, on its own loss. Raises UserError at what it would not heed."""
    config, defaults = recipe.training, TrainingSection()
    refuse_start(config)
    check_speech(recipe, "train", "dev", "frames")
    check_training(config)
    for key in NOT_OF_ALIGNERS:
        if getattr(config, key) != getattr(defaults, key):
            raise UserError(f"training.{key} means nothing where an aligner is trained; leave it out")
    others = [name for name in config.objectives if name in OBJECTIVES] + [p for p in config.train if p != "aligner"]
    if others:
        raise UserError(f"where an aligner is trained it learns alone, on its own loss: leave {others[0]} out")


def refuse_start(config: TrainingSection) -> None:
    """Raise UserError at a model to go on from, where a stage begins anew."""
    if config.start_from is not None:
        raise UserError(
            "training.start_from is for `ssr train finetune`, which goes on from a model (with --training.train "
            "[connector] and stage 1's objectives as stage 1 does); this stage begins anew: leave it out"
        )


def check_recipe(recipe: Recipe) -> None:
    """Of a stage that trains parts of a model. Raises UserError where parts, objectives and data do not go together."""
    config = recipe.training
    check_objectives(recipe)
    check_speech(recipe, "train", "dev", "frames", "alignments")
    if ON_TEXT & set(config.objectives):
        check_text(recipe, "text")
    if "llm" in config.train:
        check_text(recipe, "dev_text")
        check_precision(recipe)
    check_training(config)
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
    if config.adapter != "none" and "llm" not in config.train:
        raise UserError(f"training.adapter {config.adapter} is for an LLM that learns: --training.train [llm]")
    connector = CONNECTORS.get(recipe.connector.type)
    if connector is None:
        return  # which is said, with all that there are, when it is built
    per_token = sorted(PER_TOKEN & set(config.objectives))
    if per_token and not connector.needs_segments:
        raise UserError(
            f"connector.type {recipe.connector.type!r} has no vector per token, as the objective {per_token[0]} "
            "needs; use continuation and transcribe"
        )
    needed = connector.needed_objective
    if "connector" in config.train and needed and needed not in config.objectives:
        raise UserError(
            f"connector.type {recipe.connector.type!r} learns how many vectors to emit from the objective {needed}; "
            f"add --training.objectives.{needed} 0.1"
        )
    if ON_TEXT & set(config.objectives):
        if not recipe.data.text:
            raise UserError(
                "the objectives text and ewc need text data: --data.text FILE (one document a line, or JSON lines)"
            )
        if "llm" not in config.train:
            raise UserError("the objectives text and ewc are for an LLM that learns: --training.train [llm]")


def check_precision(recipe: Recipe) -> None:
    """Raise UserError where an LLM that learns would be kept in too few bits to learn."""
    if recipe.training.adapter == "none" and recipe.llm != LLMSection(recipe.llm.name, attention=recipe.llm.attention):
        raise UserError(
            "an LLM that learns as a whole is kept in float32: --training.precision bf16 makes its arithmetic cheaper, "
            "--training.adapter lora learns additions to one that is kept in fewer bits"
        )


def check_training(config: TrainingSection) -> None:
    """Of any stage. Raises UserError at a number that no run can have, or where the optimiser needs whole matrices."""
    for key in POSITIVE:
        if not getattr(config, key) > 0:
            raise UserError(f"training.{key} is {getattr(config, key)}; it must be above 0")
    for key in NOT_NEGATIVE:
        if not getattr(config, key) >= 0:
            raise UserError(f"training.{key} is {getattr(config, key)}; it must not be below 0")
    if not 0 <= config.final_lr_share <= 1:
        raise UserError(f"training.final_lr_share is {config.final_lr_share}; give a share of the rate, from 0 to 1")
    if not all(0 <= beta < 1 for beta in config.betas):
        raise UserError(f"training.betas are {', '.join(map(str, config.betas))}; give two from 0 to below 1")
    if is_sharded(config) and config.optimizer != "adamw":
        raise undivided(f"training.optimizer {config.optimizer}, which takes its steps from whole matrices; use adamw")


def check_sharding(recipe: Recipe) -> None:
    """Raise UserError where something needs the LLM in one piece."""
    config = recipe.training
    if recipe.llm.quantize != "none":
        raise undivided(f"llm.quantize {recipe.llm.quantize}: a quantised LLM is not divided; use --llm.dtype bfloat16")
    if "ewc" in config.objectives:
        raise undivided("the objective ewc, which looks at all weights at once; use text_kl or training.adapter")
    rehearsal = Path(recipe.out) / REHEARSAL
    if recipe.data.text == SELF and not rehearsal.is_file():
        raise undivided(f"data.text {SELF}: let one process without sharding write {rehearsal} first")


def undivided(reason: str) -> UserError:
    """For what weights in one piece are needed for."""
    return UserError(f"training.sharding fsdp does not go with {reason}")
