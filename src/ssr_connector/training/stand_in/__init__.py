"""What a step of a stage does, on modules with new weights and silence: it takes the memory and time of a real one."""

from collections.abc import Callable

from ssr_connector.config import Recipe
from ssr_connector.training.stand_in.aligner import assemble_aligner
from ssr_connector.training.stand_in.base import (
    Parts,
    Speech,
    evaluation_or_training,
    fuse_attention,
    of_step,
    seconds_of,
    weight_bytes,
)
from ssr_connector.training.stand_in.model import assemble_model

# Of each stage, from a recipe and what is said; a number of layers cuts the LLM short, where there is one.
ASSEMBLE: dict[str, Callable[[Recipe, Speech, int | None], Parts]] = {
    "aligner": assemble_aligner,
    "distill": assemble_model,
    "finetune": assemble_model,
}

__all__ = [
    "ASSEMBLE",
    "Parts",
    "Speech",
    "evaluation_or_training",
    "fuse_attention",
    "of_step",
    "seconds_of",
    "weight_bytes",
]
