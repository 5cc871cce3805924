"""From an arm and a seed to steps: (encoder → frames →) aligner → alignments → stage 1 (→ stage 2) → scores."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssr_connector.config import Recipe, to_dict
from ssr_connector.progress import Report
from ssr_connector.studies.budgets import Budgets
from ssr_connector.studies.cache import Facts, Maker, Step
from ssr_connector.studies.damage import Damage
from ssr_connector.studies.heard import Heard
from ssr_connector.studies.options import content, with_options
from ssr_connector.studies.rates import Rates
from ssr_connector.studies.study import UNTRAINED, Arm, Made, Options, Parts, Study
from ssr_connector.tiny.base import BATCH_S, TRAINED_ON, Base, as_option
from ssr_connector.tiny.stage import content_key


@dataclass(frozen=True)
class Size:
    """How much of a study is done: `--seeds`, and what `--quick` cuts."""

    seeds: tuple[int, ...]
    arms: tuple[str, ...]
    share: float = 1.0  # of the connectors' and stage 2's training steps
    items: int = 0  # at most so many of every task; 0: all


class Pipeline:
    """The steps of a study on speech and base models."""

    def __init__(self, base: Base, study: Study, size: Size, maker: Maker, rates: Rates) -> None:
        self.base, self.study, self.size, self.maker, self.rates = base, study, size, maker, rates
        self.made_from = [base.stages.keys["encode"], base.stages.keys["LLM"]]
        self.heard = Heard(base, study, maker, rates)
        self.budgets = Budgets(self)
        self.recipes: dict[str, Recipe] = {}  # of every stage, as the base has them
        self.aligners: dict[tuple[str, int], Step] = {}  # by arm and seed
        self.connectors: dict[tuple[str, int], Step] = {}
        self.ears: dict[str, Any] = {}  # of one aligner at a time: what is heard is shared by all that it is heard for

    # --- steps ---

    def frames(self, arm: Arm) -> Step | None:
        """Of all training speech, where they are not the base's; the same for all seeds."""
        if not arm.encoder:
            return None
        from ssr_connector.encoders.corpus import encode_cuts
        from ssr_connector.encoders.store import encoder_key

        base, section = self.base, self.recipe("aligner", layer_of(arm)).encoder
        name = arm.encoder.get("encoder.name", "")
        manifests = base.manifests(*TRAINED_ON)

        def work(folder: Path, report: Report) -> Facts:
            encoder = dataclasses.replace(section, name=str(self.hears(arm)["encoder.name"]))
            encode_cuts(manifests, encoder, folder, BATCH_S, report)
            return {"encoder": encoder_key(encoder)}

        before = (self.untrained(),) if name == UNTRAINED else ()
        published = encoder_key(dataclasses.replace(section, name=name)) if name else ""
        inputs = [*self.made_from, published, section.layer]
        return Step("frames", f"{arm.title}: frames", inputs, before, work, self.rates.encode)

    def untrained(self) -> Step:
        """The base's encoder before it learnt anything."""
        from ssr_connector.tiny.encoder import EncoderTrainingConfig, save_untrained

        config = EncoderTrainingConfig(**{"seed": self.base.recipe.seed, **self.base.tiny.encoder})

        def work(folder: Path, _: Report) -> Facts:
            save_untrained(folder / "encoder", config)
            return {}

        return Step("encoder", "an encoder that learnt nothing", dataclasses.asdict(config), (), work, 1.0)

    def hears(self, arm: Arm) -> Options:
        """The paths of an arm's own encoder and its frames."""
        frames = self.frames(arm)
        if frames is None:
            return {}
        name = arm.encoder.get("encoder.name", self.base.encoder)
        if frames.before:
            name = self.maker.folder(frames.before[0]) / "encoder"
        return {"encoder.name": name, "data.frames": self.maker.folder(frames)}

    def aligner(self, arm: Arm, seed: int) -> Step:
        """Training on transcripts."""
        if (arm.name, seed) not in self.aligners:
            frames, options = self.frames(arm), {**arm.aligner, **layer_of(arm)}
            before = (frames,) if frames else ()
            step = self.training("aligner", f"aligner of {arm.title}", options, seed, before, self.hears(arm))
            self.aligners[arm.name, seed] = step
        return self.aligners[arm.name, seed]

    def alignments(self, arm: Arm, seed: int) -> Step:
        """Of all speech that the aligner is trained with, along its transcripts; by words the same for all seeds."""
        from ssr_connector.studies import aligning

        base, seconds = self.base, self.rates.align
        if arm.words:

            def by_words(folder: Path, _: Report) -> Facts:
                return aligning.align_words(base, arm.words, folder)

            return Step("align", f"{arm.title}: alignment", [*self.made_from, arm.words], (), by_words, seconds)
        aligner = self.aligner(arm, seed)
        frames = Path(self.hears(arm).get("data.frames", base.out / "frames"))
        parts = parts_of(arm.aligner) or base.named(*TRAINED_ON)

        def by_aligner(folder: Path, _: Report) -> Facts:
            return aligning.align_speech(base, parts, self.maker.folder(aligner) / "aligner", frames, folder)

        made = Step("align", f"{arm.title}, seed {seed}: alignment", [], (aligner,), by_aligner, seconds)
        if not arm.damage.get("taught"):
            return made
        damage = heard_damage(arm)

        def damaged(folder: Path, _: Report) -> Facts:
            return aligning.damage_alignments(self.maker.folder(made), damage, folder)

        return Step("damage", f"{arm.title}, seed {seed}: damage", dict(arm.damage), (made,), damaged, 1.0)

    def words_heard(self, arm: Arm, seed: int) -> Step:
        """Of the tests along their words, in the arm's surroundings; true times are the same in all of them."""
        from ssr_connector.studies import aligning

        if not arm.surroundings or arm.words == aligning.GOLD:
            return self.alignments(arm, seed)

        def work(folder: Path, _: Report) -> Facts:
            return aligning.align_heard(self.base, arm.words, self.heard.material(arm), folder)

        inputs = [*self.made_from, self.base.stages.keys["voices"], arm.words, self.heard.content(arm)]
        what = f"{arm.title}: alignment of the tests"
        return Step("align", what, inputs, self.heard.steps(arm), work, self.rates.align)

    def connector(self, arm: Arm, seed: int) -> Step:
        """Stage 1, with the learning rate and the number of steps that the arm is to have."""
        if (arm.name, seed) not in self.connectors:
            self.connectors[arm.name, seed] = self.stage_1(arm, self.budgets.options(arm), seed, "stage 1")
        return self.connectors[arm.name, seed]

    def model(self, arm: Arm, seed: int) -> Step:
        """What is scored: stage 1, or stage 2 where the arm has one."""
        first = self.connector(arm, seed)
        if arm.finetune is None:
            return first
        options = {**arm.finetune, "training.steps": self.n_steps("multitask", arm.finetune)}
        return self.training("multitask", f"{arm.title}: stage 2", options, seed, (first,), self.hears(arm))

    def scores(self, arm: Arm, seed: int) -> Step:
        """Of every item, from audio alone; along given word times what can be measured so."""
        model, aligner = self.model(arm, seed), self.aligner(arm, seed)
        words = self.words_heard(arm, seed) if arm.words else None
        heard, paired = self.heard.steps(arm), self.study.paired_systems

        def work(folder: Path, report: Report) -> Facts:  # noqa: ARG001 - facts are all that there is
            ears = self.ears_of(aligner, model, report, arm)
            along = self.maker.folder(words) if words else None
            return dict(ears.scores(self.maker.folder(model) / "model", heard_damage(arm), along, paired))

        before = (model, aligner, *([words] if words else []), *heard)
        inputs = [self.scoring(), dict(arm.damage), bool(arm.words), self.heard.content(arm), paired]
        seconds = None if self.rates.scores is None else self.rates.scores * (1.5 if paired else 1)
        return Step("scores", f"{arm.title}, seed {seed}: scores", inputs, before, work, seconds)

    def beside(self, seed: int) -> Step:
        """Of the text model, the cascade and the controls, with the reference arm's ears."""
        arm = self.study.reference
        model, aligner = self.model(arm, seed), self.aligner(arm, seed)

        def work(folder: Path, report: Report) -> Facts:  # noqa: ARG001 - facts are all that there is
            ears = self.ears_of(aligner, model, report, arm)
            return dict(ears.beside(self.maker.folder(model) / "model"))

        what = f"text model, cascade and controls, seed {seed}: scores"
        return Step("beside", what, self.scoring(), (model, aligner), work, self.rates.scores)

    # --- training runs ---

    def n_steps(self, variant: str, options: Options) -> int:
        """Of the recipe, or its share in a quick form; none stay none."""
        steps = self.recipe(variant, options).training.steps
        return max(1, round(steps * self.size.share)) if steps else 0

    def stage_1(self, arm: Arm, options: Options, seed: int, what: str) -> Step:
        """A connector of these options along the arm's alignments."""
        before = (self.aligner(arm, seed), self.alignments(arm, seed))
        options = {**options, **layer_of(arm)}
        return self.training("distill", f"{arm.title}: {what}", options, seed, before, self.hears(arm))

    def training(
        self, variant: str, what: str, options: Options, seed: int, before: tuple[Step, ...], hears: Options
    ) -> Step:
        """`ssr train` with a variant of the recipe; what its options borrow from other arms comes before it."""
        borrowed = {key: self.borrow(value, seed) for key, value in options.items() if isinstance(value, Made)}
        parts = {key: value for key, value in options.items() if isinstance(value, Parts)}
        own = {"seed": seed, **{k: value for k, value in options.items() if k not in {*borrowed, *parts}}}
        own |= self.warmup(variant, own)
        recipe = self.recipe(variant, own)
        before = (*before, *borrowed.values())

        def work(folder: Path, report: Report) -> Facts:
            cuts = {key: as_option(map(self.base.cuts, part.names)) for key, part in parts.items()}
            paths: dict[str, Any] = {"out": folder, **hears, **cuts}
            for key, step in borrowed.items():
                made = self.maker.folder(step)
                paths[key] = made / "aligner" if step.stage == "aligner" else made
            paths |= self.paths_of(variant, before)
            return run_training(variant, self.recipe(variant, {**own, **paths}), report)

        data = {key: value for key, value in own.items() if key.startswith("data.")}  # of the arm itself
        data |= {key: ",".join(part.names) for key, part in parts.items()}
        inputs = [self.made_from, content(recipe, variant), sorted(borrowed), data]
        seconds = self.rates.training(variant, recipe)
        guess = {"dev_loss": 1 / max(1, recipe.training.steps)}  # so that a forecast takes it to go on improving
        return Step(STAGES[variant], f"{what}, seed {seed}", inputs, before, work, seconds, guess)

    def warmup(self, variant: str, options: Options) -> Options:
        """The recipe's share of warm-up, for another number of steps."""
        usual = self.recipe(variant, {}).training
        steps = options.get("training.steps", usual.steps)
        if "training.warmup_steps" in options or steps == usual.steps:
            return {}
        return {"training.warmup_steps": round(usual.warmup_steps * steps / usual.steps)}

    def borrow(self, made: Made, seed: int) -> Step:
        """The step of another arm."""
        arm = self.study.arm(made.arm)
        return self.aligner(arm, seed) if made.stage == "aligner" else self.alignments(arm, seed)

    def paths_of(self, variant: str, before: tuple[Step, ...]) -> dict[str, Any]:
        """Where a stage finds what comes before it."""
        if variant == "aligner":
            return {}
        if variant == "multitask":
            first = before[0]
            aligned = self.maker.folder(first.before[1])
            return {"training.start_from": self.maker.folder(first) / "model", "data.alignments": aligned}
        aligner, alignments = before[:2]
        return {
            "training.aligner": self.maker.folder(aligner) / "aligner",
            "data.alignments": self.maker.folder(alignments),
        }

    def recipe(self, variant: str, options: Options) -> Recipe:
        """The base's recipe of a stage, with these options over it."""
        if variant not in self.recipes:
            self.recipes[variant] = self.base.stage_recipe(variant)
        return with_options(self.recipes[variant], options)

    # --- scoring ---

    def scoring(self) -> Any:
        """All that scores follow from, beside the model: the code too, as they are cheap to make again."""
        from ssr_connector.evaluation.identity import code

        section = to_dict(self.base.recipe)["evaluation"] | {
            "snr_db": list(self.study.snr_db),
            "items": self.size.items,
        }
        return [self.made_from, self.base.stages.keys["voices"], section, list(self.study.tasks), code()]

    def ears_of(self, aligner: Step, model: Step, report: Report, arm: Arm) -> Any:
        """What this aligner hears of an arm's tests, heard once for the arms that share both one after another."""
        from ssr_connector.studies.ears import Ears

        key = content_key(self.heard.content(arm), [aligner.key, *(step.key for step in self.heard.steps(arm))])
        if key not in self.ears:
            config = dataclasses.replace(self.base.recipe.evaluation, snr_db=self.study.snr_db, items=self.size.items)
            folder = self.maker.folder(model) / "model"
            self.ears = {key: Ears(self.heard.material(arm), folder, config, report)}
        return self.ears[key]


STAGES = {"aligner": "aligner", "distill": "stage1", "multitask": "stage2"}


def layer_of(arm: Arm) -> Options:
    """Which hidden state an arm hears, where not the recipe's."""
    return {key: value for key, value in arm.encoder.items() if key == "encoder.layer"}


def parts_of(options: Options) -> tuple[str, ...]:
    """The parts of the speech that an arm's options name."""
    return tuple(name for value in options.values() if isinstance(value, Parts) for name in value.names)


def heard_damage(arm: Arm) -> Damage:
    """What an arm does to alignments."""
    return Damage(**{key: value for key, value in arm.damage.items() if key != "taught"})


def run_training(variant: str, recipe: Recipe, report: Report) -> Facts:
    """Train, and say what came of it."""
    from ssr_connector.training import stages
    from ssr_connector.training.loop import SUMMARY

    kinds = {"aligner": stages.train_aligner, "distill": stages.train_connector, "multitask": stages.finetune}
    kinds[variant](recipe, report)
    summary = json.loads((Path(recipe.out) / SUMMARY).read_text(encoding="utf-8"))
    figures = {name: summary[name] for name in ("steps", "loss", "dev_loss") if name in summary}
    return {"learning_rate": recipe.training.lr, **figures}
