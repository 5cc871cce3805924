"""What a study declares: a question, the arms that answer it, and how the answer is shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ssr_connector.studies.results import Results
    from ssr_connector.tiny.base import Base
    from ssr_connector.tiny.demo import Demo

Options = Mapping[str, Any]  # dotted keys of the recipe, and their values
TOLERANCE = 0.02  # converged: twice the steps lower the development loss by less than this share of it
Budget = Literal["steps", "flops", "converged"]
OF_CASCADE, OF_MODEL = "_cascade", "_model"  # the ends of the names of figures of `Study.paired_systems`


# An arm's attention, whatever the recipe's own connector has.
CAUSAL: Mapping[str, Any] = {"connector.attention": "causal", "connector.slack_frames": 1}


@dataclass(frozen=True)
class Made:
    """As the value of an option: the folder of what another arm made."""

    arm: str
    stage: Literal["aligner", "align"]


@dataclass(frozen=True)
class Times:
    """As the value of an option: so many times what the recipe has."""

    factor: float


@dataclass(frozen=True)
class Parts:
    """As the value of an option: the cuts of parts of the base's speech, of the demo's `train` or `stories`."""

    names: tuple[str, ...]


UNTRAINED = "untrained"  # as `encoder.name`: the demo's encoder with the weights that it began with


@dataclass(frozen=True)
class Arm:
    """One row: what it does differently from the recipe. Arms share every stage in which they do not differ."""

    name: str
    title: str
    table: str = ""  # which of the study's tables it stands in; empty: the only one
    encoder: Options = field(default_factory=dict)  # `encoder.name` and `encoder.layer`, where not the demo's
    aligner: Options = field(default_factory=dict)  # over the recipe's variant `aligner`
    words: str = ""  # align by words instead, as `ssr align --aligner` names it, or "gold": an oracle, hears nothing
    damage: Options = field(default_factory=dict)  # of the boundaries, in training and when heard: see `damage.py`
    surroundings: Options = field(default_factory=dict)  # of the tests' recordings when heard: see `surroundings.py`
    domain: Options = field(default_factory=dict)  # how the tests are spoken, if not as the demo's: see `speaking.py`
    cuts: str = ""  # transcribed cuts to hear in place of the tests: measures alone, no tasks
    language: str = ""  # of the tests, where the study's base has them in several
    connector: Options = field(default_factory=dict)  # over the variant `distill`
    tuned: bool = False  # choose the learning rate on development data
    budget: Budget = "steps"  # as many steps as the recipe says, as many FLOPs as the reference, or until it converges
    finetune: Options | None = None  # stage 2, over the variant `multitask`; none: no stage 2


@dataclass(frozen=True)
class Column:
    """A figure's name, its heading, and how its value is written."""

    figure: str
    heading: str
    style: str
    paired: bool = False  # with a column of paired differences from the reference
    minus: str = ""  # shown as the paired difference from this figure of the same row


@dataclass(frozen=True)
class Line:
    """One of the figures that a picture shows of every row: what it is called, and a name of `figures.COLOURS`."""

    figure: str
    label: str
    colour: str


@dataclass(frozen=True)
class Panel:
    """Arms along an axis."""

    title: str
    x_label: str
    arms: Mapping[str, float]  # and where each stands
    clean: str = "clean"  # what the reference of their table is called on the axis


@dataclass(frozen=True)
class Picture:
    """One figure of every row: alone, against another one, or in panels along an axis; others in the same axes."""

    y: str
    y_label: str
    x: str = ""
    x_label: str = ""
    x_log: bool = False
    lines: tuple[Line, ...] = ()  # in place of y alone: several figures of every row; not where there is an x
    panels: tuple[Panel, ...] = ()  # of these lines


@dataclass(frozen=True)
class Own:
    """What a user adds to a study."""

    noises: str = ""  # folder or table of recordings
    cuts: Mapping[str, str] = field(default_factory=dict)  # name: manifest of transcribed cuts
    encoders: tuple[str, ...] = ()  # NAME or NAME:LAYER


@dataclass(frozen=True)
class Gain:
    """A figure in which rows gain something on the first row, and what that is called."""

    figure: str
    what: str
    higher_is_better: bool = True


@dataclass(frozen=True)
class Frontier:
    """What rows gain on the first row, a panel for each gain, against what they lose in the figure that fares worst."""

    gains: tuple[Gain, ...]
    kept: Mapping[str, str]  # figures of which none is to get worse, and what each is called
    kept_label: str


@dataclass(frozen=True)
class Shade:
    """A figure that a grid shows: its title, and how its value is written."""

    figure: str
    title: str
    style: str


@dataclass(frozen=True)
class Grid:
    """A panel for each figure, with a cell for each arm, the darker the higher."""

    shades: tuple[Shade, ...]
    cells: Mapping[str, Mapping[str, str]]  # line: column: arm
    column_label: str


@dataclass(frozen=True)
class Study:
    """A question, and all that it takes to answer it."""

    name: str
    question: str
    arms: Sequence[Arm]  # the first one of each table is the reference that its others are compared with
    columns: Sequence[Column]
    picture: Picture | Frontier | Grid
    paragraph: Callable[["Results"], list[str]]  # sentences that follow from the figures
    tasks: tuple[str, ...] = ("storycloze", "spoken_mmlu_cloze")  # the same ones are scored once for all studies
    means: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name: figures of tasks; of all their items
    snr_db: tuple[float, ...] = ()
    beside: tuple[str, ...] = ()  # rows of no arm: "text model", "hard cascade", "another item's audio", "no context"
    paired_systems: bool = False  # score cascade and text model with every arm, as its figures …_cascade, …_model
    takes: tuple[str, ...] = ()  # fields of `Own` that it can be extended with
    extended: Callable[["Study", Own], "Study"] | None = None  # by these
    tables: Mapping[str, str] = field(default_factory=lambda: {"": ""})  # name: heading
    quick: tuple[str, ...] = ()  # arms of the quick form; empty: all
    base: Callable[["Demo"], "Base"] | None = None  # what it stands on in place of the demo, after the same recipe

    @property
    def reference(self) -> Arm:
        """The one whose FLOPs are the measure, and whose ears the cascade and the controls have."""
        return self.arms[0]

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)
