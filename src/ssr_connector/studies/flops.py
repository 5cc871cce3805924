"""Floating-point operations of a training step, counted while it is taken on real data."""

from pathlib import Path

from ssr_connector.config import Recipe, paths_of


def flops_of_step(recipe: Recipe, model: Path) -> int:
    """Of forward and backward on the first batch of a run of stage 1, with a model that such a run trained.

    What the LLM writes for the objective `continuation` is not counted: it is written once, however many steps follow.
    """
    from ssr_connector.encoders.source import frame_source
    from ssr_connector.model import SSRForConditionalGeneration
    from ssr_connector.training.batches import Batch
    from ssr_connector.training.data import load_cuts, read_fitting, speech_batches
    from ssr_connector.training.footprint import count_flops
    from ssr_connector.training.loop import Student, Weighted
    from ssr_connector.training.objectives import build_objectives

    trained = SSRForConditionalGeneration.from_pretrained(str(model))
    trained.requires_grad_(False)
    trained.connector.requires_grad_(True)
    config = trained.config
    source, _, clock = frame_source(paths_of(recipe.data.frames), config.heard, trained.encoder)
    cuts, texts = load_cuts(recipe.data.train, config.text_form)
    alignments = read_fitting(paths_of(recipe.data.alignments), texts, trained.tokenize, clock)
    speech = speech_batches(recipe, cuts, source, texts, trained.tokenize, alignments)
    batch = Batch(next(speech.epoch(0)), None)
    weights = recipe.training.objectives
    built = build_objectives(trained, recipe.training, None)
    student = Student(trained, [Weighted(name, weight, built[name]) for name, weight in weights.items()])
    student.train()
    student(batch)
    with count_flops() as counter:
        student(batch)[0].backward()
    return int(counter.get_total_flops())
