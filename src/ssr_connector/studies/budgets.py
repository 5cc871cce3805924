"""How many steps stage 1 of an arm takes, and at which learning rate: found on development data with the first seed."""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ssr_connector.errors import UserError
from ssr_connector.progress import Report
from ssr_connector.studies.cache import Facts, Step
from ssr_connector.studies.study import TOLERANCE, Arm, Options
from ssr_connector.training.loop import DivergedError

if TYPE_CHECKING:
    from ssr_connector.studies.pipeline import Pipeline

RATE_FACTOR = 3.0  # between the learning rates among which a tuned arm chooses: the recipe's, one below, one above
MOST_RATES = 5  # where the best of them is the lowest or the highest, the next one is tried too
TRIAL_SHARE = 0.15  # of the steps
MOST_DOUBLINGS = 2


class Budgets:
    """Equal steps, equal FLOPs, or until it converges."""

    def __init__(self, pipeline: "Pipeline") -> None:
        self.pipeline, self.seed = pipeline, pipeline.size.seeds[0]
        self.last_gains: dict[str, float] = {}  # of the loss, by arm, where steps were doubled: shares of it

    def options(self, arm: Arm) -> Options:
        """The arm's options with its learning rate and number of steps."""
        options = dict(arm.connector)
        if arm.tuned:
            options["training.lr"] = self.tuned_rate(arm)
        if arm.budget == "flops":
            options["training.steps"] = self.steps_of_equal_flops(arm, options)
        elif arm.budget == "converged":
            options["training.steps"] = self.steps_to_converge(arm, options)
        else:
            options["training.steps"] = self.pipeline.n_steps("distill", arm.connector)
        return options

    def tuned_rate(self, arm: Arm) -> float:
        """The learning rate with the lowest development loss after short trials of the first seed."""
        losses = {power: self.trial(arm, power) for power in (0, -1, 1)}
        best = min(losses, key=lambda power: losses[power])
        while best in (min(losses), max(losses)) and len(losses) < MOST_RATES:
            further = best + (1 if best > 0 else -1)
            losses[further] = self.trial(arm, further)
            best = min(losses, key=lambda power: losses[power])
        return self.rate(arm, best)

    def rate(self, arm: Arm, power: int) -> float:
        """The recipe's learning rate, times the factor to this power."""
        return float(f"{self.pipeline.recipe('distill', arm.connector).training.lr * RATE_FACTOR**power:.3g}")

    def trial(self, arm: Arm, power: int) -> float:
        """The development loss after a short run at that rate; no bound of it where it diverged."""
        rate = self.rate(arm, power)
        steps = max(2, round(TRIAL_SHARE * self.pipeline.n_steps("distill", arm.connector)))
        options = {**arm.connector, "training.lr": rate, "training.steps": steps, "training.bad_batches": "skip"}
        trial = self.pipeline.stage_1(arm, options, self.seed, f"trial at {rate:g}")
        facts = self.pipeline.maker.make(dataclasses.replace(trial, work=partial(tried, trial.work)))
        loss = float(facts["dev_loss"])
        return math.inf if math.isnan(loss) else loss

    def flops(self, arm: Arm, options: Options) -> Step:
        """Of one training step, counted on a batch of the data with the model of the equal-steps budget."""
        options = {**options, "training.steps": self.pipeline.n_steps("distill", arm.connector)}
        pipeline = self.pipeline
        trained = pipeline.stage_1(arm, options, self.seed, "stage 1")

        def work(folder: Path, _: Report) -> Facts:
            from ssr_connector.studies.flops import flops_of_step

            paths = pipeline.paths_of("distill", trained.before)
            recipe = pipeline.recipe("distill", {**options, **paths, "out": folder})
            return {"flops_a_step": flops_of_step(recipe, pipeline.maker.folder(trained) / "model")}

        before = (trained, pipeline.alignments(arm, self.seed))
        return Step("flops", f"{arm.title}: FLOPs", [], before, work, 5.0)

    def steps_of_equal_flops(self, arm: Arm, options: Options) -> int:
        """As many as take the FLOPs of the reference arm's at the recipe's number of steps.

        A forecast does not know them: it takes as many as take the seconds.
        """
        reference = self.pipeline.study.reference
        theirs = dict(reference.connector)
        if reference.tuned:
            theirs["training.lr"] = self.tuned_rate(reference)
        n = self.pipeline.n_steps("distill", theirs)
        steps = self.flops(reference, theirs), self.flops(arm, options)
        facts = [self.pipeline.maker.make(step) for step in steps]
        if all("flops_a_step" in found for found in facts):
            costs = [float(found["flops_a_step"]) for found in facts]
        else:
            costs = [step.before[0].seconds or 1.0 for step in steps]
        return max(1, round(n * costs[0] / costs[1]))

    def steps_to_converge(self, arm: Arm, options: Options) -> int:
        """Doubled on the first seed until the development loss improves by less than the tolerance, or the bound.

        Of the last two the one with the lower loss: more steps may be worse, or diverge.
        """
        n = self.pipeline.n_steps("distill", arm.connector)
        loss = self.dev_loss(arm, options, n)
        if not math.isfinite(loss):
            raise UserError(f"{arm.title}: training diverged with {n} steps; give a lower --training.lr")
        for _ in range(MOST_DOUBLINGS):
            n, before = 2 * n, loss
            loss = self.dev_loss(arm, options, n)
            self.last_gains[arm.name] = (before - loss) / abs(before)
            if not before - loss >= TOLERANCE * abs(before):  # nor is it where the loss is no number
                return n if loss <= before else n // 2
        return n

    def dev_loss(self, arm: Arm, options: Options, steps: int) -> float:
        """Of the first seed after so many steps."""
        run = self.pipeline.stage_1(arm, {**options, "training.steps": steps}, self.seed, f"{steps} steps")
        return float(self.pipeline.maker.make(dataclasses.replace(run, work=partial(tried, run.work)))["dev_loss"])


def tried(work: Callable[[Path, Report], Facts], folder: Path, report: Report) -> Facts:
    """What a run found that need not come to its end: no bound of the loss where it diverged."""
    try:
        return work(folder, report)
    except DivergedError:
        return {"dev_loss": math.inf}
