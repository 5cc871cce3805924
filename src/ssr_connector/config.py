"""The recipe: one typed configuration for every verb.

A recipe is a YAML file. Its sections are the fields of `Recipe`; `variants` holds named partial recipes, of which
`ssr train` takes the one it is asked for (`aligner`, `distill`, `finetune`, or any other name).
Values on the command line win over the variant, the variant over the sections, the sections over the defaults here.
"""

import dataclasses
import difflib
import functools
import re
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from ssr_connector.errors import UserError

SHIPPED = Path(__file__).parent / "recipes"  # the repository's recipes/, to which it is a link
STAGES = ("aligner", "distill", "finetune")  # of `ssr train`
HOW = ("workers",)  # keys of `training` that change how fast a run is, and are in no key of what follows from a recipe
Paths = tuple[str, ...] | str  # one path; or several, as a YAML list or parted by commas


@dataclass(frozen=True)
class EncoderSection:
    """The frozen speech encoder: a hub name or a folder, and which hidden states of it are heard."""

    name: str = ""
    layer: int | list[int] | None = None  # null: the last; several, as in [4, 8, 12]: a learnt weighted sum of them
    padded: bool = (
        True  # Whisper: false hears recordings as long as they are, not filled up to 30 s; faster, but drifts
    )


@dataclass(frozen=True)
class LLMSection:
    """The text LLM: a hub name or a folder, and how its weights are kept while it is frozen or has additions."""

    name: str = ""
    dtype: Literal["float32", "bfloat16"] = "float32"
    quantize: Literal["none", "8bit", "4bit"] = "none"  # bitsandbytes; needs CUDA
    # How its attention is computed in training; auto: as transformers chooses (sdpa, where the LLM has it).
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2", "flex_attention"] = "auto"


@dataclass(frozen=True)
class AlignerSection:
    """Which aligner (char_ctc, sub_ctc, cif, unity2), the written form of speech, and the aligner's shape."""

    type: str = "char_ctc"
    text_form: Literal["cased", "lower"] = "cased"
    width: int = 256
    layers: int = 4  # all but unity2
    heads: int = 4
    dropout: float = 0.1
    reach_frames: int = 3  # CTC: how far a label reaches into a pause
    label_prior: float = 0.0  # CTC: share of the labels' log prior that is taken off (0.3 makes peaks less sharp)
    token_prior: float = 0.5  # char_ctc: weight of how common tokens are, where words are heard; 0: plain best path
    quantity_weight: float = 0.1  # cif
    boundaries: str = ""  # cif: folder of `ssr align` whose boundaries the weights learn; empty: none
    boundary_weight: float = 1.0  # cif: of those boundaries
    units: int = 200  # unity2: clusters of the encoder's frames
    centroids: str = ""  # unity2: .npy file of them; empty: fitted to the training data
    recogniser: str = ""  # unity2: folder of the CTC aligner that hears the words where there is no transcript
    temperature: float = 1.0  # unity2: of the distance
    prior_strength: float = 1.0  # unity2: of the beta-binomial prior in training; 0: none
    binarise_weight: float = 0.0  # unity2: of the binarisation loss


@dataclass(frozen=True)
class ConnectorConfig:
    """Which connector, and its shape."""

    type: str = "ssr"
    layers: int = 4  # decoder layers shaped like the LLM's own; 0, but for ssr: the connector on the frames alone
    positions: Literal["none", "rotary"] = "none"
    attention: Literal["causal", "blockwise"] = "causal"
    slack_frames: int = 1  # blockwise: frames of the segment before that a frame may see
    dropout: float = 0.1
    stack: int = 8  # stack: frames per vector
    conv_layers: int = 2  # conv: layers, each of which halves the rate
    window_frames: int = 17  # qformer: frames that a window's queries see; a third of a second at 50 a second
    queries: int = 1  # qformer: vectors per window
    qformer_layers: int = 2


@dataclass(frozen=True)
class DataSection:
    """What is trained on: cuts, their encoder frames where cached, their alignments, and text for multitask."""

    train: Paths = ""  # cuts.jsonl.gz, or a Shar folder, of `ssr prepare`; of several corpora: all of them
    dev: Paths = ""
    frames: Paths | None = None  # folders of `ssr encode`; null: encode on the fly
    alignments: Paths = ""  # folders of `ssr align`, for train and dev
    # For `text` and `ewc`: plain text, one document a line, or JSON lines with "text", either also as .gz; a folder of
    # such files; a Hugging Face dataset on disk; or "self": what the LLM writes itself.
    text: str = ""
    dev_text: str = ""  # what an LLM that learns is watched on: all of it, or the same 65 536 tokens of a long one


@dataclass(frozen=True)
class AugmentSection:
    """How recordings that are trained on are changed, otherwise in every epoch: from audio only, without data.frames.

    In this order: another speed (alignments are scaled along), a room, noise.
    """

    speed: tuple[float, ...] = ()  # factors, one of which is drawn for each utterance: [0.9, 1, 1.1]
    reverb: str = ""  # folder of impulse responses; "generated": rooms at random
    reverb_share: float = 0.5  # of the utterances
    noise: str = ""  # folder, or table with the column audio, of noise recordings; "generated": speech-shaped noise
    noise_share: float = 0.5
    snr_db: tuple[float, float] = (5.0, 20.0)  # drawn between them; to the active speech level, as in evaluation.snr_db


@dataclass(frozen=True)
class TrainingSection:
    """One loop for every stage. Defaults follow docs/method.md §4 where it speaks."""

    start_from: str | None = None  # model folder to go on from (finetune: needed)
    aligner: str | None = None  # folder of a trained aligner (distill: needed)
    objectives: dict[str, float] = field(default_factory=dict)  # name: weight
    train: tuple[str, ...] = ()  # parts that learn: aligner, connector, llm
    freeze: tuple[str, ...] = ()  # patterns (regular expressions) of parameters of these parts that do not, after all
    adapter: Literal["none", "lora", "dora", "ia3", "bottleneck"] = "none"  # additions that learn in the LLM's place
    adapter_rank: int = 16  # lora, dora; bottleneck: its width
    adapter_alpha: float = 16.0  # lora, dora
    adapter_merge: bool = False  # all but bottleneck: into the LLM's weights at the end; else the checkpoint holds them
    ewc_batches: int = 16  # objective `ewc`: batches of text that tell which weights matter
    steps: int = 1000
    optimizer: Literal["adamw", "muon"] = "adamw"  # muon: for weight matrices; fewer steps, each a little dearer
    lr: float = 1e-4
    final_lr_share: float = 0.2
    warmup_steps: int = 100
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 5.0
    batch_s: float = 120.0  # seconds of audio a batch, each utterance padded to the longest
    batch_transcript_tokens: int | None = None  # of the LLM in a batch's transcripts, padded; null: any number
    accumulate: int = 1  # batches a step
    gradient_checkpointing: bool = False  # what learns is computed twice instead of kept: less memory, a third slower
    compile: bool = False  # Transformer layers by torch.compile: a slow first step, then faster ones; needs a compiler
    sharding: Literal["none", "fsdp"] = "none"  # fsdp: processes divide weights, gradients and AdamW's state among them
    batch_tokens: int = 4096  # of text beside every batch, for the objective `text`
    text_block: int = 128
    rehearsal_tokens: int = 200_000  # how much the LLM writes where data.text is "self"
    cosine_weight: float = 5.0  # λ of the distillation loss
    squared_weight: float = 1.0  # of its squared error
    centred_cosine: bool = False  # its cosine after the mean of the LLM's embeddings is taken off both sides
    distil_layer: int = 0  # compare hidden states of the frozen LLM after so many layers; 0: its input embeddings
    transcribe_prompt: str = "\nTranscript:"
    precision: Literal["no", "bf16"] = "no"
    workers: int = 2  # threads of each process that read the next batches while a step is taken; 0: none
    bad_batches: Literal["stop", "skip"] = "stop"  # those whose loss or gradient is no number; they are listed
    log_every: int = 10
    evaluate_every: int = 0  # 0: at the end only
    max_text_drop: float | None = None  # nats a token that data.dev_text may lose before the run goes back and stops
    checkpoint_every: int = 200
    keep_checkpoints: int = 1


@dataclass(frozen=True)
class EvaluationSection:
    """Limits and comparisons of `ssr evaluate`."""

    items: int = 0  # at most this many items a task, drawn at random; 0: all
    seed: int = 0  # of what is drawn: items, and examples of `style`
    shots: int = 0  # examples before each question, in tasks whose files have some; heard in spoken modes, if recorded
    style_shots: int = 2  # recordings of each label before the one to be labelled, in the task `style`
    beams: int = 1  # of transcribing by prompt; 1: greedy
    asr_shots: int = 0  # also transcribe after this many examples, the first of the cuts, which are then not scored
    hallucination: float = 0.5  # an utterance is one with more inserted words than this share of its words
    bootstrap: int = 2000
    snr_db: tuple[float, ...] = ()
    batch_s: float = 200.0
    batch_tokens: int = 8192

    def __post_init__(self) -> None:
        for name, least in (("items", 0), ("shots", 0), ("style_shots", 0), ("asr_shots", 0), ("beams", 1)):
            if isinstance(value := getattr(self, name), int) and value < least:
                raise UserError(f"evaluation.{name} is {value}: give {least} or more")
        for name in ("bootstrap", "batch_s", "batch_tokens"):
            if isinstance(value := getattr(self, name), int | float) and not value > 0:
                raise UserError(f"evaluation.{name} is {value}: give more than 0")


@dataclass(frozen=True)
class Recipe:
    """Everything that a run is made of."""

    seed: int = 0
    out: str = "runs/new"
    encoder: EncoderSection = field(default_factory=EncoderSection)
    llm: LLMSection = field(default_factory=LLMSection)
    aligner: AlignerSection = field(default_factory=AlignerSection)
    connector: ConnectorConfig = field(default_factory=ConnectorConfig)
    data: DataSection = field(default_factory=DataSection)
    augment: AugmentSection = field(default_factory=AugmentSection)
    training: TrainingSection = field(default_factory=TrainingSection)
    evaluation: EvaluationSection = field(default_factory=EvaluationSection)
    tiny: dict[str, Any] = field(default_factory=dict)  # the tiny world, read by `ssr demo`


class RecipeLoader(yaml.SafeLoader):
    """YAML whose `1e-3` is a number, as in YAML 1.2, and where no key may stand twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse what SafeLoader would drop silently: all but the last of equal keys."""
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(problem=f"{key.value} comes twice", problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)


RecipeLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def load_recipe(path: str | Path | None, variant: str | None = None, overrides: list[str] | None = None) -> Recipe:
    """Read a recipe, merge a variant and `--section.key value` overrides. Raises UserError that names what is wrong.

    A variant of a stage's own name may be missing: the stage then takes the sections alone.
    """
    tree = read_tree(path) if path else {}
    variants = tree.pop("variants", None) or {}
    if variant is not None:
        if variant not in variants and variant not in STAGES:
            known = f"{path} has {', '.join(variants) or 'none'}" if path else "give the recipe that has it (--config)"
            raise UserError(f"there is no variant {variant!r}: {known}")
        tree = merge(tree, variants.get(variant, {}))
    where = str(path or "the command line")
    check_keys(tree, Recipe, where)
    return parse(tree, overrides or [], where)


def recipe_file(path: str | Path) -> Path:
    """The file of a recipe: that of this path, else the package's own that is so called (tiny, recipes/tiny.yaml)."""
    path = Path(path)
    name = path.name.removesuffix(".yaml")
    own = SHIPPED / f"{name}.yaml"
    named = str(path) in (name, f"{name}.yaml", f"recipes/{name}.yaml")
    return own if named and not path.is_file() and own.is_file() else path


def read_tree(path: str | Path) -> dict[str, Any]:
    """The plain mapping of a YAML file, or of a recipe of the package by its name."""
    try:
        tree = yaml.load(recipe_file(path).read_text(encoding="utf-8"), RecipeLoader)
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.yaml")))
        raise UserError(f"there is no recipe {path}: give a file, or one of {known}") from error
    except OSError as error:
        raise UserError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict):
        raise UserError(f"{path} is not a recipe: it must be a mapping of sections")
    variants = tree.get("variants") or {}
    if not isinstance(variants, dict) or not all(isinstance(part, dict) for part in variants.values()):
        raise UserError(f"{path}: variants must be a mapping of names to partial recipes")
    for name, part in variants.items():
        check_keys(part, Recipe, f"{path}, variant {name}")
    return tree


def paths_of(value: Paths | None) -> list[Path]:
    """One path, or several."""
    names = value.split(",") if isinstance(value, str) else value or ()
    return [Path(name.strip()) for name in names if name.strip()]


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` laid upon `base`, mapping by mapping; `objectives` are replaced as a whole."""
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict) and key != "objectives"
        out[key] = merge(out[key], value) if both else value
    return out


def check_keys(tree: dict[str, Any], cls: type, where: str, prefix: str = "") -> None:
    """Raise UserError at the first key that is no field, and name the nearest one; or at one that lacks its value."""
    hints = typing.get_type_hints(cls)
    for key, value in tree.items():
        if key not in hints:
            raise UserError(f"{where}: unknown key {prefix}{key}{nearest(str(key), list(hints), prefix)}")
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, dict):
                raise UserError(f"{where}: {prefix}{key} is a section, not {value!r}")
            check_keys(value, typing.cast(type, hints[key]), where, f"{prefix}{key}.")
        elif value is None and type(None) not in typing.get_args(hints[key]):
            raise UserError(f"{where}: {prefix}{key} has no value")


def nearest(key: str, known: list[str], prefix: str = "") -> str:
    """`; did you mean …?` where something is near."""
    section, _, name = key.rpartition(".")
    match = [k for k in known if k == f"{section}.{initials(name)}".lstrip(".")]  # learning_rate: lr
    match = match or difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"; did you mean {prefix}{match[0]}?" if match else f"; known are {', '.join(known)}"


def initials(key: str) -> str:
    """Of the words of a key."""
    return "".join(word[0] for word in key.split("_") if word)


def flat_keys(cls: type = Recipe, prefix: str = "") -> list[str]:
    """All dotted keys of a recipe."""
    keys: list[str] = []
    for name, hint in typing.get_type_hints(cls).items():
        keys += flat_keys(hint, f"{prefix}{name}.") if dataclasses.is_dataclass(hint) else [prefix + name]  # type: ignore[arg-type]
    return keys


def parse(tree: dict[str, Any], overrides: list[str], where: str) -> Recipe:
    """Typed values from a mapping and the rest of a command line."""
    from jsonargparse import ArgumentError

    tree, overrides = set_free_values(tree, overrides)
    known = flat_keys()
    for word in overrides:
        name = word[2:].split("=")[0]
        if word.startswith("--") and name not in known and not name.startswith("training.objectives."):
            raise UserError(f"unknown option {word.split('=')[0]}{nearest(name, known, '--')}")
    try:
        # jsonargparse: types from the dataclasses, values from a mapping, then from the command line over it.
        namespace = recipe_parser().parse_object(tree)
        if overrides:
            namespace = recipe_parser().parse_args(overrides, namespace=namespace)
        recipe = recipe_parser().instantiate(namespace)
    except (ArgumentError, TypeError, ValueError) as error:
        raise UserError(f"{where}: {' '.join(str(error).split())}") from error
    result = Recipe(**{f.name: recipe[f.name] for f in dataclasses.fields(Recipe)})
    check_keys(to_dict(result), Recipe, where)  # jsonargparse takes null for any type
    return result


@functools.cache
def recipe_parser() -> Any:
    """For the fields of a recipe; it takes longer to build than to use."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Recipe, None)
    return parser


def set_free_values(tree: dict[str, Any], overrides: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Set `--tiny.a.b value` in the tree, as the section has no types of its own. Returns the other overrides too."""
    rest: list[str] = []
    words = iter(overrides)
    for word in words:
        name, equals, value = word.partition("=")
        if not name.startswith("--tiny."):
            rest.append(word)
            continue
        text = value if equals else next(words, None)
        if text is None:
            raise UserError(f"{name} needs a value")
        try:
            over: Any = yaml.load(text, RecipeLoader)
        except yaml.YAMLError as error:
            raise UserError(f"{name} {text} is not YAML: {' '.join(str(error).split())}") from error
        for key in reversed(name[2:].split(".")):
            over = {key: over}
        tree = merge(tree, over)
    return tree, rest


def to_dict(recipe: Recipe) -> dict[str, Any]:
    """Plain values, ready for YAML and JSON."""
    out: dict[str, Any] = plain(dataclasses.asdict(recipe))
    return out


def plain(value: Any) -> Any:
    """Tuples as lists, all the way down."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """`key: old → new` for every value that differs."""
    lines: list[str] = []
    for key in sorted({*old, *new}):
        a, b = old.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            lines += differences(a, b, f"{prefix}{key}.")
        elif a != b:
            lines.append(f"{prefix}{key}: {a} → {b}")
    return lines
