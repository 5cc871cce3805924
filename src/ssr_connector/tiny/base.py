"""A world's speech and base models in one folder: text and voices, an LLM, a speech encoder, and its frames."""

import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from ssr_connector.base_models import load_tokenizer
from ssr_connector.config import Recipe, check_keys, load_recipe
from ssr_connector.data.preparation import prepare
from ssr_connector.encoders.corpus import encode_cuts
from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.style import PROMPT
from ssr_connector.files import replace_file
from ssr_connector.progress import Report
from ssr_connector.tiny.encoder import EncoderTrainingConfig, train_encoder
from ssr_connector.tiny.llm import LLMTrainingConfig, Reading, train_llm
from ssr_connector.tiny.questions import SPOKEN_PROMPT
from ssr_connector.tiny.resumable import state_folder
from ssr_connector.tiny.side_by_side import do_side_by_side
from ssr_connector.tiny.speak import NoiseMix, choose_delivery, render
from ssr_connector.tiny.stage import Stage, Stages
from ssr_connector.tiny.tasks import ChoiceItem
from ssr_connector.tiny.tokenizer import VOCABULARY_TOKENS, train_tokenizer
from ssr_connector.tiny.voices import TRAIN_ACCENTS, Voice
from ssr_connector.tiny.world import Utterance, WorldSizes

SPOKEN_ALOUD = ("storycloze", "swuggy", "sblimp")  # tasks whose choices are spoken too
Role = Literal["train", "stories", "dev", "test", "tests"]  # test: transcribed utterances; tests: the items of tasks
TRAINED_ON: tuple[Role, ...] = ("train", "stories", "dev")
TRANSCRIBED: tuple[Role, ...] = (*TRAINED_ON, "test")
BATCH_S = 200.0  # seconds of audio that are encoded or aligned at once


@dataclasses.dataclass(frozen=True)
class TinySection:
    """What the recipe's section `tiny` holds."""

    world: dict[str, Any]
    llm: dict[str, Any]
    encoder: dict[str, Any]
    noise: dict[str, Any]
    accents: int  # of training: eSpeak's five, then those made here; few are learnt sooner, many carry over to others
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
        if not 1 <= section.accents <= len(TRAIN_ACCENTS):
            raise UserError(f"{where}: tiny.accents is {section.accents}, of {len(TRAIN_ACCENTS)} that there are")
        return section


@dataclasses.dataclass(frozen=True)
class SpeechPart:
    """Recordings of one use, in a folder of their own."""

    name: str
    role: Role
    utterances: Sequence[Utterance]
    voices: Sequence[Voice]
    noise: NoiseMix | None = None
    tests: Mapping[str, Sequence[ChoiceItem]] = dataclasses.field(default_factory=dict)  # by task: what is spoken of
    voice_keys: Mapping[str, str] = dataclasses.field(default_factory=dict)  # as `render` takes them
    manners: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_tests(
        cls,
        name: str,
        tests: Mapping[str, Sequence[ChoiceItem]],
        voices: Sequence[Voice],
        manners: Mapping[str, str] | None = None,
    ) -> "SpeechPart":
        """All that is spoken of the items of tasks."""
        utterances, keys = test_utterances(tests)
        return cls(name, "tests", utterances, voices, tests=tests, voice_keys=keys, manners=manners or {})


class Base(ABC):
    """What models are trained from; a subclass says what is written and what is spoken."""

    def __init__(self, config: Path, out: Path, overrides: Sequence[str], console: Console) -> None:
        self.config, self.out, self.overrides, self.console = config, out, list(overrides), console
        self.recipe = load_recipe(config, None, self.overrides)
        self.tiny = TinySection.read(self.recipe, str(config))
        self.stages = Stages(out, console)

    @property
    @abstractmethod
    def reading(self) -> Reading:
        """What the LLM reads."""

    @property
    @abstractmethod
    def parts(self) -> Sequence[SpeechPart]:
        """All that is spoken."""

    def content(self) -> Any:
        """Plain values that text and speech follow from."""
        return [self.recipe.seed, self.tiny.world]

    def stages_of_base(self) -> list[Stage]:
        """The world, its voices, the base models, and the encoder's frames of all training speech."""
        seed, out = self.recipe.seed, self.out
        return [
            Stage("world", "writing texts and tests", self.content(), [], [out / "world"], self.write),
            Stage(
                "voices",
                "speaking the utterances and the tests with eSpeak",
                [self.tiny.noise, self.tiny.accents],
                ["world"],
                [out / "speech"],
                self.speak,
            ),
            Stage(
                "tokenizer",
                "a byte-level BPE of the text",
                [VOCABULARY_TOKENS],
                ["world"],
                [self.tokenizer],
                self.train_tokenizer,
            ),
            Stage(
                "LLM",
                "training a tiny Llama on the text",
                [seed, self.tiny.llm],
                ["tokenizer"],
                [self.llm, state_folder(self.llm)],
                self.train_llm,
            ),
            Stage(
                "encoder",
                "training a tiny speech encoder",
                [seed, self.tiny.encoder],
                ["voices"],
                [self.encoder, state_folder(self.encoder)],
                self.train_encoder,
            ),
            Stage("prepare", "transcript tables to cuts", [], ["voices"], [out / "data"], self.prepare),
            Stage(
                "encode",
                "encoder frames of all training speech",
                [self.recipe.encoder.layer],
                ["encoder", "prepare"],
                [out / "frames"],
                self.encode,
            ),
        ]

    def all_stages(self) -> list[Stage]:
        """In the order of the data flow."""
        return self.stages_of_base()

    def make(self, stages: Sequence[Stage], jobs: int = 1) -> None:
        """Do what is left of some of the stages, as many as `jobs` at a time."""
        self.stages.plan(stages)
        if jobs > 1:
            again = partial(stages_of, type(self), self.config, self.out, self.overrides)
            do_side_by_side(self.stages, stages, jobs, again)
        else:
            for stage in stages:
                self.stages.do(stage)

    # --- where things are ---

    @property
    def tokenizer(self) -> Path:
        """The LLM's tokens: all of it that an aligner needs, so that the two are trained side by side."""
        return self.out / "base" / "tokenizer"

    @property
    def llm(self) -> Path:
        """The tiny LLM, with its tokenizer."""
        return self.out / "base" / "llm"

    @property
    def encoder(self) -> Path:
        """The tiny speech encoder."""
        return self.out / "base" / "encoder"

    def cuts(self, name: str) -> Path:
        """Cuts of one part of the speech."""
        return self.out / "data" / name / "cuts.jsonl.gz"

    def named(self, *roles: Role) -> tuple[str, ...]:
        """Names of the parts in these roles."""
        return tuple(part.name for part in self.parts if part.role in roles)

    def manifests(self, *roles: Role) -> list[Path]:
        """Cuts of the parts in these roles."""
        return [self.cuts(name) for name in self.named(*roles)]

    def stage_recipe(self, name: str, extra: Sequence[str] = ()) -> Recipe:
        """The recipe of a training stage: its variant, with this folder's paths."""
        llm = self.tokenizer if name == "aligner" else self.llm
        paths = {"out": self.out / name, "encoder.name": self.encoder, "llm.name": llm, **self.data_of(name)}
        words = [f"--{key}={value}" for key, value in paths.items()]
        return load_recipe(self.config, name, [*self.overrides, *words, *extra])

    def data_of(self, name: str) -> dict[str, Any]:  # noqa: ARG002 - a subclass may have other data for a stage
        """What a training stage learns from, as options."""
        return {
            "data.train": as_option(self.manifests("train")),
            "data.dev": as_option(self.manifests("dev")),
            "data.frames": self.out / "frames",
            "data.text": self.out / "world" / "text.jsonl",
            "data.dev_text": self.out / "world" / "dev_text.jsonl",
        }

    # --- stages ---

    def write(self, report: Report) -> str:  # noqa: ARG002 - one signature for all stages
        """Text to files."""
        folder = self.out / "world"
        for name, texts in (("text", self.reading.text_train), ("dev_text", self.reading.text_dev)):
            write_lines(folder / f"{name}.jsonl", ({"text": t} for t in texts))
        n = sum(len(items) for part in self.parts for items in part.tests.values())
        return f"{len(self.reading.text_train)} documents, {n} test items"

    def speak(self, report: Report) -> str:
        """All speech as FLAC files with transcript tables and true word times; tests beside their recordings."""
        seed, parts = self.recipe.seed, self.parts
        total, before = sum(len(part.utterances) for part in parts), 0
        for part in parts:
            out = self.out / "speech" / part.name

            def forward(done: int, _: int, before: int = before) -> None:
                report(before + done, total, {})

            keys, manners = part.voice_keys, part.manners
            render(part.utterances, part.voices, out, seed, part.noise, 2, forward, keys, manners)
            before += len(part.utterances)
            for task, items in part.tests.items():
                rows = (
                    question(task, item) | {"speaker": choose_delivery(item.id, part.voices, seed).voice.name}
                    for item in items
                )
                write_lines(out / f"{task}.jsonl", rows)
        trained, tested = (len({v for p in parts if p.role == role for v in p.voices}) for role in ("train", "tests"))
        return f"{total} recordings in {trained} training and {tested} test voices"

    def train_tokenizer(self, report: Report) -> str:  # noqa: ARG002 - one signature for all stages
        """What the LLM reads and writes in."""
        tokenizer = train_tokenizer(self.reading.text_train)
        tokenizer.save_pretrained(self.tokenizer)
        return f"{len(tokenizer)} tokens"

    def train_llm(self, report: Report) -> str:
        """The text LLM."""
        config = LLMTrainingConfig(**{"seed": self.recipe.seed, **self.tiny.llm})
        figures = train_llm(self.reading, load_tokenizer(str(self.tokenizer)), self.llm, config, report)
        return (
            f"{figures['parameters'] / 1e6:.1f} M parameters, {figures['dev_loss_nats']:.3f} nats per token on new text"
        )

    def train_encoder(self, report: Report) -> str:
        """The speech encoder."""
        train, dev = ([self.out / "speech" / name for name in self.named(role)] for role in ("train", "dev"))
        config = EncoderTrainingConfig(**{"seed": self.recipe.seed, **self.tiny.encoder})
        facts = train_encoder(train, self.encoder, config, report, dev)
        right = f"{100 * facts['dev_frame_accuracy']:.1f} % of frames right in new voices"
        return f"{facts['parameters'] / 1e6:.1f} M parameters, {right}"

    def prepare(self, report: Report) -> str:
        """`ssr prepare` on every part but the tests."""
        hours, rejected = 0.0, 0
        names = self.named(*TRANSCRIBED)
        for k, name in enumerate(names):
            folder = self.out / "speech" / name
            made = prepare(folder / "table.tsv", self.out / "data" / name, words=folder / "words.ctm", check="header")
            hours, rejected = hours + made.hours, rejected + sum(made.rejected.values())
            report(k + 1, len(names), {})
        return f"{hours:.2f} h of speech, {rejected} utterances rejected"

    def encode(self, report: Report) -> str:
        """`ssr encode` on what is trained on."""
        n, rejected = encode_cuts(
            self.manifests(*TRAINED_ON),
            dataclasses.replace(self.recipe.encoder, name=str(self.encoder)),
            self.out / "frames",
            BATCH_S,
            report,
        )
        return f"{n} recordings encoded, {len(rejected)} rejected"


def stages_of(kind: type[Base], config: Path, out: Path, overrides: Sequence[str], console: Console) -> list[Stage]:
    """Of a run in that folder."""
    return kind(config, out, overrides, console).all_stages()


def as_option(paths: Iterable[Path]) -> str:
    """Paths as an option takes them."""
    return ",".join(map(str, paths))


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
    with replace_file(path) as new, new.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
