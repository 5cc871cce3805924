"""`ssr evaluate`: systems on tasks and on transcribed speech, as one results file."""

import functools
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from ssr_connector import __version__
from ssr_connector.aligners.bundle import AlignerBundle
from ssr_connector.config import EvaluationSection
from ssr_connector.connectors import SSRConnector
from ssr_connector.devices import best_device
from ssr_connector.errors import UserError
from ssr_connector.evaluation.benchmarks.submission import CHALLENGE, write_submission
from ssr_connector.evaluation.figure_names import accuracy_figures, change_figures
from ssr_connector.evaluation.heard import HeardStore
from ssr_connector.evaluation.hearing import HEARS, Hearing
from ssr_connector.evaluation.identity import PACKAGE, Identities, code, digest
from ssr_connector.evaluation.journal import HEARD, SCORED, Journal
from ssr_connector.evaluation.measures import Measures, Show, word_error_changes
from ssr_connector.evaluation.suite import TEXT_MODEL, Suite
from ssr_connector.model import SSRForConditionalGeneration, load_model
from ssr_connector.model.checkpoint import base_llm
from ssr_connector.model.llm_identity import check_identity


@dataclass(frozen=True)
class Spec:
    """What is compared: systems by name (the first is the main one), tasks in a folder, and transcribed cuts."""

    systems: Mapping[str, Path]
    tasks: Sequence[str]
    folder: Path | None
    cuts: Path | None
    config: EvaluationSection
    journal: Path | None = None  # folder of what was heard and scored so far; None: nothing is kept
    submission: Path | None = None  # folder for the main system's scores in ZeroSpeech's form


@torch.no_grad()
def compare(spec: Spec, note: Callable[[str], None], progress: Show) -> dict[str, Any]:
    """Score all systems. The result is ready for results.json and the report."""
    started = time.monotonic()
    main = next(iter(spec.systems))
    model = load_model(spec.systems[main])
    suite, measures = listeners(spec, model.ears, note)
    if spec.folder and spec.cuts is None and not suite.scorable():
        raise UserError(f"nothing in {spec.folder} can be scored: {'; '.join(suite.left_out)}")
    if spec.submission and not {name for name, _ in suite.spoken_tasks()} & set(CHALLENGE):
        raise UserError(f"there is nothing to submit: a submission is of the tasks {' and '.join(CHALLENGE)}")
    suite.listen(progress)
    rejected = suite.drop_unheard()
    plain = plain_model(model) if model.config.llm_trained else model
    suite.score_text(plain, TEXT_MODEL)
    suite.score_cascade(plain)
    del plain
    suite.score_controls(model)
    measures.hear(progress)
    baselines: list[str] = []
    for name, path in spec.systems.items():
        system = model if name == main else load_model(path)
        check_same_base(main, model, name, system)
        if is_baseline(system):
            baselines.append(name)
        suite.score_speech(system, name)
        if system.config.llm_trained:
            suite.score_text(system, name)
        measures.add(name, system, detailed=name == main)
    if spec.submission:
        report = functools.partial(progress, "submission")
        write_submission(suite, model, main, spec.submission, report)
    figures = accuracy_figures(suite) + change_figures(suite, spec.systems, main, baselines) + measures.figures
    figures += word_error_changes(measures, spec.systems, main, spec.config.bootstrap)
    return {
        "title": "SSR-Connector",
        "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(),
        "seconds": time.monotonic() - started,
        "figures": figures,
        "rows": suite.table(),
        "main": main,
        "baselines": baselines,
        "quality": measures.rows,
        "density": measures.density,
        "example": measures.example,
        "samples": suite.samples,
        "notes": suite.left_out
        + suite.few_examples()
        + suite.unforced
        + suite.cut
        + [f"{f}: {s['items']} of {s['of']} items, drawn with seed {s['seed']}" for f, s in suite.samples.items()]
        + [f"not heard, and left out for all systems: {reason}" for reason in rejected.values()]
        + measures.notes,
        "outcomes": {" | ".join(k): v for k, v in suite.outcomes.items()},
    }


@torch.no_grad()
def hear(spec: Spec, ears: AlignerBundle, progress: Show) -> int:
    """Hear all recordings into the journal's folder, before there is a system. Returns how many were heard."""
    suite, measures = listeners(spec, ears, lambda _: None)
    suite.listen(progress)
    measures.hear(progress)
    return sum(len(hearing.heard) for hearing in suite.hearings.values())


def listeners(spec: Spec, ears: AlignerBundle, note: Callable[[str], None]) -> tuple[Suite, Measures]:
    """Nothing heard and scored yet, but for what the journal knows."""
    identities, journal, folder = Identities(), None, None
    if spec.journal:
        key = digest([identities.ears(ears), spec.config.batch_s, code(parts=HEARS)])
        journal = Journal(spec.journal / SCORED, code=code(), ears=key)
        folder = spec.journal / HEARD / key
        for other in folder.parent.glob("*"):
            if other != folder:  # frames of an older encoder or aligner take much room
                shutil.rmtree(other)

    def hearing(snr_db: float | None = None) -> Hearing:
        store = HeardStore(folder and folder / ("clean" if snr_db is None else f"{snr_db:g}db"))
        return Hearing(ears, spec.config.batch_s, snr_db, store, identities=identities)

    hearings = {"clean": hearing()} | {f"{snr:g} dB": hearing(snr) for snr in spec.config.snr_db}
    suite = Suite(spec.folder or Path(), spec.config, spec.tasks if spec.folder else (), hearings, note, journal)
    return suite, Measures(spec.cuts, spec.config, hearings["clean"], note, journal)


def plain_model(model: SSRForConditionalGeneration) -> SSRForConditionalGeneration:
    """The same with the base LLM as it was before stage 2."""
    config = type(model.config).from_dict(model.config.to_dict())
    base = SSRForConditionalGeneration(config, model.encoder, base_llm(config), model.tokenizer)
    base.eval().to(best_device())
    return base


def is_baseline(model: SSRForConditionalGeneration) -> bool:
    """Whether its connector is any but SSR's."""
    return not isinstance(model.connector, SSRConnector)


def check_same_base(
    main: str, model: SSRForConditionalGeneration, name: str, other: SSRForConditionalGeneration
) -> None:
    """Raise UserError where a system has another encoder, aligner or LLM than the one it is compared with."""
    a, b = model.config, other.config
    state, other_state = model.aligner.state_dict(), other.aligner.state_dict()
    ears, other_ears = ((c.heard, c.aligner) for c in (a, b))
    if ears != other_ears or any(not torch.equal(state[k], other_state[k]) for k in state):
        raise UserError(f"{name} hears through another encoder or aligner than {main}; evaluate it on its own")
    try:
        check_identity(name, a.llm_identity, b.llm_identity)
    except UserError:
        raise UserError(f"{name} stands on another LLM than {main}; evaluate it on its own") from None


def machine() -> str:
    """What this ran on."""
    kind = platform.processor() or platform.machine()
    return f"{kind}, {torch.get_num_threads()} threads, Python {platform.python_version()}, torch {torch.__version__}"


def commit(package: Path = PACKAGE) -> str:
    """The commit of the code that runs, where git tracks it, with a mark if it was changed since.

    Else version and digest: a package installed inside somebody's repository is none of that repository's commits.
    """

    def git(*words: str) -> str:
        run = subprocess.run(["git", *words], cwd=package, capture_output=True, text=True, check=True)
        return run.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        return git("describe", "--always", "--dirty", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return f"{__version__} {code(package)}"
