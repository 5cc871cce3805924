"""From nothing to a measured SpeechLM: every stage of the tiny world, through the same doors that users take."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ssr_connector.aligners.corpus import align_cuts, finish
from ssr_connector.config import Recipe, check_keys, load_recipe, to_dict
from ssr_connector.data.preparation import prepare
from ssr_connector.encoders.corpus import encode_cuts
from ssr_connector.evaluation.benchmarks.style import PROMPT
from ssr_connector.files import replace_file, write_json
from ssr_connector.progress import Report, summary
from ssr_connector.tiny.encoder import EncoderTrainingConfig
from ssr_connector.tiny.llm import LLMTrainingConfig
from ssr_connector.tiny.outcome import metrics, outcome
from ssr_connector.tiny.questions import SPOKEN_PROMPT
from ssr_connector.tiny.resumable import state_folder
from ssr_connector.tiny.speak import NoiseMix
from ssr_connector.tiny.stage import Stages
from ssr_connector.tiny.tasks import ChoiceItem
from ssr_connector.tiny.world import Utterance, WorldSizes, build_world

SPOKEN_ALOUD = ("storycloze", "swuggy", "sblimp")  # tasks whose choices are spoken too
STAGE_2 = ("vanilla", "multitask")


@dataclasses.dataclass(frozen=True)
class TinySection:
    """What the recipe's section `tiny` holds."""

    world: dict[str, Any]
    llm: dict[str, Any]
    encoder: dict[str, Any]
    noise: dict[str, Any]
    accents: int  # of training, of the five there are: few are learnt sooner, many carry over to others
    baselines: dict[str, dict[str, Any]]  # name: how its learning rate is chosen (`lrs`, `trial_steps`)

    @classmethod
    def read(cls, recipe: Recipe, where: str) -> "TinySection":
        """Check every key against what it configures."""
        check_keys(recipe.tiny, cls, where, "tiny.")
        section = cls(**recipe.tiny)
        for values, target in (
            (section.world, WorldSizes),
            (section.llm, LLMTrainingConfig),
            (section.encoder, EncoderTrainingConfig),
            (section.noise, NoiseMix),
        ):
            check_keys(values, target, f"{where}, section tiny")
        return section


class Demo:
    """The whole run in one folder."""

    def __init__(self, config: Path, out: Path, overrides: Sequence[str], console: Console) -> None:
        self.config, self.out, self.overrides, self.console = config, out, list(overrides), console
        self.recipe = load_recipe(config, None, self.overrides)
        self.tiny = TinySection.read(self.recipe, str(config))
        self.stages = Stages(out, console)
        self.world = build_world(self.recipe.seed, WorldSizes(**self.tiny.world))

    def run(self) -> dict[str, Any]:
        """All stages, in the order of the data flow. Returns the results."""
        self.make_base()
        self.connect()
        for name in self.tiny.baselines:
            self.train(name, ["align"], self.choose_lr)
        for name in STAGE_2:
            self.train(name, ["distill"])
        self.stages.do("model", "the model to use", [], [STAGE_2[-1]], [self.out / "model"], self.publish)
        systems = ["distill", *self.tiny.baselines, *STAGE_2]
        evaluation = to_dict(self.recipe)["evaluation"]
        self.stages.do(
            "evaluate", "everything from audio alone", [evaluation], systems, [self.out / "scores.json"], self.evaluate
        )
        return outcome(self)

    def make_base(self) -> None:
        """The world, its voices, the base models, and the encoder's frames of all training speech."""
        seed = self.recipe.seed
        self.stages.do(
            "world",
            "writing stories, facts, grammar and tests",
            [seed, self.tiny.world],
            [],
            [self.out / "world"],
            self.write,
        )
        self.stages.do(
            "voices",
            "speaking the utterances and the tests with eSpeak",
            [self.tiny.noise, self.tiny.accents],
            ["world"],
            [self.out / "speech"],
            self.speak,
        )
        self.stages.do(
            "LLM",
            "training a tiny Llama on the text",
            [seed, self.tiny.llm],
            ["world"],
            [self.llm, state_folder(self.llm)],
            self.train_llm,
        )
        self.stages.do(
            "encoder",
            "training a tiny speech encoder",
            [seed, self.tiny.encoder],
            ["voices"],
            [self.encoder, state_folder(self.encoder)],
            self.train_encoder,
        )
        self.stages.do("prepare", "transcript tables to cuts", [], ["voices"], [self.out / "data"], self.prepare)
        layer = self.recipe.encoder.layer
        self.stages.do(
            "encode",
            "encoder frames of all training speech",
            [layer],
            ["encoder", "prepare"],
            [self.out / "frames"],
            self.encode,
        )

    def connect(self) -> None:
        """The recipe's aligner, and stage 1 along it."""
        self.train("aligner", ["encode", "LLM"])
        self.stages.do(
            "align", "forced alignment of all training speech", [], ["aligner"], [self.out / "align"], self.align
        )
        self.train("distill", ["align"])

    # --- where things are ---

    @property
    def llm(self) -> Path:
        """The tiny LLM."""
        return self.out / "base" / "llm"

    @property
    def encoder(self) -> Path:
        """The tiny speech encoder."""
        return self.out / "base" / "encoder"

    def cuts(self, name: str) -> Path:
        """Cuts of one part of the speech."""
        return self.out / "data" / name / "cuts.jsonl.gz"

    def stage_recipe(self, name: str, extra: Sequence[str] = ()) -> Recipe:
        """The recipe of a training stage: its variant, with this run's paths."""
        paths = {
            "out": self.out / name,
            "encoder.name": self.encoder,
            "llm.name": self.llm,
            "data.train": self.cuts("stories" if name in STAGE_2 else "train"),
            "data.dev": self.cuts("dev"),
            "data.frames": self.out / "frames",
            "data.alignments": self.out / "align",
            "data.text": self.out / "world" / "text.jsonl",
            "data.dev_text": self.out / "world" / "dev_text.jsonl",
        }
        if name in STAGE_2:
            paths["training.start_from"] = self.out / "distill" / "model"
        elif name != "aligner":
            paths["training.aligner"] = self.out / "aligner" / "aligner"
        words = [f"--{key}={value}" for key, value in paths.items()]
        return load_recipe(self.config, name, [*self.overrides, *words, *extra])

    # --- stages ---

    def write(self, report: Report) -> str:  # noqa: ARG002 - one signature for all stages
        """Text and tests to files."""
        folder = self.out / "world"
        for name, texts in (("text", self.world.text_train), ("dev_text", self.world.text_dev)):
            write_lines(folder / f"{name}.jsonl", ({"text": t} for t in texts))
        n = sum(len(items) for items in self.world.tests.values())
        return f"{len(self.world.text_train)} documents, {n} test items"

    def speak(self, report: Report) -> str:
        """All speech as FLAC files with transcript tables and true word times."""
        from ssr_connector.tiny.speak import choose_delivery, render
        from ssr_connector.tiny.voices import DEV_VOICES, TEST_VOICES, TRAIN_ACCENTS

        voices = [voice for accent in TRAIN_ACCENTS[: self.tiny.accents] for voice in accent]
        noise = NoiseMix(**self.tiny.noise)
        half = len(self.world.speech_dev) // 2
        tests, keys = test_utterances(self.world.tests)
        manners = {f"{item.id}-context": item.choices[item.answer] for item in self.world.tests["style"]}
        parts = (
            ("train", self.world.speech_train, voices, noise),
            ("stories", self.world.speech_stories, voices, noise),
            ("dev", self.world.speech_dev[:half], DEV_VOICES, None),
            ("test", self.world.speech_dev[half:], TEST_VOICES, None),
            ("tests", tests, TEST_VOICES, None),
        )
        total, before = sum(len(p[1]) for p in parts), 0
        for name, utterances, speakers, mix in parts:
            out = self.out / "speech" / name

            def forward(done: int, _: int, before: int = before) -> None:
                report(before + done, total, {})

            render(utterances, speakers, out, self.recipe.seed, mix, progress=forward, voice_keys=keys, manners=manners)
            before += len(utterances)
        for task, items in self.world.tests.items():  # beside the recordings that they name
            rows = (
                question(task, item) | {"speaker": choose_delivery(item.id, TEST_VOICES, self.recipe.seed).voice.name}
                for item in items
            )
            write_lines(self.out / "speech" / "tests" / f"{task}.jsonl", rows)
        return f"{total} recordings in {len(voices)} training and {len(TEST_VOICES)} test voices"

    def train_llm(self, report: Report) -> str:
        """The text LLM."""
        from ssr_connector.tiny.llm import train_llm

        figures = train_llm(
            self.world, self.llm, LLMTrainingConfig(**{"seed": self.recipe.seed, **self.tiny.llm}), report
        )
        return (
            f"{figures['parameters'] / 1e6:.1f} M parameters, {figures['dev_loss_nats']:.3f} nats per token on new text"
        )

    def train_encoder(self, report: Report) -> str:
        """The speech encoder."""
        from ssr_connector.tiny.encoder import train_encoder

        speech = self.out / "speech"
        config = EncoderTrainingConfig(**{"seed": self.recipe.seed, **self.tiny.encoder})
        facts = train_encoder(speech / "train", self.encoder, config, report, speech / "dev")
        right = f"{100 * facts['dev_frame_accuracy']:.1f} % of frames right in new voices"
        return f"{facts['parameters'] / 1e6:.1f} M parameters, {right}"

    def prepare(self, report: Report) -> str:
        """`ssr prepare` on every part."""
        hours, rejected = 0.0, 0
        for k, name in enumerate(("train", "stories", "dev", "test")):
            folder = self.out / "speech" / name
            made = prepare(folder / "table.tsv", self.out / "data" / name, words=folder / "words.ctm", check="header")
            hours, rejected = hours + made.hours, rejected + sum(made.rejected.values())
            report(k + 1, 4, {})
        return f"{hours:.2f} h of speech, {rejected} utterances rejected"

    def encode(self, report: Report) -> str:
        """`ssr encode` on what is trained on."""
        manifests = [self.cuts(name) for name in ("train", "stories", "dev")]
        n, rejected = encode_cuts(
            manifests, str(self.encoder), self.recipe.encoder.layer, self.out / "frames", 200.0, report
        )
        return f"{n} recordings encoded, {len(rejected)} rejected"

    def align(self, report: Report) -> str:
        """`ssr align` on what is trained on."""
        manifests = [self.cuts(name) for name in ("train", "stories", "dev")]
        aligner, out = self.out / "aligner" / "aligner", self.out / "align"
        done = align_cuts(manifests, aligner, out, 200.0, report, self.out / "frames")
        finish(out)
        share = 100 * done.shared / done.tokens
        return f"{done.aligned} aligned, {len(done.rejected)} rejected, {share:.2f} % of tokens share a frame"

    def train(self, name: str, after: list[str], choose: Callable[[str, Report], list[str]] | None = None) -> None:
        """`ssr train` with the variant of that name."""
        from ssr_connector.training import stages

        kind = (
            stages.finetune
            if name in STAGE_2
            else stages.train_aligner
            if name == "aligner"
            else stages.train_connector
        )

        def work(report: Report) -> str:
            extra = choose(name, report) if choose else []
            figures = kind(self.stage_recipe(name, extra), report)
            left_out = int(figures.get("left_out", 0))
            return " ".join(
                [summary(figures) or "already trained", *extra, *([f"{left_out} left out"] if left_out else [])]
            )

        recipe = to_dict(self.stage_recipe(name))
        inputs = [
            recipe["seed"],
            recipe["aligner" if name == "aligner" else "connector"],
            recipe["training"],
            self.tiny.baselines.get(name),
        ]
        outputs = [self.out / name]
        if choose:
            outputs.append(self.out / "trials" / name)
            outputs[1].mkdir(parents=True, exist_ok=True)
        what = {
            "aligner": "a CTC head on characters",
            "distill": "stage 1: the SSR connector",
            "vanilla": "stage 2: speech alone",
            "multitask": "stage 2: speech and text",
        }.get(name, "a baseline on the same data")
        self.stages.do(name, what, inputs, after, outputs, work)

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

    def evaluate(self, report: Report) -> str:
        """`ssr evaluate` on all systems."""
        from ssr_connector.evaluation.comparison import Spec, compare
        from ssr_connector.evaluation.tasks import TASKS

        tests = self.out / "speech" / "tests"
        systems = {"ssr": self.out / "distill" / "model"}
        systems |= {name: self.out / name / "model" for name in (*self.tiny.baselines, *STAGE_2)}
        known = [name for name, task in TASKS.items() if (tests / task.file).is_file()]  # some are of benchmarks alone
        spec = Spec(systems, known, tests, self.cuts("test"), self.recipe.evaluation, self.out / "journal")
        results = compare(spec, lambda line: self.console.print(f"    {line}"), lambda _, d, t: report(d, t, {}))
        write_json(self.out / "scores.json", results)
        return f"{len(results['rows'])} scores"


def test_utterances(tests: Mapping[str, Sequence[ChoiceItem]]) -> tuple[list[Utterance], dict[str, str]]:
    """Every spoken part of every test item, and the item that it shares its voice with."""
    utterances: list[Utterance] = []
    keys: dict[str, str] = {}
    for task, items in tests.items():
        for item in items:
            parts = [("context", item.spoken)] if item.spoken else []
            parts += [(f"choice{k}", c) for k, c in enumerate(item.choices)] if task in SPOKEN_ALOUD else []
            for name, text in parts:
                utterances.append(Utterance(f"{item.id}-{name}", text, task))
                keys[utterances[-1].id] = item.id
    return utterances, keys


def question(task: str, item: ChoiceItem) -> dict[str, Any]:
    """A test item in the form that `ssr evaluate` reads."""
    row: dict[str, Any] = {"id": item.id, "group": item.group, "answer": item.answer}
    if item.spoken:
        row["context"] = {"text": item.spoken, "audio": f"audio/{item.id}-context.flac"}
    aloud = task in SPOKEN_ALOUD
    row["choices"] = [
        {"text": c, **({"audio": f"audio/{item.id}-choice{k}.flac"} if aloud else {})}
        for k, c in enumerate(item.choices)
    ]
    if task == "mmlu_cloze":
        row["prompt"] = SPOKEN_PROMPT
    if task == "style":
        row |= {"prompt": PROMPT, "cluster": item.spoken}
    if task == "mmlu":  # the same question comes again with other options
        row |= {"written": item.context, "prompt": SPOKEN_PROMPT, "cluster": item.context.splitlines()[0]}
    return row


def write_lines(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """JSON lines, atomically."""
    with replace_file(path) as new, new.open("w") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def last_metrics(out: Path) -> dict[str, Any]:
    """The last figures of a run that is done."""
    return metrics(out / "metrics.jsonl")[-1]
