"""A comparison: several systems on the same recordings, with the cascade, the ceilings and the controls beside them."""

import functools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ssr_connector.config import EvaluationSection
from ssr_connector.errors import UserError
from ssr_connector.evaluation import tasks
from ssr_connector.evaluation.choice import Choice, Outcome, Parts, Spoken, judge, read_choices, score_choices
from ssr_connector.evaluation.controls import NO_CONTEXT, ORACLE, OTHER_AUDIO, oracles, without_context
from ssr_connector.evaluation.hearing import Hearing
from ssr_connector.evaluation.identity import Identities, digest, versions
from ssr_connector.evaluation.journal import Journal
from ssr_connector.evaluation.sample import sample
from ssr_connector.evaluation.stats import Estimate, by_speaker, clustered_mean, paired_difference
from ssr_connector.evaluation.style import with_shown
from ssr_connector.evaluation.tasks import SPEECH, SPEECH_TO_HEARD, SPEECH_TO_TEXT, TASKS, TEXT, TEXT_TO_SPEECH, Task
from ssr_connector.model.modeling import SSRForConditionalGeneration
from ssr_connector.model.scoring import max_positions
from ssr_connector.model.sequence import Speech

Note = Callable[[str], None]
Key = tuple[str, str, str, str]  # task, mode, system, condition

TEXT_MODEL, CASCADE = "text model", "hard cascade"


@dataclass(frozen=True)
class Row:
    """One score."""

    task: str
    mode: str
    system: str
    condition: str
    value: float
    n: int
    ci95: tuple[float, float] | None
    chance: float
    ties: float
    groups: dict[str, float]
    voices: dict[str, float]
    seconds: float


@dataclass
class Suite:
    """Items, what was heard of them, and the rows so far."""

    folder: Path
    config: EvaluationSection
    names: Sequence[str]
    hearings: dict[str, Hearing]  # by condition, "clean" first
    note: Note = lambda _: None
    journal: Journal | None = None  # of the values that choices scored
    rows: list[Row] = field(default_factory=list)
    outcomes: dict[Key, list[float]] = field(default_factory=dict)
    scores: dict[Key, list[list[float]]] = field(default_factory=dict)  # of every choice
    groups: dict[Key, dict[str, Estimate]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)  # tasks, modes, rows that their files have nothing for, and why
    cut: list[str] = field(default_factory=list)  # rows with items that were too long for the LLM, and how many
    unforced: list[str] = field(default_factory=list)  # oracle rows with recordings too short for their texts
    samples: dict[str, dict[str, Any]] = field(default_factory=dict)  # by file: which of its items these are
    _items: dict[str, list[Choice]] = field(default_factory=dict)
    _scorable: list[tuple[str, Task]] | None = None

    @property
    def identities(self) -> Identities:
        """Of the models that are scored."""
        return self.hearings["clean"].identities

    def items(self, task: Task) -> list[Choice]:
        """A task's items, at most as many as the configuration says; without those that could not be heard."""
        if task.file not in self._items:
            found = read_choices(self.folder / task.file)
            drawn = sample(found, self.config.items, self.config.seed)
            if len(drawn) < len(found):
                ids = [item.id for item in drawn]
                self.samples[task.file] = {"items": len(drawn), "of": len(found), "seed": self.config.seed, "ids": ids}
            self._items[task.file] = self.with_examples(task, drawn, found)
        return self._items[task.file]

    def with_examples(self, task: Task, items: list[Choice], among: list[Choice]) -> list[Choice]:
        """Items with as many examples as the configuration says; of deliveries from `among`."""
        path = self.folder / task.file
        if task.labelled:
            return with_shown(items, among, self.config.style_shots, self.config.seed, path)
        return with_examples(items, self.config.shots, path)

    def drop_unheard(self) -> dict[str, str]:
        """Take items, and examples, with a rejected recording out of every task, mode and system: all compare the same.

        Returns why, by recording. Raises UserError where nothing is left of a task.
        """
        bad = {path: reason for h in self.hearings.values() for path, reason in h.rejected.items()}
        if not bad:
            return bad
        for task in (TASKS[name] for name in self.names):
            items = self._items.get(task.file)
            if items is None:
                continue
            heard = [i for i in items if not bad.keys() & {part.audio for part in (i.context, *i.choices)}]
            heard = [replace(i, examples=tuple(e for e in i.examples if e.context.audio not in bad)) for i in heard]
            if not heard:
                raise UserError(
                    f"no recording of {self.folder / task.file} could be heard; the first: {next(iter(bad.values()))}"
                )
            if task.labelled:
                known = [i for i in read_choices(self.folder / task.file) if i.context.audio not in bad]
                heard = self.with_examples(task, heard, known)
            self._items[task.file] = heard
        return bad

    def few_examples(self) -> list[str]:
        """Files in which questions have fewer examples than asked for, while others have them; and how many."""
        found = []
        for file in dict.fromkeys(TASKS[name].file for name in self.names if not TASKS[name].labelled):
            items = self._items.get(file, [])
            few = [i for i in items if len(i.examples) < self.config.shots]
            if few and any(i.examples for i in items):
                found.append(
                    f"{file}: {len(few)} of {len(items)} questions have fewer than {self.config.shots} examples "
                    "(evaluation.shots): they come after those that there are"
                )
        return found

    def scorable(self) -> list[tuple[str, Task]]:
        """Tasks in the modes that their files have something for; what is left out is noted once."""
        if self._scorable is None:
            self._scorable = []
            for name in self.names:
                task = TASKS[name]
                lacks = {mode: tasks.lack(task, mode, self.items(task)) for mode in task.modes}
                for mode in (mode for mode, why in lacks.items() if why):
                    self.leave_out(f"{name} {mode}", lacks[mode])
                if modes := tuple(mode for mode, why in lacks.items() if not why):
                    self._scorable.append((name, replace(task, modes=modes)))
        return self._scorable

    def leave_out(self, what: str, why: str) -> None:
        """Say so, and remember it for the report."""
        self.left_out.append(f"{what} is left out: {why}")
        self.note(self.left_out[-1])

    def spoken_tasks(self) -> list[tuple[str, Task]]:
        """Tasks with a mode that needs recordings."""
        return [(name, task) for name, task in self.scorable() if set(task.modes) - {TEXT}]

    def listen(self, progress: Callable[[str, int, int], None]) -> None:
        """Hear all recordings once; under noise only the contexts of tasks that answer in writing."""
        for condition, hearing in self.hearings.items():
            paths: set[str] = set()
            continuing: set[str] = set()
            for name, task in self.spoken_tasks():
                if condition == "clean" or SPEECH_TO_TEXT in task.modes:
                    items = self.items(task)
                    if task.labelled:  # any of them may come before another one
                        items = read_choices(self.folder / task.file)
                    tasks.check_recordings(name, task, items)
                    contexts, choices = tasks.recordings(task, items)
                    paths |= contexts | (choices if condition == "clean" else set())
                    continuing |= {c.audio for i in items if i.context.text or i.context.audio for c in i.choices}
            hearing.add(hearing.files(paths), functools.partial(progress, condition), continuing)

    def score(
        self,
        model: SSRForConditionalGeneration,
        parts: Parts,
        task: str,
        mode: str,
        system: str,
        condition: str = "clean",
        n_unforced: Callable[[], int] = lambda: 0,
    ) -> None:
        """Score a system on a task, unless that is written down, and keep the row and its items' outcomes.

        `n_unforced` says afterwards how many recordings the oracle could not align along their texts.
        """
        items = self.items(TASKS[task])

        def work() -> dict[str, Any]:
            started = time.monotonic()
            outcome = score_choices(model, items, parts, TASKS[task].normalise, self.config.batch_tokens)
            seconds = time.monotonic() - started
            return {"values": outcome.values, "cut": outcome.n_cut, "unforced": n_unforced(), "seconds": seconds}

        if self.journal is None:
            found = work()
        else:
            found = self.journal.recall(self.key(model, task, mode, system, condition), work)
        where = in_words(task, mode, system, condition)
        if found["unforced"]:
            self.unforced.append(f"{where}: {found['unforced']} recordings are too short for their texts: as heard")
        if found["cut"]:
            limit = f"the {max_positions(model.llm)} positions of the LLM: they lost the beginning of their contexts"
            self.cut.append(f"{where}: {found['cut']} of {len(items)} items are longer than {limit}")
        self.keep(judge(items, found["values"]), items, task, mode, system, condition, found["seconds"])

    def key(
        self, model: SSRForConditionalGeneration, task: str, mode: str, system: str, condition: str
    ) -> dict[str, Any]:
        """What the values of a row follow from, beside the recogniser: not what a system is called."""
        items = self.items(TASKS[task])
        audio = {part.audio for item in items for part in (*item.contexts, *item.choices)} if mode != TEXT else set()
        return {
            "task": task,
            "mode": mode,
            "condition": condition,
            "way": system if system in (CASCADE, ORACLE, OTHER_AUDIO, NO_CONTEXT) else "",
            "llm": self.identities.llm(model),
            "connector": "" if mode == TEXT or system == CASCADE else self.identities.connector(model),
            "items": digest([repr(items), versions(sorted(audio))]),
            "batch_tokens": self.config.batch_tokens,
        }

    def keep(
        self, outcome: Outcome, items: list[Choice], task: str, mode: str, system: str, condition: str, seconds: float
    ) -> None:
        """Turn outcomes into a row."""
        clusters = clusters_of(items, spoken=mode != TEXT)
        weights = weights_of(TASKS[task], items)
        estimate = clustered_mean(outcome.correct, clusters, self.config.bootstrap, weights).scaled(100)
        groups = self.broken_down(outcome.correct, clusters, [(i.group, *i.kinds) for i in items], weights)
        each = [1.0] * len(items)  # of one voice, every item is there once
        speakers = [(i.speaker if mode != TEXT else "",) for i in items]
        voices = self.broken_down(outcome.correct, clusters, speakers, each)
        chance = 100 * sum(w / len(i.choices) for i, w in zip(items, weights, strict=True)) / sum(weights)
        ties = 100 * outcome.ties / len(items)
        self.rows.append(
            Row(
                task,
                mode,
                system,
                condition,
                estimate.value,
                estimate.n,
                estimate.ci95,
                chance,
                ties,
                {name: e.value for name, e in groups.items()},
                {name: e.value for name, e in voices.items()},
                seconds,
            )
        )
        self.groups[task, mode, system, condition] = groups
        self.outcomes[task, mode, system, condition] = outcome.correct
        self.scores[task, mode, system, condition] = outcome.values
        self.note(f"{in_words(task, mode, system, condition)}: {estimate.value:.1f} %")

    def broken_down(
        self, values: list[float], clusters: list[str], labels: Sequence[tuple[str, ...]], weights: list[float]
    ) -> dict[str, Estimate]:
        """The mean, in per cent, of the items that bear each label but the empty one."""
        bearers: dict[str, list[int]] = {}
        for k, names in enumerate(labels):
            for name in names:
                bearers.setdefault(name, []).append(k)
        means = {}
        for name in sorted(bearers.keys() - {""}):
            kept = bearers[name]
            chosen, shares = [values[k] for k in kept], [weights[k] for k in kept]
            drawn = [clusters[k] for k in kept]
            means[name] = clustered_mean(chosen, drawn, self.config.bootstrap, shares).scaled(100)
        return means

    # --- what is scored ---

    def score_text(self, model: SSRForConditionalGeneration, system: str) -> None:
        """All tasks in writing, on the LLM inside."""
        for name, task in self.scorable():
            if TEXT in task.modes:
                self.score(model, tasks.text_parts(task), name, TEXT, system)

    def score_speech(self, model: SSRForConditionalGeneration, system: str, only: Sequence[str] | None = None) -> None:
        """All tasks from audio alone, in the modes that the connector allows."""
        for condition, hearing in self.hearings.items():
            for name, task in self.spoken_tasks():
                if only and name not in only:
                    continue
                modes = spoken_modes(model, task, condition)
                if not modes:
                    continue
                contexts, choices = tasks.recordings(task, self.items(task))
                needed = contexts | (choices if {TEXT_TO_SPEECH, SPEECH} & set(modes) else set())
                hear = once_needed(functools.partial(hearing.speech, model, needed))
                for mode in modes:
                    parts = tasks.spoken_parts(mode, hear, hearing.transcripts)
                    self.score(model, parts, name, mode, system, condition)

    def score_cascade(self, model: SSRForConditionalGeneration) -> None:
        """The aligner's hypothesis as text, into the text LLM."""
        for condition, hearing in self.hearings.items():
            for name, task in self.spoken_tasks():
                for mode in task.modes:
                    if mode == SPEECH_TO_TEXT or (mode != TEXT and condition == "clean"):
                        self.score(
                            model, tasks.cascade_parts(mode, hearing.transcripts), name, mode, CASCADE, condition
                        )

    def score_controls(self, model: SSRForConditionalGeneration) -> None:
        """Oracle alignment, another item's audio, and no context at all, in every mode that the connector allows."""
        hearing = self.hearings["clean"]
        for name, task in self.spoken_tasks():
            items, modes = self.items(task), spoken_modes(model, task)
            for rows in (oracles, without_context):
                for row in rows(hearing, model, items, modes):
                    self.score(model, row.parts, name, row.mode, row.system, n_unforced=row.n_unforced)
            for mode in modes:
                if mode != SPEECH_TO_HEARD and (name, mode, ORACLE, "clean") not in self.outcomes:
                    self.leave_out(f"{name} {mode} {ORACLE}", "not every recording has its text")

    # --- what comes of it ---

    def difference(self, task: str, mode: str, after: str, before: str, condition: str = "clean") -> Estimate:
        """Points gained over the same items."""
        return self.change((task, mode, after, condition), (task, mode, before, condition))

    def change(self, after: Key, before: Key) -> Estimate:
        """Points between two rows of one task."""
        task = TASKS[after[0]]
        items = self.items(task)
        clusters = clusters_of(items, spoken=after[1] != TEXT)
        pair = self.outcomes[after], self.outcomes[before]
        return paired_difference(*pair, self.config.bootstrap, clusters, weights_of(task, items)).scaled(100)

    def worst_text_drop(self, after: str) -> tuple[str, Estimate] | None:
        """The text task that may have lost most against the text model: the one with the lowest lower bound."""
        changes = {
            name: self.difference(name, TEXT, after, TEXT_MODEL)
            for name in self.names
            if (name, TEXT, after, "clean") in self.outcomes
        }
        return min(changes.items(), key=lambda c: c[1].ci95[0] if c[1].ci95 else c[1].value) if changes else None

    def table(self) -> list[dict[str, Any]]:
        """The rows as plain values."""
        return [asdict(row) for row in self.rows]


def in_words(task: str, mode: str, system: str, condition: str) -> str:
    """What a row is of; that it was clean goes without saying."""
    return f"{task} {mode} {system}{'' if condition == 'clean' else ' ' + condition}"


def spoken_modes(model: SSRForConditionalGeneration, task: Task, condition: str = "clean") -> list[str]:
    """In which a system is scored: spoken choices only where nothing is noisy, heard only where vectors are tokens'."""
    modes = {SPEECH_TO_TEXT}
    if condition == "clean":
        modes |= {SPEECH_TO_HEARD, TEXT_TO_SPEECH, SPEECH} if model.connector.needs_segments else {SPEECH_TO_HEARD}
    return [mode for mode in task.modes if mode in modes]


def once_needed(hears: Callable[[], dict[str, Speech]]) -> Callable[[Spoken], Speech]:
    """Speech vectors by recording, made all at once when the first is asked for: never for rows that are known."""
    made = functools.cache(hears)
    return lambda spoken: made()[spoken.audio]


def with_examples(items: list[Choice], shots: int, path: Path) -> list[Choice]:
    """Items with the first `shots` of their examples, or with all where there are fewer (see `Suite.few_examples`).

    Raises UserError where the file has examples, but no item so many.
    """
    most = max((len(i.examples) for i in items), default=0)
    if 0 < most < shots:
        raise UserError(f"{path}: no question has more than {most} examples, evaluation.shots asks for {shots}")
    return [replace(i, examples=i.examples[:shots]) for i in items]


def clusters_of(items: Sequence[Choice], spoken: bool) -> list[str]:
    """What is drawn together for intervals: a speaker's items where enough speak, else items with the same question."""
    questions = [i.cluster or i.id for i in items]
    return by_speaker([i.speaker for i in items], questions) if spoken else questions


def weights_of(task: Task, items: Sequence[Choice]) -> list[float]:
    """What each item counts: 1, but together 1 where a cluster is one item in several voices (as in ZeroSpeech)."""
    if not task.voices:
        return [1.0] * len(items)
    keys = [i.cluster or i.id for i in items]
    sizes = Counter(keys)
    return [1 / sizes[key] for key in keys]
