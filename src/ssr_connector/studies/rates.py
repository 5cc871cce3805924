"""How long the steps of a study will take, from what the demo's own stages took on this machine."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ssr_connector.config import Recipe
from ssr_connector.tiny.base import TRAINED_ON, Base, Role
from ssr_connector.tiny.demo import STAGE_2, Demo
from ssr_connector.tiny.stage import length, spans_of

SPEECH_ALONE = {"speech_lm", "transcribe"}  # objectives of the demo's stage 2 without text


@dataclass(frozen=True)
class Rates:
    """Seconds of the demo's stages: of a training step by variant, of aligning, scoring one system, and encoding."""

    per_step: Mapping[str, float]
    align: float | None
    scores: float | None
    encode: float | None = None
    recording: float | None = None  # spoken by eSpeak
    stages: Mapping[str, float] = field(default_factory=dict)  # whole ones, of those that are done

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
        tested = sum(seconds.get(name, 0.0) for name in ("hear", "listen", "evaluate"))
        scores = tested / systems if "evaluate" in seconds else None
        recording = (
            seconds["voices"] / sum(len(part.utterances) for part in demo.parts) if "voices" in seconds else None
        )
        return cls(per_step, seconds.get("align"), scores, seconds.get("encode"), recording, seconds)

    def on(self, base: Base, demo: Demo) -> "Rates":
        """For a base of the same recipe with other numbers of recordings; its stages take what the demo's took."""

        def scaled(seconds: float | None, share: float) -> float | None:
            return None if seconds is None else seconds * share

        trained, tested = (recordings(base, roles) / recordings(demo, roles) for roles in (TRAINED_ON, ("tests",)))
        return replace(self, align=scaled(self.align, trained), scores=scaled(self.scores, tested))

    def speech(self, base: Base) -> float | None:
        """Of speaking the tests once more."""
        return None if self.recording is None else self.recording * recordings(base, ("tests",))

    def training(self, variant: str, recipe: Recipe) -> float | None:
        """Of a run with its own number of steps: that of the demo's stage with like objectives."""
        like = variant
        if variant == "distill" and "distil" not in recipe.training.objectives:
            like = "stack_layers" if recipe.connector.layers else "stack_plain"
        if variant == "multitask" and not set(recipe.training.objectives) - SPEECH_ALONE and "vanilla" in self.per_step:
            like = "vanilla"
        rate = self.per_step.get(like)
        return None if rate is None else rate * recipe.training.steps


def recordings(base: Base, roles: Sequence[Role]) -> int:
    """How many there are in these roles; of tests in several languages those of one, which an arm hears at a time."""
    counts = [len(part.utterances) for part in base.parts if part.role in roles]
    return max(counts) if "tests" in roles else sum(counts)


def finished(folder: Path) -> dict[str, float]:
    """Seconds of the stages that came to an end."""
    states = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    return {name: length(spans_of(state)) for name, state in states.items() if state.get("result")}
