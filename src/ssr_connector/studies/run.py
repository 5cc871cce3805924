"""A study carried out: what it will take, its steps, and what came of them: data, tables, a picture, a paragraph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ssr_connector.errors import UserError
from ssr_connector.evaluation.comparison import commit, machine
from ssr_connector.evaluation.sections import duration
from ssr_connector.files import replace_file, write_json
from ssr_connector.studies.cache import Cache, Forecast, Maker
from ssr_connector.studies.picture import draw
from ssr_connector.studies.pipeline import Pipeline, Size
from ssr_connector.studies.rates import Rates
from ssr_connector.studies.results import BESIDE, Results, Row, Run, mean_of
from ssr_connector.studies.study import Arm, Study
from ssr_connector.studies.table import markdown
from ssr_connector.studies.words import caution
from ssr_connector.tiny.base import Base
from ssr_connector.tiny.demo import Demo

QUICK_S, QUICK_ITEMS, LEAST_SHARE = 900.0, 100, 1 / 16
TRAINED = ("learning_rate", "steps", "dev_loss", "seconds")  # facts of training that are shown as figures


@dataclass(frozen=True)
class Outcome:
    """What is shown, and where it is written."""

    table: str
    paragraph: str
    files: tuple[Path, ...]


class World(NamedTuple):
    """What a study is done on, and the seeds of what it trains there."""

    demo: Demo
    base: Base
    rates: Rates  # how long the demo's stages took
    seeds: tuple[int, ...]

    @property
    def root(self) -> Path:
        """Where its steps are kept."""
        return self.demo.out / "studies" / "cache"

    def own(self, size: Size) -> Size:
        """With its own seeds."""
        return replace(size, seeds=self.seeds[: len(size.seeds)])


def carry_out(
    study: Study,
    demos: Sequence[Demo],
    out: Path,
    *,
    n_seeds: int,
    quick: bool = False,
    only: Sequence[str] = (),
    share: float = 1.0,
) -> Outcome:
    """Do what is left of a study, or of `only` some of its arms; write results.json, report.md and NAME.svg.

    Of several demos each has a world and items of its own. `n_seeds`: of what is trained on each. `share`: of the
    training steps. Raises UserError at an arm that there is not, or where a demo lies in the folder of another
    recipe's.
    """
    study, unavailable = available(study, only)
    picked = chosen(study, only)
    worlds = [world_of(study, demo, n_seeds) for demo in demos]
    first = demos[0]
    seeds = tuple(dict.fromkeys(seed for world in worlds for seed in world.seeds))
    full = Size(seeds, tuple(arm.name for arm in study.arms), items=first.recipe.evaluation.items)
    size = replace(full, arms=picked or (study.quick if quick else ()) or full.arms, share=share)
    if quick:
        size = quick_size(worlds[0].base, study, size, worlds[0].rates, worlds[0].root)
    overrides = [word for word in first.overrides if all(word in demo.overrides for demo in demos)]
    recipe = " ".join([first.config.stem, *overrides])
    said = notes(study, size, full, recipe, len(worlds)) + unavailable
    say = first.console.print
    forecasts = [forecast(world.base, study, world.own(size), world.rates, world.root) for world in worlds]
    for line in [*said, expected(forecasts)]:
        say(line, soft_wrap=True)
    found: dict[str, list[Row]] = {}
    commits: set[str] = set()
    for world in worlds:
        if len(worlds) > 1:
            say(f"on {world.demo.out}, seed {', '.join(map(str, world.seeds))}", soft_wrap=True)
        world.base.make(world.base.stages_of_base())
        cache = Cache(world.root, world.demo.console)
        found[str(world.demo.out)] = take(Pipeline(world.base, study, world.own(size), cache, world.rates))
        commits |= set(cache.commits)
    results = Results(joined(found), first.recipe.evaluation.bootstrap)
    told = ["--quick"] * quick + [f"--arms {','.join(only)}"] * bool(only) + [f"--share {share:g}"] * (share != 1)
    where = ",".join(found)
    command = " ".join(
        [f"ssr study {study.name} --config {first.config} --demo {where} --seeds {n_seeds}", *told, *overrides]
    )
    how = {"command": command, "size": vars(size), "notes": said, "commits": sorted(commits)}
    return write(study, results, how, out)


def world_of(study: Study, demo: Demo, n_seeds: int) -> World:
    """What the study builds on there. Raises UserError where it was made otherwise."""
    base = study.base(demo) if study.base else demo
    if others := base.stages.done_otherwise(base.stages_of_base()):
        raise UserError(
            f"{base.out} was made by another recipe or seed ({', '.join(others)}), and a study does not write over it: "
            "give --config, --seed and what else `ssr demo` was given there, or another --demo"
        )
    return World(demo, base, Rates.of(demo).on(base, demo), tuple(demo.recipe.seed + k for k in range(n_seeds)))


def joined(found: Mapping[str, Sequence[Row]]) -> list[Row]:
    """The rows of every world, run after run, their items told apart; an empty run where a world lacks a row."""
    if len(found) == 1:
        return [*next(iter(found.values()))]
    titles = {row.name: row for rows in found.values() for row in rows}
    runs: dict[str, list[Run]] = {name: [] for name in titles}
    for world, rows in found.items():
        there = {row.name: row.runs for row in rows}
        for name, so_far in runs.items():
            ran = there.get(name, [{}] * len(rows[0].runs))
            so_far += [{figure: {**items, "world": world} for figure, items in run.items()} for run in ran]
    return [replace(row, runs=runs[name]) for name, row in titles.items()]


# --- what it takes ---


def chosen(study: Study, only: Sequence[str]) -> tuple[str, ...]:
    """These arms, and the reference of each table that one of them stands in."""
    known = {arm.name: arm for arm in study.arms}
    for name in only:
        if name not in known:
            raise UserError(f"--arms {name}: {study.name} has {', '.join(known)}")
    references: dict[str, str] = {}
    for arm in study.arms:
        references.setdefault(arm.table, arm.name)
    kept = {*only, *(references[known[name].table] for name in only)}
    return tuple(name for name in known if name in kept)


def available(study: Study, only: Sequence[str]) -> tuple[Study, list[str]]:
    """The study without arms whose aligner is not installed, and a note. Raises UserError where one was asked for."""
    missing = [arm for arm in study.arms if arm.words == "pocketsphinx" and find_spec("pocketsphinx") is None]
    if not missing:
        return study, []
    names, remedy = {arm.name for arm in missing}, "pip install -e '.[align]'"
    if asked := names & set(only):
        raise UserError(f"--arms {','.join(sorted(asked))}: pocketsphinx is not installed: {remedy}")
    kept = replace(
        study,
        arms=tuple(arm for arm in study.arms if arm.name not in names),
        quick=tuple(name for name in study.quick if name not in names),
    )
    return kept, [f"Left out, as pocketsphinx is not installed ({remedy}): {', '.join(sorted(names))}."]


def forecast(base: Base, study: Study, size: Size, rates: Rates, root: Path) -> Forecast:
    """All steps, and stages of the base before them; none of them taken."""
    found = Forecast(root)
    for stage in base.stages.plan(base.stages_of_base()):
        found.expect(stage, rates.stages.get(stage))
    take(Pipeline(base, study, size, found, rates))
    return found


def quick_size(base: Base, study: Study, size: Size, rates: Rates, root: Path) -> Size:
    """One seed, fewer items; then half as many training steps, until a quarter of an hour suffices for all.

    However much is done already: a quick study that goes on has the size that it began with. Not counting the world and
    base models; the fewest where nobody knows yet how long steps take.
    """
    size = replace(size, seeds=size.seeds[:1], items=min(size.items or QUICK_ITEMS, QUICK_ITEMS))
    base.stages.plan(base.stages_of_base())
    while size.share > LEAST_SHARE:
        found = Forecast(root, afresh=True)
        take(Pipeline(base, study, size, found, rates))
        if not found.unknown and found.seconds <= QUICK_S:
            break
        size = replace(size, share=size.share / 2)
    return size


def expected(found: Sequence[Forecast]) -> str:
    """What is left, in words."""
    left, done = sum(f.left for f in found), sum(f.done for f in found)
    if not left:
        return f"All {done} steps are done."
    text = f"{left} steps to do, {done} done; at most about {duration(sum(f.seconds for f in found))}, "
    text += "as the demo's stages went here"
    if unknown := set[str]().union(*(f.unknown for f in found)):
        text += f"; not counting {', '.join(sorted(unknown))}, which the demo has not done here"
    return text + "."


def notes(study: Study, size: Size, full: Size, recipe: str, n_worlds: int = 1) -> list[str]:
    """What a reader of the results is to know."""
    seeds = ", ".join(map(str, size.seeds))
    on = "one world and one pair of base models"
    if n_worlds > 1:
        on = f"{n_worlds} worlds, each with items and base models of its own"
    lines = [
        f"Synthetic: eSpeak's voices in a tiny world, recipe {recipe}. Training seeds {seeds} of what is learnt on "
        f"speech, on {on}. Intervals are over items, those of one speaker together where there are 20 or more "
        "(95 %), brackets hold the lowest "
        "and the highest seed; differences are paired over items, and bold where their interval leaves out 0 and all "
        "seeds agree, uncorrected for how many they are; the best of several is told apart from others after Holm's "
        "correction over all pairs."
    ]
    if any(arm.tuned for arm in study.arms):
        lines.append(
            "Learning rates are chosen on development data, as converged numbers of steps are, with the first seed."
        )
    cut = []
    if len(size.seeds) < len(full.seeds):
        cut.append(f"{len(size.seeds)} of {len(full.seeds)} seeds")
    if len(size.arms) < len(full.arms):
        cut.append(f"{len(size.arms)} of {len(full.arms)} arms")
    if size.share < 1:
        cut.append(f"{size.share:.3g} of the training steps")
    if size.items:
        cut.append(f"at most {size.items} items of a task")
    return lines + ([f"Of {study.name}: {', '.join(cut)}."] if cut else [])


# --- doing it ---


def take(pipeline: Pipeline) -> list[Row]:
    """Every arm with every seed; seed by seed, so that what is heard is shared. Returns the rows."""
    study, size, maker = pipeline.study, pipeline.size, pipeline.maker
    arms = [arm for arm in study.arms if arm.name in size.arms]
    runs: dict[str, list[dict[str, Any]]] = {arm.name: [] for arm in arms}
    others: dict[str, list[Any]] = {}
    for seed in size.seeds:
        for arm in arms:
            runs[arm.name].append(figures_of(pipeline, maker, arm, seed))
        if study.beside:
            systems = maker.make(pipeline.beside(seed)).get("systems", {})
            for name in study.beside:
                if name in systems:
                    others.setdefault(name, []).append(systems[name])
    rows = [Row(arm.name, arm.title, arm.table, runs[arm.name]) for arm in arms]
    return rows + [Row(name, name, BESIDE, found) for name, found in others.items()]


def figures_of(pipeline: Pipeline, maker: Maker, arm: Arm, seed: int) -> dict[str, Any]:
    """All figures of a run: its scores, and what its training and aligning took."""
    figures = dict(maker.make(pipeline.scores(arm, seed)).get("figures", {}))
    trained = maker.make(pipeline.model(arm, seed))
    figures |= {name: {"value": trained[name]} for name in TRAINED if name in trained}
    alignments = pipeline.alignments(arm, seed)
    made = maker.make(alignments)
    figures |= {name: {"value": made[name]} for name in ("audio_s_per_s", "memory_mib", "lost") if name in made}
    for step in pipeline.heard.steps(arm):
        made = maker.make(step)
        figures |= {name: {"value": made[name]} for name in ("not_text",) if name in made}
    if not arm.words:
        figures["aligner_seconds"] = {"value": maker.make(pipeline.aligner(arm, seed))["seconds"]}
    if arm.name in pipeline.budgets.last_gains:
        figures["last_gain"] = {"value": 100 * pipeline.budgets.last_gains[arm.name], "unit": "%"}
    means = {name: mean_of(figures, parts) for name, parts in pipeline.study.means.items()}
    return figures | {name: found for name, found in means.items() if found}


# --- what came of it ---


def write(study: Study, results: Results, how: Mapping[str, Any], out: Path) -> Outcome:
    """All files, each whole or not at all. `how`: the command, notes that a reader is to know, commits of the steps."""
    files = (out / "results.json", out / "report.md", out / f"{study.name}.svg")
    table = markdown(results, study.columns, study.tables)
    careful = caution(results, [column.figure for column in study.columns if column.paired])
    paragraph = " ".join([*careful, *study.paragraph(results)])
    facts = {"study": study.name, "question": study.question, "commit": commit(), "machine": machine(), **how}
    write_json(files[0], {**facts, "rows": results.to_dict(), "paragraph": paragraph})
    done_at = "" if how["commits"] == [facts["commit"]] else f"Steps were done at commit {', '.join(how['commits'])}. "
    parts = [
        f"# {study.name}: {study.question}",
        paragraph,
        f"![]({files[2].name})",
        table.strip(),
        *how["notes"],
        f"    {how['command']}",
        f"{done_at}At commit {facts['commit']}, {facts['machine']}.",
    ]
    with replace_file(files[1]) as new:
        new.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    draw(results, study.picture, files[2])
    return Outcome(table, paragraph, files)
