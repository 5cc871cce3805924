"""How long the steps of a study will take, from what the demo's own stages took on this machine."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ssr_connector.config import Recipe
from ssr_connector.tiny.demo import STAGE_2, Demo, test_utterances

SPEECH_ALONE = {"speech_lm", "transcribe"}  # objectives of the demo's stage 2 without text


@dataclass(frozen=True)
class Rates:
    """Seconds of the demo's stages: of a training step by variant, of aligning, scoring one system, and encoding."""

    per_step: Mapping[str, float]
    align: float | None
    scores: float | None
    encode: float | None = None
    recording: float | None = None  # spoken by eSpeak

    @classmethod
    def of(cls, demo: Demo) -> "Rates":
        """What the demo has taken so far; a stage that it has not finished has no rate."""
        seconds = finished(demo.out / "stages")
        per_step = {}
        for name in ("aligner", "distill", *demo.tiny.baselines, *STAGE_2):
            if name in seconds:
                trials = demo.tiny.baselines.get(name, {"lrs": [], "trial_steps": 0})
                taken = demo.stage_recipe(name).training.steps + len(trials["lrs"]) * trials["trial_steps"]
                per_step[name] = seconds[name] / taken
        systems = 1 + len(demo.tiny.baselines) + len(STAGE_2)
        scores = seconds["evaluate"] / systems if "evaluate" in seconds else None
        recording = seconds["voices"] / recordings(demo) if "voices" in seconds else None
        return cls(per_step, seconds.get("align"), scores, seconds.get("encode"), recording)

    def speech(self, demo: Demo) -> float | None:
        """Of speaking the tests once more."""
        return None if self.recording is None else self.recording * tests(demo)

    def training(self, variant: str, recipe: Recipe) -> float | None:
        """Of a run with its own number of steps: that of the demo's stage with like objectives."""
        like = variant
        if variant == "distill" and "distil" not in recipe.training.objectives:
            like = "stack_layers" if recipe.connector.layers else "stack_plain"
        if variant == "multitask" and not set(recipe.training.objectives) - SPEECH_ALONE and "vanilla" in self.per_step:
            like = "vanilla"
        rate = self.per_step.get(like)
        return None if rate is None else rate * recipe.training.steps


def recordings(demo: Demo) -> int:
    """How many the demo makes."""
    world = demo.world
    return tests(demo) + sum(map(len, (world.speech_train, world.speech_stories, world.speech_dev)))


def tests(demo: Demo) -> int:
    """How many of these are of tests."""
    return len(test_utterances(demo.world.tests)[0])


def finished(folder: Path) -> dict[str, float]:
    """Seconds of the stages that came to an end."""
    states = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    return {name: float(state["seconds"]) for name, state in states.items() if state.get("result")}
