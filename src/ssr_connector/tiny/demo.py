"""From nothing to a measured SpeechLM: every stage of the tiny world, through the same doors that users take."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ssr_connector.aligners.corpus import align_cuts, finish
from ssr_connector.config import HOW, AugmentSection, LLMSection, to_dict
from ssr_connector.errors import UserError
from ssr_connector.evaluation.journal import HEARD, SCORED
from ssr_connector.files import write_json
from ssr_connector.progress import Report, summary
from ssr_connector.tiny.base import BATCH_S, TRAINED_ON, Base, SpeechPart
from ssr_connector.tiny.outcome import metrics, outcome
from ssr_connector.tiny.speak import NoiseMix
from ssr_connector.tiny.stage import Stage
from ssr_connector.tiny.voices import DEV_VOICES, TEST_VOICES, TRAIN_ACCENTS
from ssr_connector.tiny.world import World, WorldSizes, build_world

if TYPE_CHECKING:
    from ssr_connector.evaluation.comparison import Spec

AS_LOADED = ("dtype", "quantize")  # what training follows from of the section `llm`, beside the model itself
STAGE_2 = ("vanilla", "multitask")
OURS = ("distill", *STAGE_2)  # the stages that train SSR's systems


class Demo(Base):
    """The whole run in one folder."""

    def __init__(self, config: Path, out: Path, overrides: Sequence[str], console: Console) -> None:
        super().__init__(config, out, overrides, console)
        if self.recipe.augment != AugmentSection():
            raise UserError(
                "augment: this trains on frames that are encoded once; leave it out (tiny.noise has noises)"
            )
        self.world = build_world(self.recipe.seed, WorldSizes(**self.tiny.world))

    @property
    def reading(self) -> World:
        """The world's texts."""
        return self.world

    @cached_property
    def parts(self) -> tuple[SpeechPart, ...]:
        """Voices of development and tests are of accents and kinds that training never hears."""
        world = self.world
        voices = [voice for accent in TRAIN_ACCENTS[: self.tiny.accents] for voice in accent]
        noise = NoiseMix(**self.tiny.noise)
        half = len(world.speech_dev) // 2
        manners = {f"{item.id}-context": item.choices[item.answer] for item in world.tests["style"]}
        return (
            SpeechPart("train", "train", world.speech_train, voices, noise),
            SpeechPart("stories", "stories", world.speech_stories, voices, noise),
            SpeechPart("dev", "dev", world.speech_dev[:half], DEV_VOICES),
            SpeechPart("test", "test", world.speech_dev[half:], TEST_VOICES),
            SpeechPart.of_tests("tests", world.tests, TEST_VOICES, manners),
        )

    def run(self, jobs: int = 1) -> dict[str, Any]:
        """All stages, as many as `jobs` at a time. Returns the results.

        Stages of another recipe are done anew. Raises UserError where nothing would be left of what is in the folder.
        """
        if self.stages.done_otherwise(self.stages_of_base()[:1]):
            raise UserError(f"{self.out} holds a run of another seed or world: give another --out, or remove that one")
        self.make(self.all_stages(), jobs)
        return outcome(self)

    def all_stages(self) -> list[Stage]:
        """In the order of the data flow."""
        aligned, heard, scored = self.out / "align", self.journal / HEARD, self.journal / SCORED
        compared = self.out / "scores.json"
        tested = [to_dict(self.recipe)["evaluation"]]
        baselines = [*self.tiny.baselines]
        systems = ["distill", *baselines, *STAGE_2]
        return [
            *self.stages_of_base(),
            self.training("aligner", ["encode", "tokenizer"]),
            Stage("align", "forced alignment of all training speech", [], ["aligner"], [aligned], self.align),
            self.training("distill", ["align", "LLM"]),
            Stage("hear", "what the aligner hears in the tests", tested, ["aligner"], [heard], self.hear),
            *(self.training(name, ["distill"]) for name in STAGE_2),
            Stage("model", "the model to use", [], [STAGE_2[-1]], [self.out / "model"], self.publish),
            Stage("listen", "scores of SSR's own systems", tested, [*OURS, "hear"], [scored], self.listen),
            *(self.training(name, ["align", "LLM"], self.choose_lr) for name in baselines),
            Stage("evaluate", "everything from audio alone", tested, [*systems, "listen"], [compared], self.evaluate),
        ]

    def data_of(self, name: str) -> dict[str, Any]:
        """The recordings of a training stage, their frames and alignments, and what it starts from."""
        options = {**super().data_of(name), "data.alignments": self.out / "align"}
        if name in STAGE_2:
            return options | {
                "data.train": self.cuts("stories"),
                "training.start_from": self.out / "distill" / "model",
            }
        return options if name == "aligner" else options | {"training.aligner": self.out / "aligner" / "aligner"}

    # --- stages ---

    def align(self, report: Report) -> str:
        """`ssr align` on what is trained on."""
        aligner, out = self.out / "aligner" / "aligner", self.out / "align"
        done = align_cuts(self.manifests(*TRAINED_ON), aligner, out, BATCH_S, report, self.out / "frames")
        finish(out)
        share = 100 * done.shared / done.tokens
        return f"{done.aligned} aligned, {len(done.rejected)} rejected, {share:.2f} % of tokens share a frame"

    def training(
        self, name: str, after: Sequence[str], choose: Callable[[str, Report], list[str]] | None = None
    ) -> Stage:
        """`ssr train` with the variant of that name."""
        recipe = to_dict(self.stage_recipe(name))
        inputs = [
            recipe["seed"],
            recipe["aligner" if name == "aligner" else "connector"],
            {key: value for key, value in recipe["training"].items() if key not in HOW},
            self.tiny.baselines.get(name),
            *(loaded_otherwise(recipe) if name != "aligner" else ()),
        ]
        outputs = [self.out / name, *([self.out / "trials" / name] if choose else [])]
        what = {
            "aligner": "a CTC head on characters",
            "distill": "stage 1: the SSR connector",
            "vanilla": "stage 2: speech alone",
            "multitask": "stage 2: speech and text",
        }.get(name, "a baseline on the same data")
        return Stage(name, what, inputs, after, outputs, partial(self.train, name, choose))

    def train(self, name: str, choose: Callable[[str, Report], list[str]] | None, report: Report) -> str:
        """The variant of that name, with options that are chosen beforehand."""
        from ssr_connector.training import stages

        kind = (
            stages.finetune
            if name in STAGE_2
            else stages.train_aligner
            if name == "aligner"
            else stages.train_connector
        )
        extra = choose(name, report) if choose else []
        figures = kind(self.stage_recipe(name, extra), report)
        left_out = int(figures.get("left_out", 0))
        said = [summary(figures) or "already trained", *extra, *([f"{left_out} left out"] if left_out else [])]
        return " ".join(said)

    def choose_lr(self, name: str, report: Report) -> list[str]:
        """The learning rate with the lowest development loss after a short trial each."""
        from ssr_connector.training.stages import train_connector

        plan = self.tiny.baselines[name]
        losses: dict[float, float] = {}
        for lr in plan["lrs"]:
            out = self.out / "trials" / name / f"{lr:g}"
            extra = [f"--out={out}", f"--training.lr={lr}", f"--training.steps={plan['trial_steps']}"]
            extra.append(f"--training.warmup_steps={plan['trial_steps'] // 10}")
            figures = train_connector(self.stage_recipe(name, extra), report) or last_metrics(out)
            losses[lr] = figures["dev_loss"]
        write_json(self.out / "trials" / name / "losses.json", losses)
        return [f"--training.lr={min(losses, key=lambda lr: losses[lr])}"]

    def publish(self, report: Report) -> str:  # noqa: ARG002 - one signature for all stages
        """The model to use: stage 2, multitask."""
        from ssr_connector.model import SSRForConditionalGeneration

        SSRForConditionalGeneration.from_pretrained(str(self.out / STAGE_2[-1] / "model")).save_pretrained(
            str(self.out / "model")
        )
        return str(self.out / "model")

    def hear(self, report: Report) -> str:
        """All tests, through the aligner alone: it need not wait for a connector."""
        from ssr_connector.aligners.bundle import load_bundle
        from ssr_connector.evaluation.comparison import hear

        ears = load_bundle(self.out / "aligner" / "aligner")
        return f"{hear(self.comparison({}), ears, shown(report))} recordings heard"

    def listen(self, report: Report) -> str:
        """Scores of SSR's own systems, into the journal: they need not wait for the baselines."""
        return f"{len(self.compare(OURS, report)['rows'])} scores"

    def evaluate(self, report: Report) -> str:
        """`ssr evaluate` on all systems."""
        results = self.compare(["distill", *self.tiny.baselines, *STAGE_2], report)
        write_json(self.out / "scores.json", results)
        return f"{len(results['rows'])} scores"

    def compare(self, trained: Sequence[str], report: Report) -> dict[str, Any]:
        """What these stages made, on all tasks."""
        from ssr_connector.evaluation.comparison import compare

        systems = {"ssr" if name == "distill" else name: self.out / name / "model" for name in trained}
        return compare(self.comparison(systems), lambda line: self.console.print(f"    {line}"), shown(report))

    def comparison(self, systems: Mapping[str, Path]) -> "Spec":
        """These systems on all tests."""
        from ssr_connector.evaluation.comparison import Spec
        from ssr_connector.evaluation.tasks import TASKS

        tests = self.out / "speech" / "tests"
        known = [name for name, task in TASKS.items() if (tests / task.file).is_file()]  # some are of benchmarks alone
        return Spec(systems, known, tests, self.cuts("test"), self.recipe.evaluation, self.journal)

    @property
    def journal(self) -> Path:
        """What was heard and scored so far."""
        return self.out / "journal"


def shown(report: Report) -> Callable[[str, int, int], None]:
    """A report for what says of which part it is, too."""
    return lambda _, done, total: report(done, total, {})


def last_metrics(out: Path) -> dict[str, Any]:
    """The last figures of a run that is done."""
    return metrics(out / "metrics.jsonl")[-1]


def loaded_otherwise(recipe: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How the LLM is loaded; nothing where that is as ever, so that older runs stay done."""
    changed = {key: recipe["llm"][key] for key in AS_LOADED if recipe["llm"][key] != getattr(LLMSection(), key)}
    return [changed] if changed else []
