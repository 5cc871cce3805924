"""A training run's folder: what it was asked for, whether it is done, and how it shows its progress."""

import contextlib
import dataclasses
import json
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ssr_connector.aligners.bundle import MODEL_CONFIG
from ssr_connector.config import (
    HOW,
    AlignerSection,
    ConnectorConfig,
    EncoderSection,
    Recipe,
    differences,
    merge,
    paths_of,
    to_dict,
)
from ssr_connector.errors import UserError
from ssr_connector.files import write_json
from ssr_connector.model.checkpoint import read_config
from ssr_connector.training.checkpoint import checkpoints
from ssr_connector.training.loop import SUMMARY

RECIPE, DATA = "recipe.json", "data.json"
INHERITED = ("encoder", "llm", "aligner", "connector")  # sections that stage 2 has from the model it starts from
GZIP_TRAILER_BYTES = 8
# Where a run lies, how often it reports, what it keeps in memory and who does what do not change what it computes: half
# the processes take the same steps with twice the batches each. What to do about a bad batch may be decided when one
# is there.
FREE = (
    "out", "evaluation", "tiny", "llm.attention", "training.log_every", "training.evaluate_every",
    "training.checkpoint_every", "training.keep_checkpoints", "training.sharding", "training.accumulate",
    "training.compile", "training.gradient_checkpointing", "training.bad_batches",
    *(f"training.{key}" for key in HOW),
)  # fmt: skip


def open_run(out: Path, recipe: Recipe) -> bool:
    """Begin or take up a run: save its resolved recipe. Returns whether it is already done.

    Raises UserError where the folder holds a run of another recipe, or the same files of cuts hold others by now, and
    says what differs.
    """
    wanted = to_dict(recipe)
    begun_with: dict[str, list[Any]] = {}
    cuts = identities([*paths_of(recipe.data.train), *paths_of(recipe.data.dev)])
    if (out / RECIPE).is_file() and is_begun(out):
        changed = [d for d in differences(saved_recipe(out), wanted) if not d.startswith(FREE)]
        if changed:
            raise UserError(
                f"{out} holds a run of another recipe ({'; '.join(changed)}); choose another --out, or take this back "
                "to go on with it"
            )
        if (out / DATA).is_file():  # runs of older versions have none
            begun_with = json.loads((out / DATA).read_text())
        others = [path for path in cuts if begun_with.get(path, cuts[path]) != cuts[path]]
        if others:
            raise UserError(
                f"{', '.join(others)} changed since the run in {out} began: with other cuts it would not go on as it "
                "was; choose another --out, or put them back"
            )
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / RECIPE, wanted)
    write_json(out / DATA, begun_with | cuts)  # a file that is missing for a while is not forgotten
    return is_done(out, recipe.training.steps)


def identities(manifests: Sequence[Path]) -> dict[str, list[Any]]:
    """By path what tells the content of each: size and checksum of a file, files and sizes of a folder (Shar).

    Those that cannot be read are left to whoever reads them.
    """
    found: dict[str, list[Any]] = {}
    for path in manifests:
        with contextlib.suppress(OSError):
            if path.is_dir():
                found[str(path)] = sorted([file.name, file.stat().st_size] for file in path.iterdir() if file.is_file())
            else:
                found[str(path)] = [path.stat().st_size, f"{checksum(path):08x}"]
    return found


def checksum(path: Path) -> int:
    """Of a file; that of its content, which stands at the end, where it is compressed: its head may hold the time."""
    value = 0
    with path.open("rb") as file:
        if path.suffix == ".gz":
            file.seek(max(0, path.stat().st_size - GZIP_TRAILER_BYTES))
        while chunk := file.read(2**20):
            value = zlib.crc32(chunk, value)
    return value


def is_begun(out: Path) -> bool:
    """Whether anything was trained: a command that failed before that may be mended and given again."""
    return bool(checkpoints(out / "checkpoints")) or (out / SUMMARY).is_file()


def is_done(out: Path, steps: int) -> bool:
    """Whether the run reached its last step and saved its result."""
    if not (out / SUMMARY).is_file() or not ((out / "model").is_dir() or (out / "aligner").is_dir()):
        return False
    done = json.loads((out / SUMMARY).read_text())
    return bool(done["steps"] >= steps or "went_back_to" in done)


def saved_recipe(out: Path) -> dict[str, Any]:
    """The resolved recipe of a run; keys that its version did not know yet have their defaults."""
    return merge(to_dict(Recipe()), json.loads((out / RECIPE).read_text()))


def of_aligner(out: Path, sources: Sequence[Path]) -> list[str]:
    """Options of stage 1 behind an aligner's run, on these manifests: what that run developed on, its encoder and LLM.

    Where its recipe does not lie there, all manifests are trained on, and no models are named.
    """
    recipe = saved_recipe(out) if (out / RECIPE).is_file() else None
    known = {path.resolve() for path in paths_of(recipe["data"]["dev"])} if recipe else set()
    dev = [source for source in sources if source.resolve() in known]
    if len(dev) == len(sources):
        dev = []
    train = [source for source in sources if source not in dev]
    options = ["--data.train", ",".join(map(str, train)), "--data.dev", ",".join(map(str, dev))]
    if recipe:
        options += ["--encoder.name", recipe["encoder"]["name"], "--llm.name", recipe["llm"]["name"]]
        if recipe["encoder"]["layer"] is not None:
            options += ["--encoder.layer", str(recipe["encoder"]["layer"])]
    return options


def inherit(recipe: Recipe) -> Recipe:
    """Stage 2 keeps the models of the stage that it starts from: its encoder, LLM, aligner and connector."""
    before = stage_before(recipe)
    if before is None:
        return recipe if recipe.training.start_from is None else of_model(recipe, Path(recipe.training.start_from))
    return dataclasses.replace(
        recipe,
        encoder=EncoderSection(**before["encoder"]),
        llm=dataclasses.replace(recipe.llm, name=before["llm"]["name"]),
        aligner=AlignerSection(**before["aligner"]),
        connector=ConnectorConfig(**before["connector"]),
    )


def refuse_inherited(recipe: Recipe, given: Iterable[str]) -> None:
    """Raise UserError at a key given on the command line whose value a stage has from the one that it starts from."""
    asked, has = to_dict(recipe), to_dict(inherit(recipe))
    for key in given:
        section, _, name = key.partition(".")
        if section in INHERITED and name and asked[section].get(name) != has[section].get(name):
            raise UserError(
                f"--{key} {asked[section][name]}: this stage goes on from a model that has {has[section][name]}; leave "
                "it out, or train the stage before with it"
            )


def of_model(recipe: Recipe, folder: Path) -> Recipe:
    """The same by what a model says that came without its run; where there is none yet, by the recipe alone."""
    if not (folder / MODEL_CONFIG).is_file():
        return recipe
    config = read_config(folder)
    known = {f.name for f in dataclasses.fields(AlignerSection)}
    aligner = {key: value for key, value in config.aligner.items() if key in known} | {"text_form": config.text_form}
    return dataclasses.replace(
        recipe,
        encoder=config.heard,
        llm=dataclasses.replace(recipe.llm, name=config.llm_name),
        aligner=AlignerSection(**aligner),
        connector=ConnectorConfig(**config.connector),
    )


def inherited(recipe: Recipe) -> list[str]:
    """What a stage changes against the stage that it starts from, for the screen."""
    before = stage_before(recipe)
    return differences(before, to_dict(inherit(recipe))) if before else []


def stage_before(recipe: Recipe) -> dict[str, Any] | None:
    """The saved recipe of the run that a stage starts from, where it still lies beside the model."""
    start = recipe.training.start_from
    if start is None or not (Path(start).parent / RECIPE).is_file():
        return None
    return saved_recipe(Path(start).parent)
